# SPDX-License-Identifier: Apache-2.0
"""Claims about checkpoints of any family: what is loaded, what is refused, what it costs."""

import json
import shutil

import pytest
import torch
from foreign_checkpoints import other_tokenizer, our_tokenizer, random_model, write_folder
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, Qwen2Config, Qwen3Config

from r1repro.errors import InputError
from r1repro.files import sha256_tree
from r1repro.learn.checkpoint import check_room, load_model, load_tokenizer, save_checkpoint
from r1repro.learn.flop import forward_flop, training_flop, weights_per_token
from r1repro.learn.tokenizer import decode, encode_all
from r1repro.tasks.template import frame

CPU = torch.device("cpu")
TOKENIZERS = {"ours": our_tokenizer, "other": other_tokenizer}


@pytest.fixture(scope="module")
def qwen2(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("own") / "a qwen2", "qwen2", our_tokenizer())


@pytest.fixture
def broken(qwen2, tmp_path):
    """A copy of a good folder for a test to spoil."""
    return shutil.copytree(qwen2, tmp_path / "broken")


# ---- what is loaded ------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("family", ["qwen2", "qwen3", "gpt2"])
def test_a_folder_is_loaded_as_it_was_saved_and_not_touched(family, tokenizer, tmp_path):
    """Same logits, in float32, no dropout; reading changes no byte of the folder."""
    made = TOKENIZERS[tokenizer]()
    folder = write_folder(tmp_path / "own", family, made, spare=7)
    before = sha256_tree(folder)
    model, loaded = load_model(folder, CPU), load_tokenizer(folder)
    assert sha256_tree(folder) == before
    assert not model.training and {w.dtype for w in model.parameters()} == {torch.float32}
    [ids] = encode_all(loaded, [frame("What is 1+2?")])
    assert ids == encode_all(made, [frame("What is 1+2?")])[0]
    original = random_model(family, len(made) + 7, made.eos_token_id)
    with torch.no_grad():
        row = torch.tensor([ids])
        torch.testing.assert_close(model(row).logits, original(row).logits, atol=0, rtol=0)


def test_what_is_saved_opens_in_transformers_own_classes(qwen2, tmp_path):
    save_checkpoint(load_model(qwen2, CPU), load_tokenizer(qwen2), tmp_path / "again")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "again")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "again")
    assert model.config.model_type == "qwen2"
    assert tokenizer.eos_token_id == load_tokenizer(qwen2).eos_token_id


def test_half_precision_weights_are_trained_in_float32(tmp_path):
    model = random_model("qwen2", 50, 49).bfloat16()
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, CPU)
    assert {w.dtype for w in loaded.parameters()} == {torch.float32}
    weight = loaded.model.layers[0].mlp.up_proj.weight
    assert torch.equal(weight, model.model.layers[0].mlp.up_proj.weight.float())


def test_a_token_that_the_tokenizer_does_not_know_has_no_text(qwen2):
    """Embeddings are often padded; a sampled spare row must not stop the run."""
    tokenizer = load_tokenizer(qwen2)
    [ids] = encode_all(tokenizer, ["3"])
    assert decode(tokenizer, [*ids, len(tokenizer) + 5, tokenizer.eos_token_id]) == "3"


# ---- what is refused -----------------------------------------------------------------------------


def edit(file, **changes):
    """Change or (None) remove keys of a JSON file."""
    value = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))


def pickled(folder):
    (folder / "model.safetensors").unlink()
    torch.save(random_model("qwen2", 50, 49).state_dict(), folder / "pytorch_model.bin")


def truncated(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])


def other_weights(folder):
    random_model("gpt2", 50, 49).save_pretrained(folder / "x")
    shutil.copy(folder / "x/model.safetensors", folder / "model.safetensors")


def not_finite(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.model.layers[1].self_attn.q_proj.bias[0] = float("inf")
    model.save_pretrained(folder)


MODELS = {
    "no config.json": (lambda f: (f / "config.json").unlink(), "config.json is missing"),
    "config.json cut": (lambda f: (f / "config.json").write_text("{"), "is not JSON"),
    "config.json a list": (lambda f: (f / "config.json").write_text("[]"), "not a JSON object"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no readable safetensors"),
    "pickled weights": (pickled, "pickled weights are never loaded"),
    "weights cut": (truncated, "can be loaded here"),
    "weights of another model": (other_weights, "lacks .* weights of a 'qwen2' model"),
    "other sizes": (lambda f: edit(f / "config.json", hidden_size=64), "can be loaded here"),
    "unknown family": (lambda f: edit(f / "config.json", model_type="zzz"), "can be loaded here"),
    "no language model": (lambda f: edit(f / "config.json", model_type="vit"), "be loaded here"),
    "own code": (
        lambda f: edit(
            f / "config.json", model_type="zzz", auto_map={"AutoConfig": "evil.Configuration"}
        ),
        "can be loaded here",
    ),
    "quantised": (
        lambda f: edit(f / "config.json", quantization_config={"quant_method": "gptq"}),
        "quantised",
    ),
    "not finite": (not_finite, "not finite"),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_folder_that_is_no_model_is_refused_with_one_sentence(case, broken):
    spoil, words = MODELS[case]
    spoil(broken)
    with pytest.raises(InputError, match=words) as caught:
        load_model(broken, CPU)
    assert str(broken) in str(caught.value) and "\n" not in str(caught.value)


def test_code_beside_the_weights_is_never_run(broken):
    """A folder may bring Python files for transformers to import; they stay unread."""
    (broken / "evil.py").write_text("raise SystemExit('the code of a stranger was run')")
    edit(broken / "config.json", auto_map={"AutoModelForCausalLM": "evil.Model"})
    assert load_model(broken, CPU).config.model_type == "qwen2"


TOKENIZER_FILES = {
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json is missing"),
    "tokenizer cut": (lambda f: (f / "tokenizer.json").write_text("{"), "cannot be read"),
    "no end token": (
        lambda f: edit(f / "tokenizer_config.json", eos_token=None),
        "has no end token",
    ),
    "embedding too small": (
        lambda f: edit(f / "config.json", vocab_size=100),
        r"has \d+ tokens but the model's embedding only 100",
    ),
}


@pytest.mark.parametrize("case", TOKENIZER_FILES)
def test_a_folder_without_a_fitting_tokenizer_is_refused_with_one_sentence(case, broken):
    spoil, words = TOKENIZER_FILES[case]
    spoil(broken)
    with pytest.raises(InputError, match=words) as caught:
        load_tokenizer(broken)
    assert str(broken) in str(caught.value) and "\n" not in str(caught.value)


def test_prompt_and_response_must_fit_into_the_model_and_into_a_row():
    """320 positions: a prompt of 300 and a response of 20 fit, one token more does not."""
    for family in ("qwen2", "gpt2"):
        model = random_model(family, 50, 49)
        check_room(model, [[1] * 5, [1] * 300], 20)
        with pytest.raises(InputError, match="300 tokens .* up to 21 .* 320 positions"):
            check_room(model, [[1] * 5, [1] * 300], 21)
        check_room(model, [[1] * 30], 10, row_tokens=40)
        with pytest.raises(InputError, match="rows of 39 tokens; raise row_tokens"):
            check_room(model, [[1] * 30], 10, row_tokens=39)


# ---- what it costs -------------------------------------------------------------------------------


def test_flop_of_a_plain_llama_by_hand():
    """Width 8, 2 heads, feed-forward 16, vocabulary 10, one layer, one token, rows of 6.

    Weights: 4 x 8 x 8 + 3 x 8 x 16 + 10 x 8 = 720. Scores: 4 x 8 x 3 visible = 96.
    """
    config = LlamaConfig(
        hidden_size=8,
        num_attention_heads=2,
        num_hidden_layers=1,
        intermediate_size=16,
        vocab_size=10,
    )
    assert weights_per_token(config) == 720
    assert forward_flop(config, 1, 6) == 2 * 720 + 96
    assert training_flop(config, 5, 6) == 3 * 5 * (2 * 720 + 96)


@pytest.mark.parametrize("tied", [True, False])
def test_flop_with_grouped_keys_and_wide_heads_by_hand(tied):
    """Width 8, 4 heads of 6, 2 key heads: queries 8 x 24, keys and values 8 x 12 each, output
    24 x 8; 2 layers. Weights: 2 x (192 + 96 + 96 + 192 + 3 x 8 x 16) + 10 x 8 = 2,000.
    Scores: 2 layers x 4 x 24 x 3 visible = 576. The output layer is computed, tied or not.
    """
    config = Qwen3Config(
        hidden_size=8,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=6,
        num_hidden_layers=2,
        intermediate_size=16,
        vocab_size=10,
        tie_word_embeddings=tied,
    )
    assert weights_per_token(config) == 2000
    assert forward_flop(config, 1, 7) == 2 * 2000 + 576


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
def test_the_counted_weights_are_the_models_matrices(family, tied):
    """A second count: every matrix of the model except the embedding, and the output layer."""
    model = random_model(family, 50, 49, tie_word_embeddings=tied)
    inner = sum(w.numel() for w in model.model.layers.parameters() if w.ndim == 2)
    assert weights_per_token(model.config) == inner + model.lm_head.weight.numel()


def test_a_head_is_its_share_of_the_width_where_the_configuration_names_none():
    config = Qwen2Config(hidden_size=32, num_attention_heads=4, num_key_value_heads=2)
    config.head_dim = None
    assert forward_flop(config, 1, 2) - 2 * weights_per_token(config) == 32 * 4 * 32


def test_an_unknown_architecture_is_estimated_from_its_matrices():
    """GPT-2 of width 32: 2 layers of 12 x 32 x 32, the tied output 50 x 32; no positions."""
    model = random_model("gpt2", 50, 49)
    assert weights_per_token(model.config) == 2 * 12 * 32 * 32 + 50 * 32
    assert forward_flop(model.config, 10, 99) == 10 * 2 * (2 * 12 * 32 * 32 + 50 * 32)
    untied = random_model("gpt_neox", 50, 49, tie_word_embeddings=False)
    inner = 2 * (4 * 32 * 32 + 2 * 32 * 48)
    assert weights_per_token(untied.config) == inner + 50 * 32
