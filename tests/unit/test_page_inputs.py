# SPDX-License-Identifier: Apache-2.0
"""Missing and malformed inputs: one sentence that names the file, and no page."""

import json

import page_tables
import pytest

from r1repro.errors import StageError

FILES = (
    "prompts_manifest", "corpus_manifest", "tokens_manifest", "decontamination",
    "base_metrics", "dev1_metrics",
    "rl_metrics", "test", "scores", "curve", "published_curve", "cost_by_stage", "paper_cost",
    "claims", "claims_config", "ladder", "ladder_tests", "published_ladder", "rm_accuracy",
    "sft_statistics", "sft_rejections", "published_sft", "scopes", "power", "sensitivity",
    "hourly", "rivals", "allocation", "carbon", "projection", "cost_model", "cost_model_measured",
    "published_cost", "published_v3_cost", "economics_config", "cost_model_config",
    "own_model_config", "prices",
)  # fmt: skip
LINKED_ONLY = ("test", "cost_model_config", "own_model_config")


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(tmp_path, name):
    """Each input that is absent stops the page with a sentence about that file."""
    options = page_tables.make(tmp_path)
    options[name].unlink()
    with pytest.raises(StageError, match="does not exist|No such file") as caught:
        page_tables.render(options)
    assert str(options[name]) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [n for n in FILES if n not in LINKED_ONLY])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n", b"[1]", b'{"a": '])
def test_damaged_file_is_named(tmp_path, name, content):
    """Each input with other content than its name promises stops the page likewise."""
    options = page_tables.make(tmp_path)
    options[name].write_bytes(content)
    with pytest.raises(StageError) as caught:
        page_tables.render(options)
    assert str(options[name]) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("scores", "pass@1,16,192,0.74", "pass@1,16,192,nan", "line 42.*finite number"),
        ("scores", "pass@1,16,192,0.74", "pass@1,16,192,74", "share between 0 and 1"),
        ("scores", "r1_zero,all,pass@1", "r1_zero,all,mean_length", "stands there twice"),
        ("scores", "r1_zero,all,cons@16", "r1_zero,all,cons@64", "one majority-vote metric"),
        ("curve", "20,0.4", "60,0.4", "steps must rise"),
        ("curve", "20,0.4,0.5,31.0", "20,0.4,0.5", "line 3: 3 cells where the header has 4"),
        ("curve", "cons16", "vote16", "needs one column consK"),
        ("curve", "mean_length", "length", "lacks the column mean_length"),
        ("rl_metrics", "entropy", "disorder", "lacks the column entropy"),
        ("base_metrics", "loss", "lost", "lacks the column loss"),
        ("cost_by_stage", "0.00288888888,unknown", "0.00288888888,0.5", "measured or estimated"),
        ("cost_by_stage", "final,AMD EPYC 7763,1,0,1,0.025", "final,x,1,0,1,-1", "at least 0"),
        ("paper_cost", "147336,147000", "147336 h,147000", "a number or the word unknown"),
        ("scopes", "327086", "lots", "line 3.*'usd_low' has 'lots'.*a number or the word unknown"),
        ("sensitivity", "one_at_a_time", "at_once", "has no line one_at_a_time"),
        ("cost_model", "B,bound_gpu", "B9,bound_gpu", "has no bound_gpu_hours of B at factor"),
        ("cost_model", "draws", "drawn", "has no draws of distribution"),
        ("allocation", "230.5", "soon", "line 2.*'allocated_seconds' has 'soon'"),
        ("economics_config", "pue: 1.2", "pue: 0.2", r"power\[2\]\.pue must be at least 1"),
        ("prompts_manifest", '"records": 1920', '"records": "many"', "where a count is needed"),
        ("tokens_manifest", '"sha256": "ab', '"sha256": "cd', "different versions of train.jsonl"),
        ("claims", ",contradicted,", ",proven,", "line 3.*'verdict' has 'proven'.*one of contra"),
        ("claims", "press-648,1,number,cost", "press-648,1,number,", "line 8.*'area' has 'noth"),
        ("claims_config", "claims:", "claim:", "holds no list of claims"),
        ("ladder", "dev3,0.71", "dev9,0.71", "line 5.*one of r1_zero, dev1, dev2, dev3, r1"),
        ("ladder", "dev3,0.71", "dev2,0.71", "line 5.*one line for each checkpoint"),
        ("ladder", "AIME 2024; MATH-500", "AIME 2024; MATH-501", "'MATH-501' is none"),
        ("ladder", "share,dev3,0.71", "share,dev3,71", "share between 0 and 1"),
        ("ladder_tests", "0.61,1,no", "0.61,1,maybe", "line 4.*true or false"),
        ("ladder_tests", "form,dev1", "forms,dev1", "line 6.*a benchmark of the ladder"),
        ("rm_accuracy", "0.87,0.95", "0.95,0.87", "line 2.*not below ci_low"),
        ("sft_statistics", "general,200", "general,some", "line 4.*a number"),
        ("sft_statistics", "general,200,1,12.25", "general,200,1,", "line 4.*'mean_tokens'"),
        ("sft_rejections", "duplicate,", "wrong,", "line 3.*one line for each reason"),
        ("decontamination", '"streams"', '"stream"', "lacks the field streams"),
    ],
)
def test_wrong_value_is_named_with_its_place(tmp_path, name, old, new, words):
    """A wrong cell, column or field stops the page and is named."""
    options = page_tables.make(tmp_path)
    page_tables.edit(options[name], old, new)
    with pytest.raises(StageError, match=words) as caught:
        page_tables.render(options)
    assert str(options[name]) in str(caught.value)


def test_more_columns_and_another_order_are_fine(tmp_path):
    """A table may grow: columns are found by name."""
    options = page_tables.make(tmp_path)
    before = page_tables.render(options)[1]
    lines = options["curve"].read_text(encoding="utf-8").splitlines()
    turned = [",".join(reversed(line.split(","))) + ",9" for line in lines]
    options["curve"].write_text("\n".join(turned) + "\n", encoding="utf-8")
    assert page_tables.render(options)[1] == before


def test_scale_without_a_headline_is_refused(tmp_path):
    """A page must not leave its scale unsaid."""
    options = page_tables.make(tmp_path)
    for path in options["attempts"].rglob("*.jsonl"):
        page_tables.edit(path, '"mini"', '"huge"')
    with pytest.raises(StageError, match="scale 'huge' has no headline"):
        page_tables.render(options, scale="huge")


def test_results_without_attempts_are_refused(tmp_path):
    """A page cannot say when and where a run took place that left no record."""
    options = page_tables.make(tmp_path)
    for path in options["attempts"].rglob("*.jsonl"):
        path.unlink()
    with pytest.raises(StageError, match="holds no attempt record"):
        page_tables.render(options)


def test_attempts_of_another_scale_are_not_taken_for_this_run(tmp_path):
    """Only completed attempts of the configured scale stand behind the results."""
    options = page_tables.make(tmp_path)
    with pytest.raises(StageError, match="no completed attempt of scale smoke"):
        page_tables.render(options, scale="smoke")


def test_torn_record_is_read_to_its_last_whole_line(tmp_path):
    """A record cut in its end line counts as killed, at the last heartbeat."""
    options = page_tables.make(tmp_path)
    record = next((options["attempts"] / "corpus").iterdir())
    text = record.read_text(encoding="utf-8")
    record.write_text(text[:-30], encoding="utf-8")
    html = page_tables.render(options)[0]
    assert html.count("killed: no end record") == 2
    assert "4 of them completed" in html


def test_running_page_is_not_in_its_own_list(tmp_path):
    """The record of the page's own attempt, open while it is made, changes nothing."""
    options = page_tables.make(tmp_path)
    before = page_tables.render(options)[0]
    lines = page_tables.attempt_lines("page", 30, None)
    name = f"{lines[0]['attempt_id']}.jsonl"
    page_tables.write_lines(options["attempts"] / "page" / name, lines)
    assert page_tables.render(options)[0] == before


def test_checkpoint_folder_names_the_samples(tmp_path):
    """Without a base among the samples there is nothing to compare: an error that says so."""
    options = page_tables.make(tmp_path)
    options["samples"] = [p for p in options["samples"] if p.parent.name != "base"]
    with pytest.raises(StageError, match="no file in a folder named base"):
        page_tables.render(options)


def test_a_configuration_without_other_curves_has_a_page_without_them(tmp_path):
    """The curves of further stages are optional: no stage, no heading, no chart."""
    options = page_tables.make(tmp_path) | {"curves": []}
    html = page_tables.render(options)[0]
    assert "The other stages of this run" not in html
    assert html.count('class="chart"') == 18


def test_a_claim_without_evidence_stays_on_the_page(tmp_path):
    """An undecided claim keeps its row and its reason; a file that is not there is no link."""
    html = page_tables.render(page_tables.make(tmp_path))[0]
    row = html.split('id="claim-language"')[1].split("</tr>")[0]
    assert "results/controls/gone/metrics.csv" in row and "the control did not run" in row
    assert 'href="controls' not in row


def test_templates_can_be_missing(tmp_path):
    """A folder without the template is named, with the way back."""
    options = page_tables.make(tmp_path) | {"templates": tmp_path}
    with pytest.raises(StageError, match="restore it with git"):
        page_tables.render(options)


def test_program_prints_one_line_and_writes_no_page(tmp_path, capsys, monkeypatch):
    """The program turns a bad input into one line and status 1; no half page stays behind."""
    import page

    from r1repro.cli import run_program

    options = page_tables.make(tmp_path)
    options["curve"].unlink()
    out = tmp_path / "results/report.html"
    arguments = ["page.py", "--settings", json.dumps(page_tables.SETTINGS), "--gpus", "0"]
    arguments += ["--state", str(tmp_path / "state"), "--code", "x"]
    arguments += ["--out-report", str(out), "--out-summary", str(out.with_name("summary.txt"))]
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        arguments += [f"--{name.replace('_', '-')}", *map(str, values)]
    monkeypatch.setattr("sys.argv", arguments)
    assert run_program(page.main) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()
