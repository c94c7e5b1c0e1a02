# SPDX-License-Identifier: Apache-2.0
"""Claims about the speed benchmarks' own arithmetic; no speed is measured here."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import overhead  # noqa: E402
import record  # noqa: E402
import report  # noqa: E402
from arithmetic import decode_bytes, forward_flop  # noqa: E402
from bench_contestants import stumble, write_name  # noqa: E402
from memory import Peak  # noqa: E402
from operations import by_kind  # noqa: E402
from shapes import BenchError, end_after, prepare, settings_of  # noqa: E402
from turns import interleave, ratio  # noqa: E402

SECTION = {
    "updates_per_rollout": 4,
    "questions_per_update": 8,
    "group_size": 16,
    "row_tokens": 256,
    "max_response_tokens": 48,
}


def small_config(**changed) -> LlamaConfig:
    """Return sizes small enough to count by hand."""
    sizes = {
        "vocab_size": 50,
        "hidden_size": 4,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 8,
        "eos_token_id": 0,
        "pad_token_id": 1,
    }
    return LlamaConfig(**sizes | changed)


def test_flop_of_a_pass_can_be_counted_by_hand():
    """A question of 3 and responses of 1 and 3 tokens: 5 fed, 3 predicted, 15 + ... seen."""
    # Weights of a layer: q 4x4, k 4x2, v 4x2, o 4x4, three feed-forward matrices 4x8.
    weights = 16 + 8 + 8 + 16 + 3 * 32
    fed = 3 + 0 + 2
    seen = (1 + 2 + 3) + (4 + 5)
    predicted = 1 + 0 + 2
    expected = 2 * 2 * weights * fed + 4 * 2 * 4 * seen + 2 * 50 * 4 * predicted
    assert forward_flop(small_config(), [(3, [1, 3])]) == expected


def test_a_question_is_counted_once_for_its_group():
    """Sixteen responses of one token cost no more than one: all come from the question."""
    config = small_config()
    assert forward_flop(config, [(7, [1] * 16)]) == forward_flop(config, [(7, [1])])


def test_bytes_of_decoding_can_be_counted_by_hand():
    """Two steps read all weights; keys and values are 2 numbers each per layer and seen token."""
    weights = 2 * (16 + 8 + 8 + 16 + 3 * 32) + 50 * 4
    seen = 4 + 5
    assert decode_bytes(small_config(), 4, [(3, [1, 3])]) == 4 * (2 * weights + 2 * 2 * 2 * seen)


def test_ratio_compares_rounds_pairwise():
    """A slow minute that hits both contestants in the same round leaves the ratio alone."""
    found = ratio([4.0, 40.0, 4.4], [1.0, 10.0, 1.0])
    assert (found.median, found.lowest) == (4.0, 4.0)
    assert found.highest == pytest.approx(4.4)


def test_contestants_take_turns_and_a_failure_ends_only_its_own(tmp_path):
    """One warm-up and two counted rounds are ABABAB; the one that fails leaves its reason."""
    path = tmp_path / "order"
    contestants = {
        "A": (write_name, (path, "A")),
        "bad": (stumble, None),
        "B": (write_name, (path, "B")),
    }
    taken = interleave(contestants, rounds=2, warm=1)
    assert path.read_text(encoding="utf-8") == "ABABAB"
    assert [len(taken[name]) for name in ("A", "B")] == [2, 2]
    assert all(entry["seconds"] > 0 and entry["disturbed"] >= 0 for entry in taken["A"])
    assert "no such thing" in taken["bad"][0]["error"]


def test_random_weights_end_with_the_asked_chance():
    """On other text than that of the calibration the end has about the chance 1 / 20."""
    torch.manual_seed(1)
    model = LlamaForCausalLM(small_config(hidden_size=64, tie_word_embeddings=False))
    end_after(model, 0, 20.0)
    with torch.no_grad():
        logits = model(torch.randint(1, 50, (16, 40))).logits
    assert logits.softmax(dim=-1)[..., 0].mean().item() == pytest.approx(1 / 20, rel=0.1)


def test_a_fixed_length_never_ends():
    """The end token has the chance 0 exactly, with tied weights too."""
    torch.manual_seed(1)
    model = LlamaForCausalLM(small_config(hidden_size=64, tie_word_embeddings=True))
    end_after(model, 0, None)
    with torch.no_grad():
        chance = model(torch.randint(1, 50, (16, 40))).logits.softmax(dim=-1)
    assert chance[..., 0].max().item() == 0.0
    assert chance.isfinite().all()


def test_a_missing_run_names_the_command(tmp_path):
    """Without a trained checkpoint the user is told what makes one."""
    with pytest.raises(BenchError, match=r"train\.jsonl is missing: run `make reproduce` first"):
        prepare("mini", tmp_path, None, tmp_path)


def test_nothing_that_happens_once_falls_into_a_measurement():
    """Cap, reference and checkpoints stay put, also with sixteen times the samples."""
    settings = settings_of("fixed", SECTION)
    assert settings["questions_per_update"] * SECTION["group_size"] == 256
    assert settings["max_response_tokens"] == settings["late_max_response_tokens"] == 48
    assert settings["late_from_update"] % (16 * settings["updates_per_rollout"]) == 0


def test_peak_sees_what_is_added_and_freed_again():
    """64 MiB that exist for a moment count; what was there before does not."""
    before = torch.ones(2**23)
    peak = Peak("cpu")
    added = torch.ones(2**24)
    del added
    assert 60 * 2**20 < peak.added() < 96 * 2**20
    assert before.numel() == 2**23


def test_a_busy_machine_is_said():
    """Rounds in which others had half of the machine carry the warning; quiet ones do not."""
    entry = {"seconds": 1.0, "updates": 1, "update": 0.5}
    busy = {"native": [entry | {"disturbed": 0.5}], "TRL float32": [entry | {"disturbed": 0.5}]}
    quiet = {name: [entry | {"disturbed": 0.01}] for name in busy}
    assert "must not be quoted" in report.step(None, busy, {})
    assert "must not be quoted" not in report.step(None, quiet, {})


def test_numbers_are_written_without_exponents():
    """The median stands first, the extremes behind it."""
    assert record.spread([12345.6, 0.12345, 2.0]) == "2 [0.123, 12346]"


def test_time_is_divided_by_kind_of_operation_without_remainder():
    """Products by their own arithmetic, what is not named as the rest."""
    entries = [
        SimpleNamespace(key="aten::mm", self_cpu_time_total=3e6, flops=600),
        SimpleNamespace(key="aten::bmm", self_cpu_time_total=1e6, flops=200),
        SimpleNamespace(key="aten::silu", self_cpu_time_total=2e6, flops=99),
        SimpleNamespace(key="aten::anything", self_cpu_time_total=4e6, flops=0),
    ]
    found = by_kind(entries)
    assert found["product_flop"] == 800
    assert found["seconds_by_kind"] == {
        "matrix products": 4.0,
        "attention": 0.0,
        "softmax, norm, activation": 2.0,
        "sums, products, copies": 0.0,
        "rest": 4.0,
    }


def test_what_records_cost_is_a_share_of_each_round():
    """1 of 10 s and 1 of 20 s: 10 and 5 %, 7.5 % in the middle."""
    rounds = [{"seconds": s, "in_services": 1.0, "disturbed": 0.0} for s in (10, 20)]
    shown = overhead.table({"record": rounds})
    assert "| record | 15 [10, 20] | 1 [1, 1] | 7.50 % [5.00, 10.00] | 0 % |" in shown


def test_a_watch_adds_up_what_calls_take():
    """Also those that fail."""
    watch = overhead.Watch()
    watch.over(time.sleep)(0.02)
    with pytest.raises(ZeroDivisionError):
        watch.over(lambda: (time.sleep(0.02), 1 / 0))()
    assert 0.04 <= watch.seconds < 1
