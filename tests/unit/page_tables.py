# SPDX-License-Identifier: Apache-2.0
"""Small hand-made tables behind a page, for the tests of the page; not a test itself."""

import csv
import json
import math
import re
import shutil
from html import unescape
from pathlib import Path

import page_costs
import page_rows
import yaml

from r1repro.audit.page import document, summary
from r1repro.audit.page.inputs import Paths, read_evidence

ROOT = Path(__file__).parents[2]
CATEGORIES = ("math", "code", "stem", "logic")
CHECKPOINTS = {"base": (0.21, 0.24, 20.0), "dev1": (0.55, 0.6, 41.0), "r1_zero": (0.74, 0.79, 48.0)}
SMALLER = {"small_base": (0.1, 0.12, 18.0), "pilot": (0.4, 0.45, 30.0)}
HOSTILE = (
    "</p></div><script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>"
    "\x00\x1b[31m\u202e\ud800 &lt; {{ 7*7 }} ]]> <style>*{display:none}</style>"
)
SETTINGS = {
    "scale": "mini",
    "seed": 3,
    "require_gpu": False,
    "model": {"checkpoint": None},
    "r1_zero": {"updates": 60, "questions_per_update": 8, "group_size": 16},
    "evaluate": {"samples": 16, "consensus": 16, "curve_prompts_per_category": 12},
}
METRICS = (
    "update,rollout,loss,kl,entropy,clipped_fraction,gradient_norm,learning_rate,reward,"
    "reward_accuracy,reward_format,zero_variance_groups,length_mean,length_p50,length_p90,"
    "length_max,truncated_fraction,sampling_logprob_gap,tokens_generated,tokens_trained,"
    "seconds_rollout,seconds_reward,seconds_reference,seconds_update,max_response_tokens"
).split(",")


DRAWN: dict[str, str] = {}  # charts by what is drawn; clear it to have them drawn again


def _drawn_once(draw):
    """Return a function that draws equal charts once: a page takes seconds, most of it charts."""

    def drawn(chart) -> str:
        return DRAWN.get(repr(chart)) or DRAWN.setdefault(repr(chart), draw(chart))

    return drawn


for name in ("draw", "draw_ranges"):
    setattr(document, name, _drawn_once(getattr(document, name)))


def write_csv(path: Path, header: list[str], rows: list[list]) -> None:
    """Write a CSV file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *rows])


def write_lines(path: Path, rows: list[dict]) -> None:
    """Write JSON lines, ASCII only so that lone surrogates survive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_object(path: Path, value: dict) -> None:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def _scores() -> list[list]:
    rows = []
    for name, (pass1, cons, length) in (CHECKPOINTS | SMALLER).items():
        for category in ("all", *CATEGORIES):
            prompts = 192 if category == "all" else 48
            for metric, value, spread in (
                ("pass@1", pass1, 0.02),
                ("cons@16", cons, 0.03),
                ("mean_length", length, 1.5),
                ("format_rate", 0.9, 0.01),
            ):
                row = [name, category, metric, 16, prompts, value, value - spread, value + spread]
                rows.append([*row, 3])
    for metric, value in (("form_rate", 0.3), ("refusal_unsafe", 0.1), ("over_refusal", 0.05)):
        rows.append(["r1_zero", "general", metric, 16, 24, value, value - 0.02, value + 0.02, 3])
    return rows


def _samples(checkpoint: str) -> list[dict]:
    rows = []
    for category in CATEGORIES:
        for k in (0, 1):
            response = f"<think> {checkpoint} 7 + 5 = 12 </think> <answer> 12 </answer>"
            rows.append(
                {
                    "prompt_id": f"{category}-test-000000",
                    "category": category,
                    "language": "zh" if category == "logic" else "en",
                    "question": "\u8ba1\u7b97 7 + 5" if category == "logic" else "What is 7 + 5 ?",
                    "answer": "12",
                    "sample": k,
                    "response": HOSTILE if category == "code" else response,
                    "extracted": None if checkpoint == "base" else "12",
                    "correct": checkpoint != "base",
                    "format_ok": True,
                    "tokens": 14,
                }
            )
    return rows


def _metrics() -> list[list]:
    rows = []
    for update in range(1, 61):
        rise = 1 - math.exp(-update / 20)
        values = dict.fromkeys(METRICS, 0.0)
        values |= {"update": update, "rollout": update // 4, "kl": 0.02 * rise}
        values |= {"entropy": 1.1 - 0.6 * rise, "gradient_norm": 0.4 + 0.1 * math.sin(update)}
        values |= {"reward": 1 + 0.7 * rise, "reward_accuracy": 0.2 + 0.55 * rise}
        values |= {"reward_format": 0.8 + 0.15 * rise, "zero_variance_groups": update % 4}
        values |= {"length_p50": 18 + 30 * rise, "length_p90": 30 + 30 * rise}
        values |= {"length_max": 64 if update < 40 else 90, "truncated_fraction": 0.03}
        values |= {"max_response_tokens": 64 if update < 40 else 96}
        values |= {"seconds_rollout": 1.2 + rise, "seconds_update": 0.5 + 0.2 * rise}
        values |= {"seconds_reward": 0.05, "seconds_reference": 0.1}
        rows.append([values[name] for name in METRICS])
    return rows


def _manifest_entry(records: int) -> dict:
    return {
        "bytes": 10 * records,
        "sha256": "ab" * 32,
        "records": records,
        "average_normalised_words": 12.5,
        "by_category": {
            c: {
                "records": records // 4,
                "average_normalised_words": 12.5,
                "by_language": {"en": records // 4 - 3, "zh": 3},
            }
            for c in CATEGORIES
        },
    }


def _stream(removed: int) -> dict:
    rules = {"same_question": 0, "whole_question": 1, "ngram": removed - 1}
    return {
        c: {
            "drawn_with_an_evaluation_key": 2,
            "checked": 500,
            "removed": removed,
            "removed_by_rule": rules,
            "examples": [],
        }
        for c in CATEGORIES
    }


def _data(folder: Path) -> None:
    parameters = {"rule": "A text is removed if it repeats.", "ngram": 10}
    parameters |= {"evaluation_questions": 288, "content_words": 4, "whole_words": 6}
    parameters |= {"wording_share": 0.05}
    generator = {"generator": {"r1repro_data": "1", "reasoning_gym": "0.1.25"}, "seed": 3}
    names = {"train.jsonl": 1920, "validation.jsonl": 96, "test.jsonl": 192}
    files = {name: _manifest_entry(records) for name, records in names.items()}
    write_object(folder / "prompts_manifest.json", {"files": files} | generator)
    files = {"base_corpus.jsonl": _manifest_entry(56000), "cold_start.jsonl": _manifest_entry(1200)}
    streams = {"base_corpus": _stream(9), "cold_start": _stream(1)}
    decontamination = {"parameters": parameters, "streams": streams}
    value = {"files": files, "decontamination": decontamination} | generator
    write_object(folder / "corpus_manifest.json", value)
    tokens = {"sha256": "ab" * 32, "average_tokens": 80.5, "longest_tokens": 211}
    names = ("train", "validation", "test", "base_corpus", "cold_start")
    value = {"files": {f"{name}.jsonl": tokens for name in names}}
    write_object(folder / "tokens_manifest.json", value)
    user = {"added": 0, "removed": [], "lines": 0, "files": {}, "split": "train"}
    streams = {"test": _stream(1), "validation": _stream(1), "train": _stream(4)}
    value = {"parameters": parameters, "streams": streams, "user_prompts": user}
    write_object(folder / "decontamination.json", value)
    write_lines(folder / "test.jsonl", [{"id": "math-test-000000"}])


def attempt_lines(stage: str, number: int, exit_code: int | None, **changes) -> list[dict]:
    """Return one attempt record: begin, a heartbeat at 40 s, and an end at 90 s unless killed."""
    begin = {
        "kind": "begin",
        "attempt_id": f"20260102T03{number:02d}00Z-77-{number:08x}",
        "time_utc": f"2026-01-02T03:{number:02d}:00.000Z",
        "elapsed_ms": 0,
        "stage": stage,
        "part": "",
        "scale": "mini",
        "purpose": "final",
        "device": "AMD EPYC 7763",
        "nodes": 1,
        "gpus_per_node": 0,
        "cpu_cores": 2,
        "host": "testhost",
        "seed": 3,
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "git_dirty": False,
        "packages": {"python": "3.11.2", "torch": "2.13.0"},
    } | changes
    counters = {"tokens_generated": 0, "tokens_trained": 0, "flop": 0}
    beat = {"kind": "heartbeat", "time_utc": f"2026-01-02T03:{number:02d}:40.000Z"}
    lines = [begin, beat | {"elapsed_ms": 40_000} | counters]
    if exit_code is not None:
        end = {"kind": "end", "time_utc": f"2026-01-02T03:{number + 1:02d}:30.000Z"}
        end |= {"elapsed_ms": 90_000, "exit_code": exit_code} | counters
        if exit_code:
            end["error_text"] = "the disk is full <b>"
        lines.append(end)
    return lines


def write_attempts(folder: Path) -> None:
    """Write seven attempts: r1_zero was killed once and failed once before it was done."""
    plan = [("prompts", 0), ("corpus", 0), ("base", 0), ("r1_zero", None), ("r1_zero", 1)]
    plan += [("r1_zero", 0), ("score", 0)]
    for number, (stage, exit_code) in enumerate(plan):
        lines = attempt_lines(stage, 2 * number, exit_code)
        write_lines(folder / stage / f"{lines[0]['attempt_id']}.jsonl", lines)


def _costs(folder: Path) -> None:
    header = (
        "stage,scale,purpose,device,nodes,gpus_per_node,attempts,hours,gpu_hours,core_hours,"
        "unit_price_usd,cost_usd,energy_kwh,energy_source"
    ).split(",")
    cpu = ["AMD EPYC 7763", 1, 0]
    rows = [
        ["base", "mini", "preparatory", *cpu, 1, "0.025", 0, "0.05", "unknown", "unknown"],
        ["r1_zero", "mini", "final", *cpu, 1, "0.025", 0, "0.05", "0.04", "0.002"],
        ["r1_zero", "mini", "failed", *cpu, 2, "0.036111111", 0, "0.072222222", "0.04"],
    ]
    rows[0] += ["unknown", "unknown"]
    rows[1] += ["0.0012", "measured"]
    rows[2] += ["0.00288888888", "unknown", "unknown"]
    write_csv(folder / "cost_by_stage.csv", header, rows)


def _paper_costs(folder: Path) -> None:
    header = "part,stage,item,nodes,gpus_per_node,hours,formula,recomputed,printed,difference"
    header += ",prints_as,fits_rounding,note"
    rows = [
        ["printed_cell", "r1_zero", "gpu_hours", 64, 8, 198, "64 x 8 = 512; 512 x 198 h"],
        ["printed_cell", "total", "gpu_hours", "", "", "", "101376 + 5000 + 40960"],
        ["printed_cell", "total", "usd", "", "", "", "147336 h x 2.00 USD"],
        ["printed_cell", "preparatory_30b", "gpu_hours", "", "", "", "hours not reported"],
    ]
    rows[0] += [101376, 101000, 376, 101000, "yes", "the text says: about 198 h"]
    rows[1] += [147336, 147000, 336, 147000, "yes", ""]
    rows[2] += [294672, 294000, 672, 295000, "no", "would print as 295K"]
    rows[3] += ["unknown", "not reported", "", "", "unknown", "nodes and hours are not reported"]
    days = [["r1_four_days", "total", item, "", "", "", ""] for item in ("gpu_hours", "usd")]
    days[0] += [155528, 147000, 8528, 156000, "no", "+5.8 % against the printed total"]
    days[1] += [311056, 294000, 17056, 311000, "no", ""]
    base = ["v3_printed_cell", "total", "gpu_hours", "", "", "", "from the V3 report"]
    base += [2788000, 2788000, 0, 2788000, "yes", ""]
    write_csv(folder / "paper_cost.csv", header.split(","), rows + days + [base])


def _claims_ladder_recipe(results: Path) -> dict[str, Path | list[Path]]:
    """Write the tables that `page_rows` holds and return the program's options for them."""
    sayings = [
        {"id": name, "says": f"Statement of {name}.", "place": "a page"}
        for name in page_rows.CLAIM_NAMES
    ]
    sayings[-1]["says"] = page_rows.HOSTILE_CLAIM
    config = results.parent / "config/claims.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump({"schema_version": 2, "claims": sayings}))
    nature = "published/nature"
    rows = page_rows
    tables = {
        "claims": ("claims/claims.csv", rows.CLAIM_HEADER, rows.CLAIM_ROWS),
        "ladder": ("evaluate/ladder.csv", rows.LADDER_HEADER, rows.LADDER_ROWS),
        "ladder_tests": ("evaluate/ladder_tests.csv", rows.TEST_HEADER, rows.TEST_ROWS),
        "published_ladder": (
            f"{nature}/stages_benchmarks.csv", rows.TABLE2_HEADER, rows.TABLE2_ROWS,
        ),
        "rm_accuracy": ("prepare/rm_accuracy.csv", rows.ACCURACY_HEADER, rows.ACCURACY_ROWS),
        "sft_statistics": (
            "data/sft_statistics.csv", rows.STATISTICS_HEADER, rows.STATISTICS_ROWS,
        ),
        "sft_rejections": ("data/sft_rejections.csv", rows.REJECTION_HEADER, rows.REJECTION_ROWS),
        "published_sft": (f"{nature}/sft_data.csv", rows.PAPER_SFT_HEADER, rows.PAPER_SFT_ROWS),
    }  # fmt: skip
    for place, header, lines in tables.values():
        write_csv(results / place, header, lines)
    curve = [[0, 0.1, 0.12, 18.5], [20, 0.4, 0.45, 30.0]]
    curves = [results / f"rl/{stage}/curve.csv" for stage in ("pilot", "dev2")]
    for path in curves:
        write_csv(path, ["step", "pass1", "cons16", "mean_length"], curve)
    places = {name: results / place for name, (place, _, _) in tables.items()}
    return places | {"claims_config": config, "curves": curves}


def make(folder: Path) -> dict[str, Path | list[Path]]:
    """Write every table below `folder`/results and return the program's options."""
    results = folder / "results"
    _data(results / "data")
    write_attempts(results / "attempts")
    _costs(results / "cost")
    _paper_costs(results / "cost")
    header = "checkpoint,category,metric,k,n_prompts,value,ci_low,ci_high,seed".split(",")
    write_csv(results / "evaluate/scores.csv", header, _scores())
    for name in CHECKPOINTS:
        write_lines(results / f"evaluate/{name}/samples.jsonl", _samples(name))
    curve = [[0, 0.21, 0.24, 20.5], [20, 0.4, 0.5, 31.0], [40, 0.6, 0.7, 40.0], [60, 0.73, 0.8, 47]]
    write_csv(results / "rl/r1_zero/curve.csv", ["step", "pass1", "cons16", "mean_length"], curve)
    write_csv(results / "rl/r1_zero/metrics.csv", METRICS, _metrics())
    losses = [[step, 6 / (1 + step / 20) + 0.5] for step in range(1, 121)]
    for name in ("base", "dev1"):
        write_csv(results / f"prepare/{name}_metrics.csv", ["step", "loss"], losses)
    published = results / "published/nature"
    published.mkdir(parents=True, exist_ok=True)
    more = page_costs.write_costs(results) | _claims_ladder_recipe(results)
    shutil.copy(ROOT / "results/published/nature/r1_zero_curve.csv", published)
    return more | {
        "prompts_manifest": results / "data/prompts_manifest.json",
        "corpus_manifest": results / "data/corpus_manifest.json",
        "tokens_manifest": results / "data/tokens_manifest.json",
        "decontamination": results / "data/decontamination.json",
        "base_metrics": results / "prepare/base_metrics.csv",
        "dev1_metrics": results / "prepare/dev1_metrics.csv",
        "rl_metrics": results / "rl/r1_zero/metrics.csv",
        "samples": [results / f"evaluate/{name}/samples.jsonl" for name in CHECKPOINTS],
        "test": results / "data/test.jsonl",
        "scores": results / "evaluate/scores.csv",
        "curve": results / "rl/r1_zero/curve.csv",
        "published_curve": published / "r1_zero_curve.csv",
        "cost_by_stage": results / "cost/cost_by_stage.csv",
        "paper_cost": results / "cost/paper_cost.csv",
        "attempts": results / "attempts",
        "templates": ROOT / "workflow/report",
    }


def render(options: dict, **changes) -> tuple[str, str]:
    """Return page and summary made from tables; `changes` go into the settings."""
    paths, settings = Paths(**options), SETTINGS | changes
    report = paths.scores.parents[1] / "report.html"
    evidence = read_evidence(paths, settings, report)
    return document.build(evidence), summary.build(evidence, report)


def sentence(name: str, *values) -> str:
    """Return what a macro of sentences.html.jinja says of some values."""
    made = document.environment(ROOT / "workflow/report")
    return getattr(made.get_template("sentences.html.jinja").module, name)(*values).unescape()


def section(name: str, **evidence) -> str:
    """Return one section of the page, made from evidence alone."""
    evidence |= {"templates": ROOT / "workflow/report", "files": []}
    return document.render(f"sections/{name}.html.jinja", evidence)


def table(html: str, name: str) -> tuple[str, list[str], list[list[str]]]:
    """Return caption, headings and rows of the table with this name."""
    found = html.split(f'aria-label="{name}"')[1].split("</table>")[0]
    heads, *rows = re.findall(r"(?s)<tr[^>]*>(.*?)</tr>", found)
    texts = [re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", row) for row in (heads, *rows)]
    texts = [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in texts]
    caption = re.search(r"(?s)<caption>(.*?)</caption>", found)[1]
    return unescape(re.sub(r"<[^>]+>", "", caption)), texts[0], texts[1:]


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a table that must contain it."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")
