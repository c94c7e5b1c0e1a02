# SPDX-License-Identifier: Apache-2.0
"""Claims about mechanism checks: small runs whose answer is known, in both directions."""

import pytest
from claims_cases import CASES, cap, step
from claims_runs import (
    SEEDS,
    attempt,
    curve,
    make_run,
    metrics,
    questions,
    verdict_of,
    write_csv,
)


def runs_of(tmp_path, case, seeds=SEEDS):
    """Write a case for some seeds."""
    return [make_run(tmp_path, seed, *case(seed)) for seed in seeds]


@pytest.mark.parametrize("name", CASES)
def test_a_mechanism_that_is_there_is_supported_by_three_seeds(tmp_path, name):
    row = verdict_of(name, runs_of(tmp_path, CASES[name][0]))
    assert row.verdict == "supported", row.note
    assert "seeds 1, 2, 3" in row.note
    assert row.obtained
    assert all(f"seed_{seed}/" in row.evidence for seed in SEEDS)


@pytest.mark.parametrize("name", CASES)
def test_a_mechanism_that_is_not_there_is_not_supported(tmp_path, name):
    row = verdict_of(name, runs_of(tmp_path, CASES[name][1]))
    assert row.verdict == "not_supported", row.note


@pytest.mark.parametrize("name", CASES)
def test_two_seeds_decide_nothing_but_say_what_they_show(tmp_path, name):
    row = verdict_of(name, runs_of(tmp_path, CASES[name][0], seeds=(1, 2)))
    assert row.verdict == "inconclusive"
    assert "2 of the 3 seeds needed; these " in row.note
    assert "the pass rule" in row.note


@pytest.mark.parametrize("name", CASES)
def test_a_seed_without_evidence_is_named_and_the_others_count(tmp_path, name):
    """Of four seeds one has nothing: three decide, and the note names the file it lacks."""
    folders = [*runs_of(tmp_path, CASES[name][0]), make_run(tmp_path, 4)]
    row = verdict_of(name, folders)
    assert row.verdict == "supported"
    assert "without evidence: seed 4: " in row.note
    assert " is missing" in row.note


@pytest.mark.parametrize("name", CASES)
def test_runs_without_the_tables_are_inconclusive_with_the_reason(tmp_path, name):
    row = verdict_of(name, [make_run(tmp_path, seed) for seed in SEEDS])
    assert row.verdict == "inconclusive"
    assert row.note.startswith("evidence is missing: seed 1: ")


def distilled(final, at_equal, cost=250):
    """Write three runs: distilling costs 250 of RL's 500 FLOP, reached at the third point."""

    def case(tmp_path):
        folders = []
        for seed in SEEDS:
            run = make_run(
                tmp_path,
                seed,
                questions("distill", pass1=0.5 + step(seed)),
                questions("small_zero", pass1=0.5 - final),
                curve("small_zero", pass1=[0.1, 0.1, 0.5 - at_equal, 0.5, 0.5 - final]),
            )
            for stage, flop in (("distill", cost), ("dev1", 10), ("dev2", 1000), ("sft_data", 40)):
                attempt(run, stage, seed=seed, flop=flop)
            folders.append(run)
        return folders

    return case


@pytest.mark.parametrize(
    ("final", "at_equal", "cost", "verdict"),
    [
        (0.1, 0.3, 250, "supported"),
        (-0.1, 0.3, 250, "supported"),  # RL overtakes later, with twice the compute
        (-0.1, -0.2, 250, "not_supported"),
        (0.1, 0.3, 900, "inconclusive"),  # it cost more than all of RL: not equal
        (-0.1, 0.3, 900, "not_supported"),  # and is worse all the same
    ],
)
def test_distilling_is_compared_at_equal_compute_of_the_student(
    tmp_path, final, at_equal, cost, verdict
):
    row = verdict_of("mech-distilling-beats-small-rl", distilled(final, at_equal, cost)(tmp_path))
    assert row.verdict == verdict, row.note
    share = f"{cost / 500:.2f} of what RL did, with the teacher {(cost + 1050) / 500:.2f}"
    assert share in row.note


def test_a_cap_that_cuts_nothing_is_reported_as_not_binding(tmp_path):
    row = verdict_of("mech-length-and-cap", runs_of(tmp_path, cap(0.5, 0.1, cut=0.0)))
    assert row.verdict == "inconclusive"
    assert "the cap was not binding" in row.note


def test_one_seed_of_three_the_other_way_leaves_an_unnamed_rule_open_and_breaks_a_named_one(
    tmp_path,
):
    """Format names no seeds: mixed is not decided. Accuracy names every seed: mixed fails."""
    folders = [
        make_run(
            tmp_path,
            seed,
            questions("base", format_rate=0.4, pass1=0.4),
            questions(
                "r1_zero", format_rate=0.97 if seed < 3 else 0.9, pass1=0.4 + 0.1 * (seed < 3)
            ),
        )
        for seed in SEEDS
    ]
    assert verdict_of("mech-format-reward", folders).verdict == "inconclusive"
    assert verdict_of("mech-rl-raises-pass1", folders).verdict == "not_supported"


def test_an_effect_within_the_noise_of_the_seeds_is_inconclusive(tmp_path):
    """+10, -9 and +2 tokens: the interval covers 0."""
    gains = {1: 10.0, 2: -9.0, 3: 2.0}
    folders = [
        make_run(
            tmp_path,
            s,
            metrics("r1_zero", length_mean=[20.0] * 18 + [20 + g] * 2),
            questions("r1_zero"),
        )
        for s, g in gains.items()
    ]
    row = verdict_of("mech-length-grows", folders)
    assert row.verdict == "inconclusive"
    assert float(row.ci_low) < 0 < float(row.ci_high)


def test_scores_and_memory_are_found_in_the_joint_table_or_in_the_own_one(tmp_path):
    """What compares checkpoints stands in the table of all; a stage writes its own memory."""
    ladder, memory = [], []
    for seed in SEEDS:
        run = make_run(tmp_path, seed, *CASES["mech-stage-ladder"][0](seed))
        rows = {"checkpoint": [], "category": [], "metric": [], "value": []}
        for name in ("dev1", "dev2", "dev3", "r1"):
            own = run / f"evaluate/{name}/scores.csv"
            value = own.read_text(encoding="utf-8").splitlines()[1].split(",")[3]
            for key, cell in zip(rows, (name, "general", "preference", value), strict=True):
                rows[key].append(cell)
            own.unlink()
        write_csv(run / "evaluate/scores.csv", rows)
        ladder.append(run)
        for arm, place, size in (("r1_zero", "rl", 500), ("ppo_lambda_100", "controls", 900)):
            row = {"arm": [arm], "seconds_per_update": [size], "peak_bytes": [size + seed]}
            write_csv(run / f"{place}/{arm}/memory.csv", row)
        memory.append(run)
    assert verdict_of("mech-stage-ladder", ladder).verdict == "supported"
    assert verdict_of("mech-grpo-needs-less-memory", memory).verdict == "supported"
    (ladder[0] / "evaluate/scores.csv").unlink()
    row = verdict_of("mech-stage-ladder", ladder)
    assert row.verdict == "inconclusive"
    assert "seed 1: " in row.note
    assert "evaluate/scores.csv is missing" in row.note
