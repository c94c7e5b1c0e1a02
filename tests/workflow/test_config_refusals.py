# SPDX-License-Identifier: Apache-2.0
"""A wrong configuration is refused with one sentence that says what to do."""

from pathlib import Path

import pytest
import yaml
from clones import snakemake

from r1repro.configuration import problems, settings_of
from r1repro.inheritance import laid_over

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
DEFAULT = ROOT / "config/config.yaml"
BASES = (".base", ".small_base", ".tiny_base")


def told(tmp_path: Path, text: str) -> list[str]:
    """Return the sentences about a file laid over the default configuration."""
    upper = tmp_path / "mine.yaml"
    upper.write_text(text, encoding="utf-8")
    config = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    merged = laid_over(config, yaml.safe_load(text))
    return problems(merged, SCHEMA, [DEFAULT, upper], {})


REFUSED = {
    "misspelt key": ("r1_zero:\n  updatess: 8\n", "line 2", "did you mean 'r1_zero.updates'?"),
    "misspelt section": ("modell: {}\n", "line 1", "did you mean 'model'?"),
    "key of another section": ("base: {samples: 4}\n", "line 1", "'evaluate.samples'"),
    "unknown key": ("tokenizer: {zzz: 1}\n", "'tokenizer.zzz'", "known here: vocab_size"),
    "text for a number": ("seed: many\n", "'seed' must be a whole number", '"many"'),
    "number read as text": ("base: {learning_rate: 1e-3}\n", "learning_rate", "1.0e-3"),
    "float for a count": ("r1_zero: {updates: 4.0e+1}\n", "whole number", "without a point"),
    "true for a number": ("evaluate: {samples: true}\n", "whole number", "but is true"),
    "quoted truth": ('require_gpu: "true"\n', "must be true or false", "without quotes"),
    "not a number": ("r1_zero: {temperature: .nan}\n", "'r1_zero.temperature'", "a number"),
    "bare off": ("tracking: {mode: off}\n", "'tracking.mode'", "one of off, offline"),
    "misspelt choice": ("scale: minni\n", "one of smoke, mini", "did you mean mini?"),
    "too small": ("r1_zero: {group_size: 1}\n", "at least 2", "but is 1"),
    "too large": ("evaluate: {top_p: 1.5}\n", "at most 1", "but is 1.5"),
    "zero where none may be": ("base: {learning_rate: 0}\n", "greater than 0", "but is 0"),
    "list too short": ("base: {betas: [0.9]}\n", "at least 2 entries", "[0.9]"),
    "section emptied": ("model: null\n", "'model' must be a section", "null"),
    "section as number": ("model: 3\n", "'model' must be a section with keys", "3"),
    "bad project": ("tracking: {project: 'a b'}\n", "'tracking.project'", "a b"),
    "set twice": ("seed: 2\nseed: 3\n", "line 2", "a second time"),
    "shares do not add up": (
        "data: {corpus: {shares: {worked: 0.9, chat_worked: 0.9}}}\n",
        "'data.corpus.shares' must add up to 1",
    ),
    "vote of more than sampled": (
        "evaluate: {samples: 8, consensus: 9}\n",
        "'evaluate.consensus' (9) must not exceed 'evaluate.samples' (8)",
    ),
    "half a rollout": (
        "r1_zero: {updates: 42, updates_per_rollout: 4}\n",
        "'r1_zero.updates' (42) must be a multiple of 'r1_zero.updates_per_rollout' (4)",
    ),
    "rows too long": (
        "base: {row_tokens: 999999}\n",
        "'base.row_tokens' (999999) must not exceed 'model.max_positions'",
    ),
    "own prompts that are not there": (
        "data: {user_prompts: not/there.jsonl}\n",
        "'data.user_prompts' names not/there.jsonl, which is no file",
    ),
    "odd head": (
        "model: {hidden_size: 130, heads: 4}\n",
        "'model.hidden_size' (130) must be a multiple of 'model.heads' (4)",
    ),
    "like nothing": ("dev2: {like: r1zero}\n", "'dev2.like' is 'r1zero', which is no section"),
    "like itself": ("dev2: {like: r1}\n", "'r1.like' leads back to itself (dev2 -> r1 -> dev2)"),
    "number for a folder": ("checkpoint: 2026\n", "'checkpoint' must be", "write ./ before"),
    "date for a folder": ("base: 2026-11-30\n", "'base' must be", "write ./ before"),
    "arm named like its stage": (
        "controls: {r1_zero: {like: r1_zero}}\n",
        "'r1_zero' cannot name an arm of 'controls': it is the name of another part",
    ),
    "arm whose log is a score's": ("controls: {Score_Base: {like: dev2}}\n", "another part"),
    "arm named like a program": ("controls: {ladder: {like: dev2}}\n", "another part"),
    "two arms on some disks": ("controls: {a: {like: r1}, A: {like: r1}}\n", "another arm has it"),
    **{
        f"arm named {name[:9]}": (f"controls: {{'{name}': {{like: r1}}}}\n", "use letters, digits")
        for name in ("kl+0", "a(b", "..", "a/b", "a b", "7", "ä", "", "a" * 65, "a.b", "{x}")
    },
    "arm of no RL stage": (
        "controls: {mine: {like: r1_zero}, no_format_reward: {like: dev1}}\n",
        "'controls.no_format_reward",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_setting_is_named_with_its_place_and_advice(case, tmp_path):
    """The sentence holds the file, the key and what to do; nothing else is said."""
    text, *fragments = REFUSED[case]
    sentences = told(tmp_path, text)
    assert sentences
    assert "mine.yaml, line" in sentences[0]
    for fragment in fragments:
        assert any(fragment in sentence for sentence in sentences), sentences


def test_each_wrong_setting_gets_one_sentence(tmp_path):
    """Three mistakes are three sentences in one go, not three attempts."""
    sentences = told(tmp_path, "seed: x\nscale: y\nr1_zero: {updatess: 1}\n")
    assert len(sentences) == 3


def test_what_a_section_has_from_another_is_told_once(tmp_path):
    """Four stages and most arms have r1_zero's group size; an own value is told of its section."""
    assert len(told(tmp_path, "r1_zero: {warmup_updates: -1}\n")) == 1
    assert len(told(tmp_path, "r1_zero: {group_size: 1}\n")) == 1
    [sentence] = told(tmp_path, "controls: {no_format_reward: {updates: 42}}\n")
    assert "'controls.no_format_reward.updates' (42) must be a multiple" in sentence
    [sentence] = told(tmp_path, "dev1: {epochs: 0}\nrm_safety: {epochs: 1.5}\n")[1:]
    assert "'rm_safety.epochs'" in sentence


@pytest.mark.parametrize("name", ["config", "smoke", "node", "paper"])
def test_every_shipped_configuration_is_accepted(name):
    """What we ship passes its own checks."""
    default = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    upper = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8"))
    assert problems(laid_over(default, upper), SCHEMA, [DEFAULT], {}) == []


def test_the_schema_refuses_unknown_keys_at_every_level():
    """No section is open, every key is described and every key but `like` is required.

    A base may have sizes of its own.
    """

    def walk(part: dict, path: str) -> None:
        if path:
            assert part["description"].strip(), path
        if path == ".controls":  # any name, but each arm has the keys of RL
            assert part["additionalProperties"] == SCHEMA["properties"]["r1_zero"], path
        elif part.get("type") == "object":
            assert part["additionalProperties"] is False, path
            optional = {"like", "model"} if path in BASES else {"like"}
            assert set(part["required"]) == set(part["properties"]) - optional, path
            for name, below in part["properties"].items():
                walk(below, f"{path}.{name}")

    walk(SCHEMA, "")


def test_a_stage_receives_only_what_it_uses():
    """Settings of other stages are not in a stage's JSON, so they cannot rerun it."""
    config = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    text = settings_of(config, "data", "model", without=("data.corpus",))
    changed = laid_over(config, {"data": {"corpus": {"documents": 1}}, "base": {"tokens": 5}})
    assert settings_of(changed, "data", "model", without=("data.corpus",)) == text
    assert settings_of(laid_over(config, {"seed": 2}), "model") != settings_of(config, "model")


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("text", "wanted", "refused"),
    [
        ("r1_zero: {updates: 8}", "r1_zero", None),
        (
            "controls: {mine: {like: r1_zero, updates_per_rollout: 5}}",
            "controls",
            "controls.mine.updates",
        ),
        ("r1_zero: {updates: 8}\ncontrols: {}", "controls", None),
        ("dev2: {updates: 7}", "r1_zero", None),
        # r1 has that key from dev2
        ("dev2: {warmup_updates: 3, updates_per_rollout: 5}", "r1", "dev2.updates"),
        ("evaluate: {samples: 4}", "r1_zero", None),
        ("evaluate: {samples: 4}", "evaluate", "evaluate.consensus"),
    ],
)
def test_a_stage_is_stopped_by_its_own_settings_and_no_others(
    text, wanted, refused, shared_clone, tmp_path
):
    """What no stage of this run uses may be unsound; `controls: {}` leaves no shipped arm."""
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    answer = snakemake(shared_clone, "-n", wanted, "--configfile", str(tmp_path / "mine.yaml"))
    assert (answer.returncode != 0) == (refused is not None), answer.stdout
    assert "Traceback" not in answer.stdout
    if refused:
        assert f"mine.yaml, line 1: '{refused}'" in answer.stdout


@pytest.mark.workflow
def test_snakemake_refuses_a_wrong_file_without_a_traceback(shared_clone, tmp_path):
    """The command exits with an error and shows the sentence, not Python's stack."""
    (tmp_path / "mine.yaml").write_text("r1_zero: {learning_rat: 1.0e-4}\n", encoding="utf-8")
    answer = snakemake(shared_clone, "-n", "--configfile", str(tmp_path / "mine.yaml"))
    assert answer.returncode != 0
    assert "did you mean 'r1_zero.learning_rate'?" in answer.stdout
    assert "Traceback" not in answer.stdout


@pytest.mark.workflow
def test_snakemake_refuses_a_wrong_value_from_the_command_line(shared_clone):
    """--config passes the same checks as a file."""
    answer = snakemake(shared_clone, "-n", "--config", "seed=-1")
    assert answer.returncode != 0
    assert "--config on the command line: 'seed' must be at least 0 but is -1" in answer.stdout
    assert "Traceback" not in answer.stdout
