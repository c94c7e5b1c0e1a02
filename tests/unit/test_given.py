# SPDX-License-Identifier: Apache-2.0
"""Claims about what comes from outside: each wrong piece is named before anything is run."""

import json
import struct

import pytest
import torch
from foreign_checkpoints import other_tokenizer, our_tokenizer, random_model, write_folder
from safetensors.torch import load_file, save_file

from r1repro.checkpoint_folder import check_folder, check_reward_model, tokens_of
from r1repro.errors import InputError
from r1repro.given import (
    check_attempts,
    files_of,
    name_of,
    positions_for,
    problems_of,
    records_in,
    separate,
)
from r1repro.learn.checkpoint import load_model, load_tokenizer
from r1repro.sample_file import check_samples, each_sample
from r1repro.weight_files import shapes_in

FAMILIES = ("llama", "qwen2", "gpt2", "gpt_neox", "gemma2", "mamba")
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=FAMILIES)
def sound(request, tmp_path_factory):
    """A folder of each family, as save_pretrained writes it."""
    folder = tmp_path_factory.mktemp("sound") / request.param
    return write_folder(folder, request.param, our_tokenizer(), spare=3)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to spoil."""
    monkeypatch.chdir(tmp_path)
    return write_folder(tmp_path / "model", "qwen2", our_tokenizer())


def test_a_sound_folder_of_any_family_is_accepted(sound):
    """Its weights have the shapes that torch loads; nothing of them is read."""
    check_folder(sound)
    loaded = load_file(sound / "model.safetensors")
    assert shapes_in(sound) == {name: tuple(weight.shape) for name, weight in loaded.items()}


def test_a_model_in_several_files_is_one_model(tmp_path):
    """The index names the files; one that is missing is named."""
    model = random_model("llama", 420, 3)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) > 2
    shapes = shapes_in(tmp_path)
    kept = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    assert shapes.items() <= kept.items()  # a tied head is saved once
    files[1].unlink()
    with pytest.raises(InputError, match=rf"lacks {files[1].name}, which its index names"):
        shapes_in(tmp_path)


def cut(folder, share):
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: int(len(content) * share)])


def other_rows(folder):
    """The embedding of a model with other tokens, under this configuration."""
    weights = load_file(folder / "model.safetensors")
    name = "model.embed_tokens.weight"
    weights[name] = weights[name][:-8].clone()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def tokenizer_of_more_tokens(folder):
    config = json.loads((folder / "config.json").read_text())
    other_tokenizer().save_pretrained(folder)
    more = json.loads((folder / "tokenizer.json").read_text())
    more["added_tokens"].append({**more["added_tokens"][0], "content": "<x>", "id": 999})
    (folder / "tokenizer.json").write_text(json.dumps(more))
    assert config["vocab_size"] < 1000


def changed(folder, name, **values):
    file = folder / name
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


SPOILED = {
    "data cut off": (lambda f: cut(f, 0.9), "bytes but its header tells of", "is cut off"),
    "header cut off": (lambda f: cut(f, 0.001), "cut off within its header", "again"),
    "nearly empty": (
        lambda f: (f / "model.safetensors").write_bytes(b"abc"), "no safetensors file", "save"),
    "a pickle renamed": (
        lambda f: torch.save({"a": torch.zeros(9)}, f / "model.safetensors"),
        "is no safetensors file", "save_pretrained"),
    "pickles only": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        "pickled weights are never loaded", "save_pretrained"),
    "garbage behind": (
        lambda f: (f / "model.safetensors").open("ab").write(b"0") and None, "is damaged", "again"),
    "header is no JSON": (
        lambda f: (f / "model.safetensors").write_bytes(struct.pack("<Q", 4) + b"{{}}"),
        "damaged header", "again"),
    "header is a list": (
        lambda f: (f / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]"),
        "damaged header", "again"),
    "index is none": (
        lambda f: (f / "model.safetensors.index.json").write_text("[]"), "no index", "again"),
    "other vocabulary size": (other_rows, "but config.json says vocab_size", "embed_tokens"),
    "config of another size": (
        lambda f: changed(f, "config.json", vocab_size=99999), "says vocab_size 99999", "rows"),
    "tokenizer with more tokens": (
        tokenizer_of_more_tokens, "has 1000 tokens but the model's embedding only", "belongs"),
    "tokenizer with another end": (
        lambda f: other_tokenizer().save_pretrained(f), "config.json says eos_token_id", "another"),
    "end token that is none": (
        lambda f: changed(f, "tokenizer_config.json", eos_token="<|nowhere|>"),
        "names the end token '<|nowhere|>'", "belongs"),
    "no tokenizer": (
        lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json is missing", "save"),
    "tokenizer cut": (lambda f: (f / "tokenizer.json").write_text("{"), "is not JSON", "tokenizer"),
    "tokenizer of nothing": (
        lambda f: (f / "tokenizer.json").write_text('{"model": {"vocab": {}}}'),
        "no tokenizer that can be read", "save_pretrained"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_a_wrong_piece_is_named_before_anything_is_loaded(case, folder):
    """One sentence: what, where, what to do."""
    spoil, *words = SPOILED[case]
    spoil(folder)
    with pytest.raises(InputError) as error:
        check_folder(folder)
    sentence = str(error.value)
    assert "\n" not in sentence and folder.name in sentence
    for word in words:
        assert word in sentence


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_where_they_are_loaded(bad, folder):
    """The plan does not read them; the stage stops before its first step."""
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][3] = bad
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    check_folder(folder)
    with pytest.raises(InputError, match="holds weights that are not finite numbers"):
        load_model(folder, CPU)


def test_a_program_called_by_hand_refuses_another_models_tokenizer_too(folder):
    """The same sentence as in the plan."""
    other_tokenizer().save_pretrained(folder)
    with pytest.raises(InputError, match="as if the tokenizer were another model's"):
        load_tokenizer(folder)


def test_several_end_tokens_of_a_chat_model_are_accepted(folder):
    """Llama 3 names three; the tokenizer's is one of them."""
    end = tokens_of(folder)["<|end|>"]
    changed(folder, "config.json", eos_token_id=[1, end, 2])
    check_folder(folder)


def test_a_reward_model_needs_its_head(folder):
    """A language model alone scores nothing."""
    with pytest.raises(InputError, match=r"no reward model: value_head\.safetensors is missing"):
        check_reward_model(folder)
    save_file({"weight": torch.zeros(1, 32)}, folder / "value_head.safetensors")
    check_reward_model(folder)


# ---- samples and records ------------------------------------------------------------------------

GOOD = '{"prompt": "Q Assistant:", "response": "A", "source": "someone"}\n'
LINES = {
    "no response": ('{"prompt": "a"}', "line 2: a sample needs a text in 'response'"),
    "chat messages": ('{"messages": []}', "line 2: a sample needs a text in 'prompt'"),
    "empty": ('{"prompt": " ", "response": "b"}', "line 2: a sample needs a text in 'prompt'"),
    "a number": ('{"prompt": "a", "response": 3}', "line 2: a sample needs a text in 'response'"),
    "no JSON": ("prompt,response", "line 2: not JSON"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_sample_that_is_none_is_named_with_its_line(case, tmp_path):
    """Other keys are passed over; a line without both texts is not."""
    text, words = LINES[case]
    file = tmp_path / "sft.jsonl"
    file.write_text(GOOD + text + "\n", encoding="utf-8")
    check_samples(file)  # the plan looks at the first line, the stage at all
    with pytest.raises(InputError, match=words):
        list(each_sample(file))


def test_an_empty_file_and_a_missing_one_are_no_samples(tmp_path):
    """Both are told when the workflow is planned."""
    (tmp_path / "sft.jsonl").write_text("")
    with pytest.raises(InputError, match="holds no sample to learn from"):
        check_samples(tmp_path / "sft.jsonl")
    with pytest.raises(InputError, match="is no file"):
        check_samples(tmp_path / "none.jsonl")


def test_a_folder_without_records_cannot_be_billed(tmp_path):
    """Hidden files are leftovers of a kill, not records."""
    with pytest.raises(InputError, match="is no folder"):
        check_attempts(tmp_path / "none")
    (tmp_path / "base").mkdir()
    (tmp_path / "base/.x.jsonl").write_text("{}")
    with pytest.raises(InputError, match="holds no attempt record"):
        check_attempts(tmp_path)
    (tmp_path / "base/x.jsonl").write_text("{}")
    check_attempts(tmp_path)
    assert records_in(str(tmp_path)) == [str(tmp_path / "base/x.jsonl")]


# ---- keys ---------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """A default and a file laid over it."""
    (tmp_path / "default.yaml").write_text(
        "base: {tokens: 5, rows: 2}\nmodel: {checkpoint: null}\nr1: {updates: 1}\n"
    )
    (tmp_path / "mine.yaml").write_text("base: {rows: 3}\n")
    return [tmp_path / "default.yaml", tmp_path / "mine.yaml"]


def test_the_settings_of_a_stage_that_is_given_stay_those_of_the_files(files):
    """Other sections may be like it."""
    config = {"base": "models/x", "model": {"checkpoint": None}, "r1": {"updates": 1}}
    given = separate(config, files)
    assert {stage: tuple(value) for stage, value in given.items()} == {"base": ("models/x", "base")}
    assert config["base"] == {"tokens": 5, "rows": 3}
    assert config["model"]["checkpoint"] == "models/x"


def test_a_path_in_a_file_counts_like_one_on_the_command_line(files):
    """`base: DIR` in the upper file hides no setting of the lower one."""
    files[1].write_text("base: models/x\n")
    config = {"base": "models/x", "model": {"checkpoint": None}}
    assert separate(config, files)["base"].path == "models/x"
    assert config["base"] == {"tokens": 5, "rows": 2}


def test_the_older_name_means_the_same_and_the_new_one_wins(files):
    """`model.checkpoint` names the base as well."""
    config = {"base": {"tokens": 5}, "model": {"checkpoint": "models/y"}}
    assert tuple(separate(config, files)["base"]) == ("models/y", "model.checkpoint")
    config["base"] = "models/x"
    assert separate(config, files)["base"].path == "models/x"


def test_a_stage_that_nothing_starts_from_cannot_be_given(files):
    """It stays a text, which the schema refuses."""
    config = {"r1": "models/x", "model": {"checkpoint": None}}
    assert separate(config, files) == {}
    assert config["r1"] == "models/x"


def test_rows_are_held_against_the_folder_that_the_stage_starts_from(folder, tmp_path):
    """Hand-worked: r1 and an arm like it start from dev3, dev2 from what dev1 starts from."""
    config = {
        "checkpoint": None, "attempts": None, "model": {"checkpoint": None},
        "dev3": str(folder), "base": "b", "controls": {"hot": {"like": "r1"}},
    }  # fmt: skip
    sections = tmp_path / "sections.yaml"
    sections.write_text("dev3: {x: 1}\nbase: {x: 1}\n")
    given = separate({**config, "base": {"x": 1}}, [sections])
    assert positions_for(config, "r1", given) == ("dev3", 320)
    assert positions_for(config, "controls.hot", given) == ("dev3", 320)
    assert positions_for(config, "dev2", given) is None
    given = separate({**config, "base": str(folder), "dev3": {"x": 1}}, [sections])
    for section in ("dev1", "dev2", "sft_data", "r1", "evaluate"):
        assert positions_for(config, section, given) == ("base", 320)
    config["checkpoint"] = str(folder)
    assert positions_for(config, "evaluate", given) == ("checkpoint", 320)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_a_path_that_no_system_knows_is_a_sentence(path):
    """Not a traceback."""
    config = {"checkpoint": path, "attempts": None}
    [(key, sentence)] = problems_of(config, {})
    assert key == "checkpoint" and sentence


def test_the_name_of_a_folder_is_safe_in_a_path_and_apart_from_every_stage():
    """Blanks, quotes and other letters become one sign; `base` does not hide the stage."""
    assert name_of("models/base") == "given_base"
    assert name_of("models/my 'tiny' модель") == "given_my_tiny_"
    assert name_of("models/x/") == name_of("models/x") == "given_x"


def test_a_change_of_any_file_of_a_folder_is_seen(folder):
    """Each file is an input of the rule."""
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        name.rsplit("/", 1)[1] for name in files_of(str(folder))
    }
    assert files_of(None) == []
