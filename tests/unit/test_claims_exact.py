# SPDX-License-Identifier: Apache-2.0
"""Claims about equations, statistics, accounting, cost model and words: exact answers."""

import csv
import json
import math
import random
import shutil
import statistics
from pathlib import Path

import pytest
from claims_runs import PUBLISHED, ROOT, SEEDS, definition, make_run, verdict_of, write_csv

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.attempts import open_attempt
from r1repro.audit.claims import intervals
from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.mechanisms import equations
from r1repro.audit.claims.mechanisms.registry import REGISTRY, run_check
from r1repro.audit.claims.runs import open_runs
from r1repro.audit.claims.table import definitions, rows_of
from r1repro.audit.stage_cost import COLUMNS, cells, cost_by_stage


@pytest.fixture
def trainer():
    """The trainer's equations and the library they need; an auditor may have neither."""
    pytest.importorskip("torch", reason="compares with the trainer, which needs torch")
    import torch

    from r1repro.learn import grpo

    return torch, grpo


def test_advantages_agree_with_the_trainer(trainer):
    """Two implementations of equation 3, over rewards of every kind, equal ones included."""
    torch, grpo = trainer
    rng = random.Random(1)
    groups = [[float(rng.choice((0, 1, 2))) for _ in range(16)] for _ in range(40)]
    groups += [[1.0] * 16, [0.1] * 16, [0.0] * 15 + [1.0]]
    trained = grpo.group_advantages(torch.tensor(groups, dtype=torch.float64), "population")
    for group, row in zip(groups, trained.tolist(), strict=True):
        assert equations.group_advantages(group) == pytest.approx(row, abs=1e-12)


def test_divergence_agrees_with_the_trainer(trainer):
    """Two implementations of equation 2, also where both probabilities are almost equal."""
    torch, grpo = trainer
    rng = random.Random(2)
    policy = [rng.uniform(-9, 0) for _ in range(200)]
    reference = [p + rng.choice((0, 1e-4, 1)) * rng.gauss(0, 1) for p in policy]
    both = (torch.tensor(values, dtype=torch.float64) for values in (policy, reference))
    trained = grpo.divergence(*both).tolist()
    own = [equations.divergence_estimate(p, r) for p, r in zip(policy, reference, strict=True)]
    assert own == pytest.approx(trained, abs=1e-12)


def test_equations_by_hand():
    """Rewards 0, 0, 3, 3: mean 1.5, spread 1.5. Ratio 2: 2 - log 2 - 1. One outcome in two."""
    assert equations.group_advantages([0, 0, 3, 3]) == [-1, -1, 1, 1]
    assert equations.group_advantages([2.0] * 3) == [0, 0, 0]
    with pytest.raises(ValueError, match="at least one"):
        equations.group_advantages([])
    assert equations.divergence_estimate(math.log(0.25), math.log(0.5)) == pytest.approx(
        1 - math.log(2)
    )
    assert equations.exact_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(math.log(2))


def broken_std(rewards):
    centre = sum(rewards) / len(rewards)
    return [reward - centre for reward in rewards]


def divides_constant(rewards):
    return [0.001] * len(rewards) if len(set(rewards)) == 1 else real_advantages(rewards)


real_advantages, real_divergence = equations.group_advantages, equations.divergence_estimate


@pytest.mark.parametrize(
    ("name", "target", "wrong"),
    [
        ("mech-group-advantage", "group_advantages", broken_std),
        ("mech-group-advantage", "group_advantages", divides_constant),
        ("mech-kl-estimator", "divergence_estimate", lambda p, r: p - r),  # may be negative
        ("mech-kl-estimator", "divergence_estimate", lambda p, r: (p - r) ** 2 / 2),  # biased
    ],
)
def test_a_wrong_equation_is_found_out(monkeypatch, name, target, wrong):
    """The right ones are supported, and each of four wrong ones is not."""
    assert verdict_of(name, []).verdict == "supported"
    monkeypatch.setattr(equations, target, wrong)
    assert verdict_of(name, []).verdict == "not_supported"


def test_the_t_interval_is_that_of_the_textbook():
    """2, 4, 6: mean 4, spread 2, t at 2 degrees 4.303: 4 +- 4.303 x 2 / sqrt(3)."""
    centre, low, high = intervals.t_interval([2, 4, 6])
    assert (centre, intervals.spread([2, 4, 6])) == (4, 2)
    assert (low, high) == pytest.approx((4 - 4.969, 4 + 4.969), abs=1e-3)
    assert intervals.t_interval([5]) == (5, None, None)
    assert intervals.spread([1, 5, 2]) == pytest.approx(statistics.stdev([1, 5, 2]))
    assert math.isinf(intervals.standard_error([1]))


def test_decisions_on_intervals():
    assert intervals.above((1, 0.1, 2)) is True
    assert intervals.above((1, -0.1, 2)) is None
    assert intervals.above((-1, -2, 0)) is False
    assert intervals.above((1, None, None)) is None
    assert intervals.both(True, None) is None
    assert intervals.both(None, False) is False
    assert intervals.both(True, True) is True


def test_the_bootstrap_is_repeatable_and_as_wide_as_theory_says():
    """100 coins: the standard error is 0.05, so the interval is about 0.2 wide."""
    coins = [[0.0, 1.0] * 50]
    first = intervals.bootstrap(coins, intervals.mean)
    assert first == intervals.bootstrap(coins, intervals.mean)
    assert first[0] == 0.5
    assert first[2] - first[1] == pytest.approx(4 * 0.05, rel=0.15)


def test_ranks_and_correlation():
    """Ties share a rank; a rising line correlates fully, a constant not at all."""
    assert intervals.ranks([3, 1, 3, 2]) == [3.5, 1, 3.5, 2]
    pairs = list(zip(intervals.ranks([1, 2, 3, 9]), intervals.ranks([5, 6, 7, 8]), strict=True))
    assert intervals.correlation(pairs) == pytest.approx(1)
    assert intervals.correlation([(1, 2), (1, 3)]) == 0
    xs, ys = [1.0, 4.0, 2.0, 8.0], [2.0, 1.0, 5.0, 6.0]
    assert intervals.correlation(list(zip(xs, ys, strict=True))) == pytest.approx(
        statistics.correlation(xs, ys)
    )


def attempted(run, stage, outputs=()):
    """Record one real attempt."""
    with open_attempt(
        run / "attempts", stage, scale="mini", settings={}, seed=1, gpus=0, code_digest="c",
        inputs=[], purpose="final",
    ) as attempt:  # fmt: skip
        attempt.outputs(outputs)


@pytest.fixture
def billed(tmp_path):
    """A run with three attempts and the bill that the program makes of them."""
    run = tmp_path / "seed_1"
    for stage in ("prompts", "base", "base"):
        attempted(run, stage)
    bill = run / "cost/cost_by_stage.csv"
    rows = [cells(row) for row in cost_by_stage(read_attempts(run / "attempts"), [])]
    write_csv(bill, {name: [row[name] for row in rows] for name in COLUMNS})
    attempted(run, "stage_cost", [bill])
    attempted(run, "page")
    attempted(run, "score")  # after the bill: not in it
    return run


ACCOUNTING = "mech-consistent-cost-accounting"


def rewritten_bill(run, change):
    """Change the first row of the bill and let an attempt vouch for the changed file."""
    path = run / "cost/cost_by_stage.csv"
    with open(path, newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    change(rows)
    write_csv(path, {name: [row[name] for row in rows] for name in COLUMNS})
    for record in (run / "attempts/stage_cost").iterdir():
        record.unlink()
    attempted(run, "stage_cost", [path])


def test_bill_and_records_agree_exactly_in_one_run(billed):
    row = verdict_of(ACCOUNTING, [billed])
    assert (row.verdict, row.obtained) == ("supported", "0"), row.note
    assert "of 2 with 3 attempts" in row.note


def test_a_bill_that_misses_a_millisecond_disagrees(billed):
    def change(rows):
        rows[0]["core_hours"] = f"{float(rows[0]['core_hours']) + 1 / 3_600_000:.9f}"

    (billed / "attempts/score").rename(billed.parent / "aside")
    rewritten_bill(billed, change)
    row = verdict_of(ACCOUNTING, [billed])
    assert (row.verdict, row.obtained) == ("not_supported", "1")
    assert "disagreeing: prompts" in row.note


def test_a_bill_without_a_stage_disagrees(billed):
    (billed / "attempts/score").rename(billed.parent / "aside")
    rewritten_bill(billed, lambda rows: rows.pop(0))
    assert verdict_of(ACCOUNTING, [billed]).verdict == "not_supported"


def test_a_bill_edited_by_hand_is_no_evidence(billed):
    path = billed / "cost/cost_by_stage.csv"
    path.write_text(path.read_text().replace("prompts", "Prompts"))
    row = verdict_of(ACCOUNTING, [billed])
    assert row.verdict == "inconclusive"
    assert "cost_by_stage.csv was changed since it was made" in row.note


def test_a_longer_record_disagrees_with_the_bill(billed):
    """One attempt is made a second longer after the bill."""
    record = next((billed / "attempts/prompts").iterdir())
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    lines[-1]["elapsed_ms"] += 1000
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert verdict_of(ACCOUNTING, [billed]).verdict == "not_supported"


def cost_model(tmp_path, **changes):
    """Write the table of the cost model; `changes` replace the values of the rows they name."""
    values = {
        ("A0", "bound_gpu_hours", "0.8"): 2000, ("B", "bound_gpu_hours", "0.8"): 2500,
        ("distribution", "central_low", ""): 76000, ("distribution", "central_high", ""): 202000,
        ("distribution", "gpu_hours_50_percent", ""): 130000,
        ("distribution", "quantile_of_reported", ""): 0.17, ("reported", "gpu_hours", ""): 101000,
    }  # fmt: skip
    for name, ratio in (("512", 1.13), ("512_lag", 1.3), ("512_lag_fp8", 1.4)):
        values[f"measured deepseek_v3_{name}", "predicted_over_measured", ""] = ratio
        values[f"measured deepseek_v3_{name}", "calibrated_on", ""] = 0
    anchors = {"deepseek_decode_mtp": 1850, "deepseek_decode_plain": 1850, "sglang_decode": 2788}
    for name, published in anchors.items():
        forms = {"published": published, "no_overlap": 1500, "ideal_overlap": 3000}
        values |= {(f"anchor {name}", form, ""): value for form, value in forms.items()}
    known = {"A0": "A0", "B": "B", "low": "central_low", "fp8": "measured deepseek_v3_512_lag_fp8"}
    for name, value in changes.items():
        (key,) = [k for k in values if known[name] in k[:2] and k[1] != "calibrated_on"]
        values[key] = value
    rows = [(*key, value, "unit") for key, value in values.items()]
    columns = ("case", "quantity", "factor", "value", "unit")
    table = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    return make_run(tmp_path, 1, ("cost/cost_model.csv", table))


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("phys-bounds-below-reported", {}, "plausible"),
        ("phys-bounds-below-reported", {"B": 101000}, "plausible"),
        ("phys-bounds-below-reported", {"B": 101001}, "implausible"),
        ("phys-distribution-holds-reported", {}, "plausible"),
        ("phys-distribution-holds-reported", {"A0": 101001}, "implausible"),
        ("phys-distribution-holds-reported", {"low": 101000}, "plausible"),
        ("phys-distribution-holds-reported", {"low": 101001}, "implausible"),
        ("phys-model-predicts-measured", {}, "plausible"),
        ("phys-model-predicts-measured", {"fp8": 2.01}, "implausible"),
        ("phys-model-predicts-measured", {"fp8": 0.49}, "implausible"),
        ("phys-model-brackets-anchors", {}, "plausible"),
    ],
)
def test_the_cost_model_decides_its_claims(tmp_path, claim, changes, verdict):
    row = verdict_of(claim, [cost_model(tmp_path, **changes)])
    assert (row.verdict, row.scale) == (verdict, "paper"), row.note
    assert row.evidence.endswith("cost/cost_model.csv")


@pytest.mark.parametrize(
    ("reported", "reasons"),
    [
        (1000, ["the bound A0, 2,000 GPU-hours, lies above", "the bound B,", "lie below the cent"]),
        (5_000_000, ["the reported 5,000,000 GPU-hours lie above the central part"]),
    ],
)
def test_another_reported_value_is_implausible_and_the_note_says_why(tmp_path, reported, reasons):
    """The reported hours come from the published table, so another table gets another verdict."""
    folder = Path(shutil.copytree(PUBLISHED, tmp_path / "nature"))
    text = (folder / "cost.csv").read_text(encoding="utf-8")
    assert text.count(",101000,") == 1
    (folder / "cost.csv").write_text(text.replace(",101000,", f",{reported},"), encoding="utf-8")
    tables, runs = Tables(folder), open_runs([cost_model(tmp_path)])
    known = definitions(ROOT / "config/claims.yaml", tables)
    (claim,) = (claim for claim in known if claim.id == "phys-distribution-holds-reported")
    (row,) = rows_of([claim], tables, runs)
    assert row.verdict == "implausible"
    assert row.reported == f"reported {reported}"
    assert all(reason in row.note for reason in reasons), row.note


def test_the_calibrated_row_is_no_prediction(tmp_path):
    run = cost_model(tmp_path)
    path = run / "cost/cost_model.csv"
    row = "deepseek_v3_512,calibrated_on,,"
    path.write_text(path.read_text().replace(f"{row}0", f"{row}1"))
    row = verdict_of("phys-model-predicts-measured", [run])
    assert row.verdict == "inconclusive"
    assert "calibrates on deepseek_v3_512, so it predicts nothing" in row.note


def test_an_anchor_outside_its_forms_is_implausible_and_named(tmp_path):
    run = cost_model(tmp_path)
    path = run / "cost/cost_model.csv"
    path.write_text(path.read_text().replace("published,,2788", "published,,3001"))
    row = verdict_of("phys-model-brackets-anchors", [run])
    assert row.verdict == "implausible"
    assert "sglang_decode 3001 in [1500, 3000]" in row.note


def test_a_table_of_an_earlier_version_is_inconclusive_and_says_so(tmp_path):
    run = cost_model(tmp_path)
    path = run / "cost/cost_model.csv"
    path.write_text(path.read_text().replace("A0,bound_gpu_hours", "A0,gpu_hours"))
    row = verdict_of("phys-bounds-below-reported", [run])
    assert row.verdict == "inconclusive"
    assert "no bound_gpu_hours of A0 at factor 0.8; a table of an earlier version" in row.note


def spoken(run, checkpoint, words, tokens=100):
    """Write samples whose reasoning says some words."""
    path = Path(run) / f"evaluate/{checkpoint}/samples.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"category": "math", "response": words, "tokens": tokens}]
    rows += [{"category": "general", "response": "wait wait wait", "tokens": 1}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("2 + 2 = 4", "2 + 2 = 5. Wait, check: 4", "supported"),
        ("wait, wait", "4", "not_supported"),
        ("4", "awaiting checkers", "inconclusive"),  # parts of words do not count
    ],
)
def test_words_are_counted_per_token(tmp_path, before, after, verdict):
    folders = [make_run(tmp_path, seed) for seed in SEEDS]
    for folder in folders:
        spoken(folder, "base", before)
        spoken(folder, "r1_zero", after, tokens=200)
    row = verdict_of("mech-reflection-words", folders)
    assert row.verdict == verdict, row.note
    if verdict == "supported":
        assert row.obtained == "10"  # two words in 200 tokens


def test_a_check_names_only_the_files_it_read_itself(tmp_path):
    """What a check before it opened is not its evidence."""
    runs = open_runs([cost_model(tmp_path)])
    runs[0].text("cost/cost_model.csv")
    claim = definition("mech-group-advantage")
    assert run_check(REGISTRY[claim.mechanism], runs, claim.parameters).evidence == ()
