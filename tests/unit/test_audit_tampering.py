# SPDX-License-Identifier: Apache-2.0
"""Whoever changes a sealed run is found, and the finding names what was done."""

import json
import shutil
from pathlib import Path

import pytest
from audited_run import METRICS, SACCT, Builder, build, offline_run, utc
from tampering import (
    Ledger,
    edit_record,
    edit_text,
    forge_chain,
    forget_attempt,
    record_of,
    reseal_record,
    swap_files,
)

from r1repro.audit.ledger.heads import read_heads
from r1repro.audit.verify.run import Options, verify


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


def a_row_is_deleted(results):
    ledger = Ledger(results)
    del ledger.lines[4]
    ledger.write()


def a_row_is_inserted(results):
    ledger = Ledger(results)
    ledger.lines.insert(4, ledger.lines[4].replace(b"-3-0", b"-9-0"))
    ledger.write()


def a_row_is_doubled(results):
    ledger = Ledger(results)
    ledger.lines.append(ledger.lines[-1])
    ledger.write()


def two_rows_are_swapped(results):
    ledger = Ledger(results)
    ledger.lines[3], ledger.lines[4] = ledger.lines[4], ledger.lines[3]
    ledger.write()


def two_rows_are_swapped_and_chained_anew(results):
    two_rows_are_swapped(results)
    forge_chain(results)


def a_duration_is_shortened(results):
    ledger = Ledger(results)
    ledger.change(ledger.find(stage="r1_zero"), elapsed_ms=60_000)


def a_failure_becomes_preparation(results):
    ledger = Ledger(results)
    ledger.change(ledger.find(outcome="failed"), outcome="completed", exit_code=0)


def an_outcome_is_changed_without_its_exit_code(results):
    ledger = Ledger(results)
    ledger.change(ledger.find(outcome="failed"), outcome="completed")


def a_purpose_is_changed(results):
    ledger = Ledger(results)
    ledger.change(ledger.find(stage="r1_zero"), purpose="preparatory")


def a_device_is_renamed(results):
    ledger = Ledger(results)
    ledger.change(ledger.find(stage="r1_zero"), device="NVIDIA A100-SXM4-80GB")
    forge_chain(results)


def a_price_in_the_ledger_is_changed(results):
    Ledger(results).replace_text(1, '"price":"2.00"', '"price":"0.20"')


def a_price_in_the_bill_is_changed(results):
    path = results / "cost/cost_by_stage.csv"
    edit_text(path, ",2.00,8.00000000000,", ",0.20,0.80000000000,")


def a_cost_in_the_bill_is_changed(results):
    edit_text(results / "cost/cost_by_stage.csv", "8.00000000000", "8.00000000001")


def a_row_of_the_bill_is_deleted(results):
    path = results / "cost/cost_by_stage.csv"
    path.write_text("".join(x for x in path.read_text().splitlines(True) if "failed" not in x))


def the_tail_is_cut(results):
    ledger = Ledger(results)
    del ledger.lines[-2:]
    ledger.write()


def the_tail_is_cut_within_a_line(results):
    path = results / "cost/ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-40])


def the_ledger_is_removed(results):
    (results / "cost/ledger.jsonl").unlink()


def the_heads_are_removed(results):
    (results / "cost/seal.json").unlink()


def an_earlier_head_is_changed(results):
    path = results / "cost/seal.json"
    content = json.loads(path.read_text())
    content["heads"][0]["root"] = "0" * 64
    path.write_text(json.dumps(content))


def a_proof_between_heads_is_removed(results):
    path = results / "cost/seal.json"
    content = json.loads(path.read_text())
    content["heads"][1]["consistency"] = None
    path.write_text(json.dumps(content))


def the_text_to_sign_is_changed(results):
    (results / "cost/ledger.root").write_text(f"{'0' * 64} 9\n")


def a_key_occurs_twice(results):
    Ledger(results).replace_text(3, '"elapsed_ms":40000', '"elapsed_ms":1,"elapsed_ms":40000')


def a_number_is_not_a_number(results):
    Ledger(results).replace_text(3, '"elapsed_ms":40000', '"elapsed_ms":NaN')


def a_number_is_huge(results):
    Ledger(results).replace_text(3, '"flop":1000000000000', f'"flop":{"9" * 400}')


def a_number_is_negative(results):
    Ledger(results).replace_text(3, '"elapsed_ms":40000', '"elapsed_ms":-40000')


def a_field_is_added(results):
    Ledger(results).replace_text(3, '"attempt_id"', '"a":1,"attempt_id"')


def a_letter_of_another_alphabet_stands_in_a_stage(results):
    ledger = Ledger(results)
    ledger.change(ledger.find(stage="score"), stage="sc\u043ere")


def a_letter_of_another_alphabet_stands_in_a_device(results):
    path = record_of(results, "r1_zero")
    edit_record(path, 0, device="NVIDIA \u041d800")


def a_line_has_spaces(results):
    ledger = Ledger(results)
    ledger.lines[3] = json.dumps(ledger.entry(3), sort_keys=True).encode()
    ledger.write()


def a_time_is_on_no_calendar(results):
    ledger = Ledger(results)
    ledger.change(3, started_utc="2026-02-31T12:00:00.000Z")


def an_attempt_ends_before_it_begins(results):
    ledger = Ledger(results)
    ledger.change(3, ended_utc="2026-01-10T11:00:00.000Z")


def the_clock_of_a_record_is_set_back(results):
    edit_record(record_of(results, "base", 2), -1, time_utc=utc(90))


def an_attempt_is_moved_to_another_day(results):
    path = record_of(results, "base", 2)
    for line, at in enumerate((110, 160, 210)):
        edit_record(path, line, time_utc=utc(at + 86_400))


def a_gpu_works_twice_at_once(results):
    made = Builder(results.parent)
    made.number = 20
    held = {"device": "NVIDIA H800", "device_uuids": ["GPU-3"], "nodes": 1}
    held |= {"gpus_per_node": 1, "cpu_cores": 96}
    made.attempt("dev2", 4500, 600, held=held)
    made.seal(7000)
    made.bill()


def a_stage_runs_beside_itself(results):
    made = Builder(results.parent)
    made.number = 20
    made.attempt("score", 5920, 60, part="r1_zero")
    made.seal(7000)
    made.bill()


def an_old_attempt_is_sealed_late(results):
    made = Builder(results.parent)
    made.number = 20
    made.attempt("dev1", 230, 20)
    made.seal(7000)
    made.bill()


def a_record_is_removed(results):
    record_of(results, "base", 1).unlink()


def a_record_is_added(results):
    made = Builder(results.parent)
    made.number = 20
    made.attempt("dev1", 230, 20)


def a_record_is_changed(results):
    edit_record(record_of(results, "r1_zero"), 0, nodes=2)


def the_end_of_a_record_is_cut(results):
    path = record_of(results, "r1_zero", 1)
    path.write_text("".join(path.read_text().splitlines(True)[:-1]))


def a_key_of_a_record_occurs_twice(results):
    edit_text(record_of(results, "base", 2), '"nodes": 1', '"nodes": 9, "nodes": 1')


def a_record_counts_backwards(results):
    edit_record(record_of(results, "r1_zero"), 1, flop=10**17)


def the_settings_of_a_record_are_changed(results):
    edit_record(record_of(results, "r1_zero"), 0, settings={"scale": "mini", "seed": 2})


def a_failed_attempt_is_forgotten_with_its_chain(results):
    forget_attempt(results, "r1_zero", 0)


def the_last_attempt_of_a_stage_is_forgotten_with_its_chain(results):
    forget_attempt(results, "base", 2)


def a_chain_is_computed_anew_over_a_shorter_attempt(results):
    path = record_of(results, "base", 2)
    lines = path.read_text().splitlines()
    del lines[1]
    path.write_text("\n".join(lines) + "\n")
    reseal_record(results, path, elapsed_ms=20_000, time_utc=utc(130))


def a_chain_is_computed_anew_over_impossible_speed(results):
    path = record_of(results, "base", 1)
    lines = path.read_text().splitlines()
    del lines[1]
    path.write_text("\n".join(lines) + "\n")
    reseal_record(results, path, elapsed_ms=1, time_utc=utc(70.001))


def two_checkpoints_are_exchanged(results):
    swap_files(results / "prepare/base", results / "rl/r1_zero/checkpoint")


def two_files_are_exchanged(results):
    swap_files(results / "data/train.jsonl", results / "data/test.jsonl")


def a_score_is_edited(results):
    (results / "evaluate/r1_zero/scores.csv").write_text("metric,value\npass@1,100\n")


def a_checkpoint_of_unknown_origin_is_scored(results):
    (results / "evaluate/better").mkdir()


def a_benchmark_tells_of_more_time(results):
    Builder(results.parent).benchmark("score_r1_zero", 500)


def a_benchmark_tells_of_less_time(results):
    Builder(results.parent).benchmark("score_r1_zero", 5)


def a_stage_has_a_benchmark_and_no_attempt(results):
    Builder(results.parent).benchmark("dev3", 500)


def a_tracked_run_has_no_attempt(results):
    Builder(results.parent).wandb("cccc3333", 100, 50, 5, 0)


def a_tracked_run_lasted_longer(results):
    Builder(results.parent).wandb("bbbb2222", 4005, 2500, 10, 0)


def a_tracked_run_made_more_steps(results):
    Builder(results.parent).wandb("bbbb2222", 4005, 1790, 12, 0)


def a_tracked_run_failed(results):
    Builder(results.parent).wandb("bbbb2222", 4005, 1790, 10, 3)


def a_tracked_run_is_damaged(results):
    path = next((results / "wandb").glob("*bbbb2222/*.wandb"))
    data = offline_run("bbbb2222", 4005, 1790, 10, 0)
    path.write_bytes(data[:30] + b"\xff" + data[31:])


def the_steps_of_a_stage_took_longer_than_its_attempts(results):
    (results / "rl/r1_zero/metrics.csv").write_text(METRICS.replace("100,20", "900,20"))


def published_evidence_is_changed(results):
    (results / "published/nature/cost.csv").write_text("a,c\n")


def published_evidence_is_added(results):
    (results / "published/nature/more.csv").write_text("a,c\n")


# what was done, the check that must find it, and what its finding must say
KINDS = [
    (a_row_is_deleted, "chain", "does not follow the line before"),
    (a_row_is_inserted, "chain", "does not follow the line before"),
    (a_row_is_doubled, "twice", "is billed 2 times"),
    (two_rows_are_swapped, "chain", "its index is 4, its place 3"),
    (two_rows_are_swapped_and_chained_anew, "order", "began before the attempt of the line"),
    (a_duration_is_shortened, "chain", "does not follow the line before"),
    (a_duration_is_shortened, "records", "has elapsed_ms 60000, the record 3600000"),
    (a_failure_becomes_preparation, "records", "has exit_code 0, the record 1"),
    (an_outcome_is_changed_without_its_exit_code, "schema", "'completed' with exit code 1"),
    (a_purpose_is_changed, "records", "has purpose 'preparatory', the record 'final'"),
    (a_device_is_renamed, "records", "the record 'NVIDIA H800'"),
    (a_price_in_the_ledger_is_changed, "chain", "does not follow the line before"),
    (a_price_in_the_bill_is_changed, "prices", "unit_price_usd is 0.20, the ledger gives 2.00"),
    (a_cost_in_the_bill_is_changed, "sums", "cost_usd is 8.00000000001"),
    (a_row_of_the_bill_is_deleted, "sums", "the row is missing; 2 attempts"),
    (the_tail_is_cut, "heads", "the ledger has 7 lines of 9: its tail was cut"),
    (the_tail_is_cut_within_a_line, "chain", "its tail was cut off"),
    (the_ledger_is_removed, "chain", "the ledger is missing but was sealed"),
    (the_heads_are_removed, "heads", "there is a ledger but no head of it"),
    (an_earlier_head_is_changed, "heads", "the first 6 lines have the root"),
    (a_proof_between_heads_is_removed, "heads", "no proof that the head before it"),
    (the_text_to_sign_is_changed, "heads", "not the root and size of the last head"),
    (a_key_occurs_twice, "schema", "the key 'elapsed_ms' occurs twice"),
    (a_number_is_not_a_number, "schema", "NaN is not a number"),
    (a_number_is_huge, "schema", "a number of 400 digits"),
    (a_number_is_negative, "schema", "elapsed_ms must be a whole number from 0"),
    (a_field_is_added, "schema", "unknown field 'a'"),
    (a_letter_of_another_alphabet_stands_in_a_stage, "schema", "stage must be a name of small"),
    (a_letter_of_another_alphabet_stands_in_a_device, "record", "printable ASCII"),
    (a_line_has_spaces, "schema", "not the canonical text"),
    (a_time_is_on_no_calendar, "schema", "no such time"),
    (an_attempt_ends_before_it_begins, "times", "it ended before it began"),
    (the_clock_of_a_record_is_set_back, "record", "the wall clock was set back"),
    (an_attempt_is_moved_to_another_day, "record", "its id is of 20260110T120150Z"),
    (a_gpu_works_twice_at_once, "overlap", "GPU GPU-3 of vm is held twice for 600.0 s"),
    (a_stage_runs_beside_itself, "overlap", "score r1_zero runs beside itself on vm for 30.0 s"),
    (an_old_attempt_is_sealed_late, "late", "it began before an earlier seal"),
    (a_record_is_removed, "records", "it is gone, but line 5 of the ledger holds it"),
    (a_record_is_added, "records", "it is not in the ledger"),
    (a_record_is_changed, "records", "it was changed since line 7 of the ledger was made (nodes)"),
    (the_end_of_a_record_is_cut, "records", "bytes of the"),
    (a_key_of_a_record_occurs_twice, "record", "the key 'nodes' occurs twice"),
    (a_record_counts_backwards, "record", "flop shrinks from"),
    (the_settings_of_a_record_are_changed, "record", "not the SHA-256 of its settings"),
    (a_failed_attempt_is_forgotten_with_its_chain, "wandb", "no attempt names the run aaaa1111"),
    (the_last_attempt_of_a_stage_is_forgotten_with_its_chain, "benchmarks", "no completed attempt"),
    (a_chain_is_computed_anew_over_a_shorter_attempt, "benchmarks", "counts 20.0 s of it"),
    (a_chain_is_computed_anew_over_impossible_speed, "floor", "FLOP/s on 2 cores of CPU X"),
    (two_checkpoints_are_exchanged, "output", "is not what attempt"),
    (two_files_are_exchanged, "output", "is not what attempt"),
    (a_score_is_edited, "output", "is not what attempt"),
    (a_checkpoint_of_unknown_origin_is_scored, "score", "no completed attempt scored"),
    (a_benchmark_tells_of_more_time, "benchmarks", "the job took 500.0 s"),
    (a_benchmark_tells_of_less_time, "benchmarks", "is longer than its job of 5.0 s"),
    (a_stage_has_a_benchmark_and_no_attempt, "benchmarks", "no completed attempt is billed"),
    (a_tracked_run_has_no_attempt, "wandb", "no attempt names the run cccc3333"),
    (a_tracked_run_lasted_longer, "wandb", "the run lasted 2500 s, its attempt counts 1800.0 s"),
    (a_tracked_run_made_more_steps, "wandb", "the run reached step 12, its attempt counts 10"),
    (a_tracked_run_failed, "wandb", "the run ended with 3, its attempt with 0"),
    (a_tracked_run_is_damaged, "wandb", "wrong checksum at byte"),
    (the_steps_of_a_stage_took_longer_than_its_attempts, "phases", "its steps took 9600.0 s"),
    (published_evidence_is_changed, "published", "the file is not the listed one"),
    (published_evidence_is_added, "published", "the file is not listed"),
]


@pytest.mark.parametrize(
    ("tamper", "check", "told"), KINDS, ids=[f"{kind[0].__name__}-{kind[1]}" for kind in KINDS]
)
def test_tampering_is_found_and_named(run, tamper, check, told):
    """The finding has the name of its check and says what does not hold."""
    tamper(run)
    findings = found(run)
    assert [what for name, _, what in findings if name == check and told in what], findings


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
    ("73|u|lab|rule_dev2|-|-|900|gres/gpu=8,node=1|FAILED|1:0|n1|0\n", "no attempt bills it"),
    ("71|u|lab|rule_r1_zero|-|-|40|gres/gpu=8,node=1|NODE_FAIL|1:0|n1|0\n", None),
    ("72|u|lab|rule_r1_zero|-|-|900|gres/gpu=8,node=1|TIMEOUT|1:0|n1|0\n", "the job lasted 2708 s"),
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
        ("|3610|", "|1000|", "its attempts count 3600.0 s, the job lasted 1000 s"),
        ("72|u", "79|u", "its job 72 is not in sacct.txt"),
    ],
)
def test_accounting_contradicts_a_changed_bill(run, old, new, told):
    """GPUs, hours and job ids come from Slurm, not from us."""
    path = run.parent / "sacct.txt"
    path.write_text(SACCT.replace(old, new, 1))
    assert any(told in what for _, _, what in found(run, sacct=path))


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
