# SPDX-License-Identifier: Apache-2.0
"""Whoever changes a sealed run is found, and the finding names what was done."""

import shutil
from pathlib import Path

import pytest
import tampering_kinds as done
from audited_run import SACCT, Builder, build, sacct_row, utc
from tampering import Ledger, forge_chain

from r1repro.audit.ledger.heads import read_heads
from r1repro.audit.verify.run import Options, verify
from r1repro.errors import StageError


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """The untouched run, made once."""
    return build(tmp_path_factory.mktemp("sealed"))


@pytest.fixture
def run(sealed, tmp_path):
    """A copy of the run to change."""
    shutil.copytree(sealed.parent, tmp_path / "run")
    return tmp_path / "run/results"


def found(results: Path, **options) -> list[tuple[str, str, str]]:
    """Return check, place and text of every finding."""
    report = verify(results, Options(**options))
    return [(f.check, f"{f.file} {f.record}", f.what) for f in report.findings]


def test_the_untouched_run_holds(sealed):
    """No finding, with and without accounting and published root."""
    root = read_heads(sealed / "cost")[-1].root
    report = verify(sealed, Options(root=root, sacct=sealed.parent / "sacct.txt"))
    assert report.findings == []
    assert report.checked["lines of the ledger"] == 9
    assert report.checked["published roots"] == 1


# what was done, the check that must find it, and what its finding must say
KINDS = [
    (done.a_row_is_deleted, "chain", "does not follow the line before"),
    (done.a_row_is_inserted, "chain", "does not follow the line before"),
    (done.a_row_is_doubled, "twice", "is billed 2 times"),
    (done.two_rows_are_swapped, "chain", "its index is 4, its place 3"),
    (done.two_rows_are_swapped_and_chained_anew, "order", "began before the attempt of the line"),
    (done.a_duration_is_shortened, "chain", "does not follow the line before"),
    (done.a_duration_is_shortened, "records", "has elapsed_ms 60000, the record 3600000"),
    (done.a_failure_becomes_preparation, "records", "has exit_code 0, the record 1"),
    (done.an_outcome_is_changed_without_its_exit_code, "schema", "'completed' with exit code 1"),
    (done.a_purpose_is_changed, "records", "has purpose 'preparatory', the record 'final'"),
    (done.a_device_is_renamed, "records", "the record 'NVIDIA H800'"),
    (done.a_price_in_the_ledger_is_changed, "chain", "does not follow the line before"),
    (
        done.a_price_in_the_bill_is_changed,
        "prices",
        "unit_price_usd is 0.20, the ledger gives 2.00",
    ),
    (done.a_cost_in_the_bill_is_changed, "sums", "cost_usd is 8.00000000001"),
    (done.a_row_of_the_bill_is_deleted, "sums", "the row is missing; 2 attempts"),
    (done.the_tail_is_cut, "heads", "the ledger has 7 lines of 9: its tail was cut"),
    (done.the_tail_is_cut_within_a_line, "chain", "its tail was cut off"),
    (done.the_ledger_is_removed, "chain", "the ledger is missing but was sealed"),
    (done.the_heads_are_removed, "heads", "there is a ledger but no head of it"),
    (done.an_earlier_head_is_changed, "heads", "the first 6 lines have the root"),
    (done.a_proof_between_heads_is_removed, "heads", "no proof that the head before it"),
    (done.the_text_to_sign_is_changed, "heads", "not the root and size of the last head"),
    (done.a_key_occurs_twice, "schema", "the key 'elapsed_ms' occurs twice"),
    (done.a_number_is_not_a_number, "schema", "NaN is not a number"),
    (done.a_number_is_huge, "schema", "a number of 400 digits"),
    (done.a_number_is_negative, "schema", "elapsed_ms must be a whole number from 0"),
    (done.a_field_is_added, "schema", "unknown field 'a'"),
    (
        done.a_letter_of_another_alphabet_stands_in_a_stage,
        "schema",
        "stage must be a name of small",
    ),
    (done.a_letter_of_another_alphabet_stands_in_a_device, "record", "printable ASCII"),
    (done.a_line_has_spaces, "schema", "not the canonical text"),
    (done.a_time_is_on_no_calendar, "schema", "no such time"),
    (done.an_attempt_ends_before_it_begins, "times", "it ended before it began"),
    (done.the_clock_of_a_record_is_set_back, "record", "the wall clock was set back"),
    (done.an_attempt_is_moved_to_another_day, "record", "its id is of 20260110T120150Z"),
    (done.a_gpu_works_twice_at_once, "overlap", "GPU GPU-3 of vm is held twice for 600.0 s"),
    (
        done.a_stage_runs_beside_itself,
        "overlap",
        "score r1_zero runs beside itself on vm for 30.0 s",
    ),
    (done.an_old_attempt_is_sealed_late, "late", "it began before an earlier seal"),
    (done.a_record_is_removed, "records", "it is gone, but line 5 of the ledger holds it"),
    (done.a_record_is_added, "records", "it is not in the ledger"),
    (
        done.a_record_is_changed,
        "records",
        "it was changed since line 7 of the ledger was made (nodes)",
    ),
    (done.the_end_of_a_record_is_cut, "records", "bytes of the"),
    (done.a_key_of_a_record_occurs_twice, "record", "the key 'nodes' occurs twice"),
    (done.a_record_counts_backwards, "record", "flop shrinks from"),
    (done.the_settings_of_a_record_are_changed, "record", "not the SHA-256 of its settings"),
    (done.the_settings_of_a_record_are_of_other_types, "record", "not the SHA-256 of its settings"),
    (
        done.a_failed_attempt_is_forgotten_with_its_chain,
        "wandb",
        "no attempt names the run aaaa1111",
    ),
    (
        done.the_last_attempt_of_a_stage_is_forgotten_with_its_chain,
        "benchmarks",
        "no completed attempt",
    ),
    (done.a_chain_is_computed_anew_over_a_shorter_attempt, "benchmarks", "counts 20.0 s of it"),
    (done.a_chain_is_computed_anew_over_impossible_speed, "floor", "FLOP/s on 2 cores of CPU X"),
    (done.two_checkpoints_are_exchanged, "output", "is not what attempt"),
    (done.two_files_are_exchanged, "output", "is not what attempt"),
    (done.a_score_is_edited, "output", "is not what attempt"),
    (done.a_checkpoint_of_unknown_origin_is_scored, "score", "no completed attempt scored"),
    (done.a_benchmark_tells_of_more_time, "benchmarks", "the job took 500.0 s"),
    (done.a_benchmark_tells_of_less_time, "benchmarks", "is longer than its job of 5.0 s"),
    (done.a_stage_has_a_benchmark_and_no_attempt, "benchmarks", "no completed attempt is billed"),
    (done.a_tracked_run_has_no_attempt, "wandb", "no attempt names the run cccc3333"),
    (
        done.a_tracked_run_lasted_longer,
        "wandb",
        "the run lasted 2500 s, its attempt counts 1800.0 s",
    ),
    (done.a_tracked_run_made_more_steps, "wandb", "the run reached step 12, its attempt counts 10"),
    (done.a_tracked_run_failed, "wandb", "the run ended with 3, its attempt with 0"),
    (done.a_tracked_run_is_emptied, "wandb", "no run record in it"),
    (done.a_tracked_run_is_damaged, "wandb", "wrong checksum at byte"),
    (done.a_stage_has_hours_without_work, "share", "it used 0.0023 % of the peak of its GPUs"),
    (done.the_steps_of_a_stage_took_longer_than_its_attempts, "phases", "its steps took 9600.0 s"),
    (done.the_tokens_of_a_step_are_raised, "counts", "has 180 tokens, not 8 outputs of 12.5"),
    (done.a_cell_of_the_steps_is_no_number, "counts", "a cell of its steps is no number (could"),
    (done.a_cell_of_the_steps_is_not_finite, "counts", "a cell of its steps is no number (not fin"),
    (done.an_output_is_longer_than_allowed, "counts", "an output of 50 tokens, of at most 48"),
    (
        done.the_lengths_of_steps_are_raised_with_their_tokens,
        "counts",
        "generated 3000 tokens, the attempts of r1_zero count 2000",
    ),
    (
        done.steps_are_left_out,
        "counts",
        "generated 700 tokens, the attempts of r1_zero count 1000 in the last",
    ),
    (done.published_evidence_is_changed, "published", "the file is not the listed one"),
    (done.published_evidence_is_added, "published", "the file is not listed"),
]


@pytest.mark.parametrize(
    ("tamper", "check", "told"), KINDS, ids=[f"{kind[0].__name__}-{kind[1]}" for kind in KINDS]
)
def test_tampering_is_found_and_named(run, tamper, check, told):
    """The finding has the name of its check and says what does not hold."""
    tamper(run)
    findings = found(run)
    assert [what for name, _, what in findings if name == check and told in what], findings


def test_an_empty_run_of_a_killed_stage_is_no_finding(run):
    """The client keeps some seconds in memory; nothing there contradicts a record."""
    folder = run / "wandb/offline-run-20260301_100000-dddd4444"
    folder.mkdir(parents=True)
    tracked = next((run / "wandb").glob("*bbbb2222/*.wandb"))
    (folder / "run-dddd4444.wandb").write_bytes(tracked.read_bytes()[:7])
    assert found(run) == []


def test_a_forged_chain_holds_in_itself_and_is_found_against_a_published_root(run):
    """Without any other record only the root that was published before tells."""
    root = read_heads(run / "cost")[-1].root
    for folder in ("attempts", "benchmarks", "wandb"):
        shutil.rmtree(run / folder)
    ledger = Ledger(run)
    ledger.change(ledger.find(outcome="failed"), elapsed_ms=10_000, ended_utc=utc(80))
    forge_chain(run)
    assert found(run) == []
    assert [name for name, _, _ in found(run, root=root)] == ["root"]


SACCT_KINDS = [
    (sacct_row("73", "dev2", 900, "FAILED"), "no attempt bills it"),
    (sacct_row("71", "r1_zero", 40, "NODE_FAIL", hour=9), None),
    (sacct_row("72", "r1_zero", 900, "TIMEOUT", hour=9), "the job lasted 2708 s"),
]


@pytest.mark.parametrize(("row", "told"), SACCT_KINDS)
def test_accounting_tells_what_is_not_billed(run, row, told):
    """A job without attempt and hours beyond the attempts are errors, start-up is not."""
    path = run.parent / "sacct.txt"
    path.write_text(SACCT + row)
    findings = [what for _, _, what in found(run, sacct=path)]
    assert findings == [] if told is None else any(told in what for what in findings)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("gres/gpu=8", "gres/gpu=16", "bills 8 GPUs, the job held 16"),
        (
            sacct_row("71", "r1_zero", 3610, "COMPLETED"),
            sacct_row("71", "r1_zero", 1000, "COMPLETED"),
            "its attempts count 3600.0 s, the job lasted 1000 s",
        ),
        ("\n72|", "\n79|", "its job 72 is not in sacct.txt"),
    ],
)
def test_accounting_contradicts_a_changed_bill(run, old, new, told):
    """GPUs, hours and job ids come from Slurm, not from us."""
    path = run.parent / "sacct.txt"
    path.write_text(SACCT.replace(old, new, 1))
    assert any(told in what for _, _, what in found(run, sacct=path))


def test_accounting_whose_hours_contradict_its_times_is_not_believed(run):
    """ElapsedRaw alone was changed: that is damage, and nothing is compared with it."""
    path = run.parent / "sacct.txt"
    path.write_text(SACCT.replace("|3610|", "|1000|", 1))
    with pytest.raises(StageError, match="ElapsedRaw is 1000, but Start and End are 3610 s apart"):
        found(run, sacct=path)


def test_an_attempt_that_goes_on_after_a_seal_is_amended_and_no_finding(run):
    """A killed attempt's record that grew: the next seal appends, the bill takes the later word."""
    made = Builder(run.parent)
    made.number = 30
    path = made.attempt("dev1", 6100, 40, code=None)
    whole = path.read_text()
    path.write_text("".join(whole.splitlines(True)[:2]))
    made.seal(6130)
    made.bill()
    assert found(run) == []
    path.write_text(whole)
    assert [name for name, _, _ in found(run)] == ["records"]
    sealed = made.seal(6200)
    made.bill()
    assert sealed.added == 1
    assert found(run) == []
    assert "dev1,mini,failed,CPU X,1,0,1,0.011111111," in (
        (run / "cost/cost_by_stage.csv").read_text()
    )
