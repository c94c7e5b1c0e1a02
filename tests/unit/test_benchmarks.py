# SPDX-License-Identifier: Apache-2.0
"""Claims about benchmarks of others, on small files of the same form that are made here."""

import csv
import functools
import http.server
import json
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from r1repro.errors import InputError
from r1repro.files import sha256_file
from r1repro.tasks.benchmarks.obtain import file_of
from r1repro.tasks.benchmarks.prompts import prompts_of
from r1repro.tasks.benchmarks.sources import problems_of, read_sources, split_names
from r1repro.tasks.data.write import PROMPT_FIELDS

CONFIG = Path(__file__).resolve().parents[2] / "config/benchmarks.yaml"
SOURCES = read_sources(CONFIG)
# two rows of each benchmark's columns; the questions are ours
GSM8K = [
    {"question": "A box has 3 pens. How many have 4 boxes?", "answer": "3*4=<<3*4=12>>12\n#### 12"},
    {"question": "And 1000 times as many?", "answer": "That is 12*1000 #### of pens.\n#### 12,000"},
]
MATH = [
    {"problem": "What is $1+1$?", "solution": "$\\boxed{2}$", "answer": "2", "level": 1},
    {"problem": "Halve 1.", "solution": "", "answer": "\\frac{1}{2}", "level": 2},
]
AIME = [
    {"id": 60, "problem": "What is 3 squared?", "solution": "", "answer": "009", "year": "2024"}
]
GPQA = [
    {
        "Question": f'Which letter, comma and "quote" is number {n}?\nSay it.',
        "Correct Answer": f"right, {n}",
        "Incorrect Answer 1": "wrong 1",
        "Incorrect Answer 2": "wrong 2\n",
        "Incorrect Answer 3": "wrong 3",
        "Record ID": str(n),
    }
    for n in range(12)
]
ROWS = {"gsm8k": GSM8K, "math_500": MATH, "aime_2024": AIME, "gpqa_diamond": GPQA}


def write_rows(file: Path, kind: str, rows: list[dict]) -> None:
    """Write rows as the benchmark's own file has them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "json":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    else:
        with file.open("w", newline="", encoding="utf-8") as handle:
            table = csv.DictWriter(handle, list(rows[0]))
            table.writeheader()
            table.writerows(rows)


@pytest.fixture
def placed(tmp_path):
    """Put small files where a user would put the real ones; return the sources that pin them."""

    def place(name: str, rows=None):
        source = SOURCES[name]
        file = tmp_path / name / source.file
        write_rows(file, source.format, ROWS[name] if rows is None else rows)
        rows = ROWS[name] if rows is None else rows
        return replace(source, sha256=sha256_file(file), rows=len(rows))

    return place


# ---- prompts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
def test_every_benchmark_becomes_prompts(name, placed, tmp_path):
    """They have what the prompts of this workflow have, and no id twice."""
    source = placed(name)
    prompts = prompts_of(name, source, file_of(name, source, tmp_path))
    assert len(prompts) == len(ROWS[name]) == len({prompt["id"] for prompt in prompts})
    for prompt in prompts:
        assert all(isinstance(prompt[field], str) and prompt[field] for field in PROMPT_FIELDS)
        assert prompt["task"] == "benchmark" and prompt["level"] == 0
    assert {prompt["category"] for prompt in prompts} == {source.category}


def test_the_answer_of_gsm8k_follows_its_last_mark(placed, tmp_path):
    """Hand-worked: the work before it may hold the mark too."""
    source = placed("gsm8k")
    prompts = prompts_of("gsm8k", source, file_of("gsm8k", source, tmp_path))
    assert [prompt["answer"] for prompt in prompts] == ["12", "12,000"]
    assert prompts[0]["check"] == {"rule": "math", "answer": "12"}


def test_an_aime_answer_keeps_its_form(placed, tmp_path):
    """009 is a text in the file; the judge knows that it is 9."""
    source = placed("aime_2024")
    [prompt] = prompts_of("aime_2024", source, file_of("aime_2024", source, tmp_path))
    assert prompt["answer"] == "009"


def test_options_are_in_an_order_of_their_own_that_never_changes(placed, tmp_path):
    """The letter points at the right option; the right one is not always first."""
    source = placed("gpqa_diamond")
    file = file_of("gpqa_diamond", source, tmp_path)
    prompts = prompts_of("gpqa_diamond", source, file)
    for number, prompt in enumerate(prompts):
        assert f"({prompt['answer']}) right, {number}" in prompt["question"]
        assert all(f"wrong {n}" in prompt["question"] for n in (1, 2, 3))
    assert len({prompt["answer"] for prompt in prompts}) >= 3
    assert prompts == prompts_of("gpqa_diamond", source, file)


def without(rows, column):
    return [{key: value for key, value in row.items() if key != column} for row in rows]


BAD = {
    "other column": ("math_500", without(MATH, "problem"), "no column 'problem', only solution"),
    "empty answer": ("math_500", [MATH[0] | {"answer": ""}], "the column 'answer' is empty"),
    "no mark": ("gsm8k", [GSM8K[0] | {"answer": "12"}], "row 1: no answer after '####'"),
    "nothing after it": ("gsm8k", [GSM8K[0] | {"answer": "12 ####"}], "no answer after"),
    "no option": ("gpqa_diamond", without(GPQA, "Incorrect Answer 2"), "'Incorrect Answer 2'"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_row_that_is_not_of_that_form_is_named(case, placed, tmp_path):
    """A pinned file of another layout must not become questions without answers."""
    name, rows, words = BAD[case]
    source = placed(name, rows)
    with pytest.raises(InputError) as error:
        prompts_of(name, source, file_of(name, source, tmp_path))
    assert words in str(error.value)


def test_another_number_of_rows_is_refused(placed, tmp_path):
    """Half a benchmark would be another benchmark."""
    source = replace(placed("gsm8k"), rows=1319)
    with pytest.raises(InputError, match="has 2 questions where gsm8k has 1319"):
        prompts_of("gsm8k", source, file_of("gsm8k", source, tmp_path))


def test_a_file_that_is_no_parquet_is_a_sentence(tmp_path):
    """Not a traceback of a library."""
    file = tmp_path / "aime_2024" / SOURCES["aime_2024"].file
    file.parent.mkdir()
    file.write_text("<html>not found</html>")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        prompts_of("aime_2024", SOURCES["aime_2024"], file)


# ---- files --------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    """A web server on this machine with one file; returns its address."""
    served = tmp_path / "served"
    write_rows(served / "test.jsonl", "json", GSM8K)
    handler = functools.partial(QuietHandler, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}/test.jsonl"
        web.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A handler that prints nothing."""

    def log_message(self, *_args):
        """Say nothing."""


def test_a_missing_file_is_downloaded_once_and_kept(server, tmp_path):
    """Through `datasets`; nothing but the file stays in the folder."""
    pytest.importorskip("aiohttp", reason="downloads need what `make harness` installs")
    digest = sha256_file(tmp_path / "served/test.jsonl")
    source = replace(SOURCES["gsm8k"], url=server, sha256=digest, rows=2)
    file = file_of("gsm8k", source, tmp_path / "data")
    assert file == tmp_path / "data/gsm8k/test.jsonl" and sha256_file(file) == digest
    assert [path.name for path in file.parent.iterdir()] == ["test.jsonl"]
    (tmp_path / "served/test.jsonl").unlink()
    assert file_of("gsm8k", source, tmp_path / "data") == file


def test_a_download_of_other_bytes_is_not_kept(server, tmp_path):
    """The address answered with something else."""
    pytest.importorskip("aiohttp", reason="downloads need what `make harness` installs")
    source = replace(SOURCES["gsm8k"], url=server)
    with pytest.raises(InputError, match="is not the pinned file of gsm8k"):
        file_of("gsm8k", source, tmp_path / "data")
    assert list((tmp_path / "data/gsm8k").iterdir()) == []


def test_without_a_network_a_sentence_says_what_to_download_and_where_to_put_it(tmp_path):
    """Nothing listens at port 9 of this machine."""
    source = replace(SOURCES["gsm8k"], url="http://127.0.0.1:9/test.jsonl")
    with pytest.raises(InputError) as error:
        file_of("gsm8k", source, tmp_path)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert "download http://127.0.0.1:9/test.jsonl and put it at" in sentence
    assert sentence.endswith(str(tmp_path / "gsm8k/test.jsonl"))


def test_a_file_that_must_be_fetched_by_hand_says_how(tmp_path):
    """GPQA's authors do not want its questions in the open."""
    with pytest.raises(InputError, match=r"unpack dataset/gpqa_diamond\.csv from dataset\.zip"):
        file_of("gpqa_diamond", SOURCES["gpqa_diamond"], tmp_path)


def test_another_file_in_its_place_is_refused_and_left(placed, tmp_path):
    """It is the user's; the sentence names both checksums."""
    source = placed("math_500")
    file = tmp_path / "math_500/test.jsonl"
    file.write_text(file.read_text() + "\n")
    with pytest.raises(InputError) as error:
        file_of("math_500", source, tmp_path)
    assert source.sha256 in str(error.value) and sha256_file(file) in str(error.value)
    assert file.is_file()


# ---- entries ------------------------------------------------------------------------------------


def test_what_is_committed_pins_a_revision_and_a_checksum_of_each_benchmark():
    """The address holds the revision; numbers of questions are the published ones."""
    published = {"gsm8k": 1319, "math_500": 500, "aime_2024": 30, "gpqa_diamond": 198}
    assert {name: source.rows for name, source in SOURCES.items()} == published
    for source in SOURCES.values():
        assert len(source.revision) == 40 and len(source.sha256) == 64
        assert source.revision in (source.url or source.obtain)


def entry(**changes) -> dict:
    """Return the entry of MATH-500 with other values; None leaves a key out."""
    whole = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["math_500"] | changes
    return {key: value for key, value in whole.items() if value is not None}


WRONG = {
    "missing key": (entry(sha256=None), "math_500.sha256 is missing"),
    "unknown key": (entry(split="test"), "math_500.split is unknown"),
    "no list": ("a text", "the entry 'math_500' has no keys"),
    "other judge": (entry(judge="taste"), "does not hold together"),
    "other format": (entry(format="pickle"), "does not hold together"),
    "a path as file": (entry(file="../test.jsonl"), "does not hold together"),
    "choice without options": (entry(judge="choice"), "does not hold together"),
    "a number for a column": (entry(question=3), "does not hold together"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_entry_is_named(case, tmp_path):
    """File, entry and key."""
    value, words = WRONG[case]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"math_500": value}))
    with pytest.raises(InputError, match="own.yaml: ") as error:
        read_sources(tmp_path / "own.yaml")
    assert words in str(error.value)


def test_names_are_benchmarks_of_the_file_or_tasks_of_the_harness():
    """A misspelt one is told with the nearest."""
    names = ["gsm8k", "lm_eval:arc_easy"]
    assert split_names(names) == (["gsm8k"], ["arc_easy"])
    assert list(problems_of(names, CONFIG)) == []
    [sentence] = problems_of(["gsm8"], CONFIG)
    assert "did you mean gsm8k?" in sentence
    [sentence] = problems_of(["lm_eval:../x y"], CONFIG)
    assert "'../x y' is no name of a task" in sentence
