# SPDX-License-Identifier: Apache-2.0
"""Kinds of tampering: each function changes a sealed run in one way, which its name says."""

import json
from pathlib import Path

from audited_run import METRICS, Builder, offline_run, utc
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


def a_row_is_deleted(results: Path) -> None:
    ledger = Ledger(results)
    del ledger.lines[4]
    ledger.write()


def a_row_is_inserted(results: Path) -> None:
    ledger = Ledger(results)
    ledger.lines.insert(4, ledger.lines[4].replace(b"-3-0", b"-9-0"))
    ledger.write()


def a_row_is_doubled(results: Path) -> None:
    ledger = Ledger(results)
    ledger.lines.append(ledger.lines[-1])
    ledger.write()


def two_rows_are_swapped(results: Path) -> None:
    ledger = Ledger(results)
    ledger.lines[3], ledger.lines[4] = ledger.lines[4], ledger.lines[3]
    ledger.write()


def two_rows_are_swapped_and_chained_anew(results: Path) -> None:
    two_rows_are_swapped(results)
    forge_chain(results)


def a_duration_is_shortened(results: Path) -> None:
    ledger = Ledger(results)
    ledger.change(ledger.find(stage="r1_zero"), elapsed_ms=60_000)


def a_failure_becomes_preparation(results: Path) -> None:
    ledger = Ledger(results)
    ledger.change(ledger.find(outcome="failed"), outcome="completed", exit_code=0)


def an_outcome_is_changed_without_its_exit_code(results: Path) -> None:
    ledger = Ledger(results)
    ledger.change(ledger.find(outcome="failed"), outcome="completed")


def a_purpose_is_changed(results: Path) -> None:
    ledger = Ledger(results)
    ledger.change(ledger.find(stage="r1_zero"), purpose="preparatory")


def a_device_is_renamed(results: Path) -> None:
    ledger = Ledger(results)
    ledger.change(ledger.find(stage="r1_zero"), device="NVIDIA A100-SXM4-80GB")
    forge_chain(results)


def a_price_in_the_ledger_is_changed(results: Path) -> None:
    Ledger(results).replace_text(1, '"price":"2.00"', '"price":"0.20"')


def a_price_in_the_bill_is_changed(results: Path) -> None:
    path = results / "cost/cost_by_stage.csv"
    edit_text(path, ",2.00,8.00000000000,", ",0.20,0.80000000000,")


def a_cost_in_the_bill_is_changed(results: Path) -> None:
    edit_text(results / "cost/cost_by_stage.csv", "8.00000000000", "8.00000000001")


def a_row_of_the_bill_is_deleted(results: Path) -> None:
    path = results / "cost/cost_by_stage.csv"
    path.write_text("".join(x for x in path.read_text().splitlines(True) if "failed" not in x))


def the_tail_is_cut(results: Path) -> None:
    ledger = Ledger(results)
    del ledger.lines[-2:]
    ledger.write()


def the_tail_is_cut_within_a_line(results: Path) -> None:
    path = results / "cost/ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-40])


def the_ledger_is_removed(results: Path) -> None:
    (results / "cost/ledger.jsonl").unlink()


def the_heads_are_removed(results: Path) -> None:
    (results / "cost/seal.json").unlink()


def an_earlier_head_is_changed(results: Path) -> None:
    path = results / "cost/seal.json"
    content = json.loads(path.read_text())
    content["heads"][0]["root"] = "0" * 64
    path.write_text(json.dumps(content))


def a_proof_between_heads_is_removed(results: Path) -> None:
    path = results / "cost/seal.json"
    content = json.loads(path.read_text())
    content["heads"][1]["consistency"] = None
    path.write_text(json.dumps(content))


def the_text_to_sign_is_changed(results: Path) -> None:
    (results / "cost/ledger.root").write_text(f"{'0' * 64} 9\n")


def a_key_occurs_twice(results: Path) -> None:
    Ledger(results).replace_text(3, '"elapsed_ms":40000', '"elapsed_ms":1,"elapsed_ms":40000')


def a_number_is_not_a_number(results: Path) -> None:
    Ledger(results).replace_text(3, '"elapsed_ms":40000', '"elapsed_ms":NaN')


def a_number_is_huge(results: Path) -> None:
    Ledger(results).replace_text(3, '"flop":1000000000000', f'"flop":{"9" * 400}')


def a_number_is_negative(results: Path) -> None:
    Ledger(results).replace_text(3, '"elapsed_ms":40000', '"elapsed_ms":-40000')


def a_field_is_added(results: Path) -> None:
    Ledger(results).replace_text(3, '"attempt_id"', '"a":1,"attempt_id"')


def a_letter_of_another_alphabet_stands_in_a_stage(results: Path) -> None:
    ledger = Ledger(results)
    ledger.change(ledger.find(stage="score"), stage="sc\u043ere")


def a_letter_of_another_alphabet_stands_in_a_device(results: Path) -> None:
    path = record_of(results, "r1_zero")
    edit_record(path, 0, device="NVIDIA \u041d800")


def a_line_has_spaces(results: Path) -> None:
    ledger = Ledger(results)
    ledger.lines[3] = json.dumps(ledger.entry(3), sort_keys=True).encode()
    ledger.write()


def a_time_is_on_no_calendar(results: Path) -> None:
    ledger = Ledger(results)
    ledger.change(3, started_utc="2026-02-31T12:00:00.000Z")


def an_attempt_ends_before_it_begins(results: Path) -> None:
    ledger = Ledger(results)
    ledger.change(3, ended_utc="2026-01-10T11:00:00.000Z")


def the_clock_of_a_record_is_set_back(results: Path) -> None:
    edit_record(record_of(results, "base", 2), -1, time_utc=utc(90))


def an_attempt_is_moved_to_another_day(results: Path) -> None:
    path = record_of(results, "base", 2)
    for line, at in enumerate((110, 160, 210)):
        edit_record(path, line, time_utc=utc(at + 86_400))


def a_gpu_works_twice_at_once(results: Path) -> None:
    made = Builder(results.parent)
    made.number = 20
    held = {"device": "NVIDIA H800", "device_uuids": ["GPU-3"], "nodes": 1}
    held |= {"gpus_per_node": 1, "cpu_cores": 96}
    made.attempt("dev2", 4500, 600, held=held)
    made.seal(7000)
    made.bill()


def a_stage_runs_beside_itself(results: Path) -> None:
    made = Builder(results.parent)
    made.number = 20
    made.attempt("score", 5920, 60, part="r1_zero")
    made.seal(7000)
    made.bill()


def an_old_attempt_is_sealed_late(results: Path) -> None:
    made = Builder(results.parent)
    made.number = 20
    made.attempt("dev1", 230, 20)
    made.seal(7000)
    made.bill()


def a_record_is_removed(results: Path) -> None:
    record_of(results, "base", 1).unlink()


def a_record_is_added(results: Path) -> None:
    made = Builder(results.parent)
    made.number = 20
    made.attempt("dev1", 230, 20)


def a_record_is_changed(results: Path) -> None:
    edit_record(record_of(results, "r1_zero"), 0, nodes=2)


def the_end_of_a_record_is_cut(results: Path) -> None:
    path = record_of(results, "r1_zero", 1)
    path.write_text("".join(path.read_text().splitlines(True)[:-1]))


def a_key_of_a_record_occurs_twice(results: Path) -> None:
    edit_text(record_of(results, "base", 2), '"nodes": 1', '"nodes": 9, "nodes": 1')


def a_record_counts_backwards(results: Path) -> None:
    edit_record(record_of(results, "r1_zero"), 1, flop=10**19)


def the_settings_of_a_record_are_changed(results: Path) -> None:
    edit_record(record_of(results, "r1_zero"), 0, settings={"scale": "mini", "seed": 2})


def the_settings_of_a_record_are_of_other_types(results: Path) -> None:
    own = {"questions_per_update": "2", "group_size": {}}
    for number in (0, 1):
        record = record_of(results, "r1_zero", number)
        edit_record(record, 0, settings={"scale": "mini", "seed": 1, "r1_zero": own})


def a_failed_attempt_is_forgotten_with_its_chain(results: Path) -> None:
    forget_attempt(results, "r1_zero", 0)


def the_last_attempt_of_a_stage_is_forgotten_with_its_chain(results: Path) -> None:
    forget_attempt(results, "base", 2)


def a_chain_is_computed_anew_over_a_shorter_attempt(results: Path) -> None:
    path = record_of(results, "base", 2)
    lines = path.read_text().splitlines()
    del lines[1]
    path.write_text("\n".join(lines) + "\n")
    reseal_record(results, path, elapsed_ms=20_000, time_utc=utc(130))


def a_chain_is_computed_anew_over_impossible_speed(results: Path) -> None:
    path = record_of(results, "base", 1)
    lines = path.read_text().splitlines()
    del lines[1]
    path.write_text("\n".join(lines) + "\n")
    reseal_record(results, path, elapsed_ms=1, time_utc=utc(70.001))


def two_checkpoints_are_exchanged(results: Path) -> None:
    swap_files(results / "prepare/base", results / "rl/r1_zero/checkpoint")


def two_files_are_exchanged(results: Path) -> None:
    swap_files(results / "data/train.jsonl", results / "data/test.jsonl")


def a_score_is_edited(results: Path) -> None:
    (results / "evaluate/r1_zero/scores.csv").write_text("metric,value\npass@1,100\n")


def a_checkpoint_of_unknown_origin_is_scored(results: Path) -> None:
    (results / "evaluate/better").mkdir()


def a_benchmark_tells_of_more_time(results: Path) -> None:
    Builder(results.parent).benchmark("score_r1_zero", 500)


def a_benchmark_tells_of_less_time(results: Path) -> None:
    Builder(results.parent).benchmark("score_r1_zero", 5)


def a_stage_has_a_benchmark_and_no_attempt(results: Path) -> None:
    Builder(results.parent).benchmark("dev3", 500)


def a_tracked_run_has_no_attempt(results: Path) -> None:
    Builder(results.parent).wandb("cccc3333", 100, 50, 5, 0)


def a_tracked_run_lasted_longer(results: Path) -> None:
    Builder(results.parent).wandb("bbbb2222", 4005, 2500, 10, 0)


def a_tracked_run_made_more_steps(results: Path) -> None:
    Builder(results.parent).wandb("bbbb2222", 4005, 1790, 12, 0)


def a_tracked_run_failed(results: Path) -> None:
    Builder(results.parent).wandb("bbbb2222", 4005, 1790, 10, 3)


def a_tracked_run_is_emptied(results: Path) -> None:
    path = next((results / "wandb").glob("*bbbb2222/*.wandb"))
    path.write_bytes(path.read_bytes()[:7])


def a_tracked_run_is_damaged(results: Path) -> None:
    path = next((results / "wandb").glob("*bbbb2222/*.wandb"))
    data = offline_run("bbbb2222", 4005, 1790, 10, 0)
    path.write_bytes(data[:30] + b"\xff" + data[31:])


def a_stage_has_hours_without_work(results: Path) -> None:
    for number in (0, 1):
        for line in (1, 2):
            edit_record(record_of(results, "r1_zero", number), line, flop=10**15)


def the_steps_of_a_stage_took_longer_than_its_attempts(results: Path) -> None:
    (results / "rl/r1_zero/metrics.csv").write_text(METRICS.replace("100,20", "900,20"))


def _with_first_update(results: Path, change: str) -> None:
    honest = "1,12.5,40,48,100,"
    assert f"\n{honest}" in METRICS
    changed = METRICS.replace(f"\n{honest}", f"\n{change}")
    (results / "rl/r1_zero/metrics.csv").write_text(changed)


def the_tokens_of_a_step_are_raised(results: Path) -> None:
    _with_first_update(results, "1,12.5,40,48,180,")


def a_cell_of_the_steps_is_no_number(results: Path) -> None:
    _with_first_update(results, "1,many,40,48,100,")


def a_cell_of_the_steps_is_not_finite(results: Path) -> None:
    _with_first_update(results, "1,nan,40,48,100,")


def an_output_is_longer_than_allowed(results: Path) -> None:
    _with_first_update(results, "1,12.5,50,48,100,")


def the_lengths_of_steps_are_raised_with_their_tokens(results: Path) -> None:
    longer = METRICS.replace(",12.5,40,48,100,", ",37.5,40,48,300,")
    (results / "rl/r1_zero/metrics.csv").write_text(longer)


def steps_are_left_out(results: Path) -> None:
    shorter = "".join(METRICS.splitlines(keepends=True)[:-3])
    (results / "rl/r1_zero/metrics.csv").write_text(shorter)


def published_evidence_is_changed(results: Path) -> None:
    (results / "published/nature/cost.csv").write_text("a,c\n")


def published_evidence_is_added(results: Path) -> None:
    (results / "published/nature/more.csv").write_text("a,c\n")
