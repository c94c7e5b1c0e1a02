# SPDX-License-Identifier: Apache-2.0
"""Ladder, pilot, reward models and SFT data: whose number each is, and which steps are steps."""

import re

import page_tables
import pytest

from r1repro.audit.page import ladder
from r1repro.audit.page.scores import Scores


def read(options: dict) -> ladder.Ladder:
    return ladder.read_ladder(
        options["ladder"], options["ladder_tests"], options["published_ladder"]
    )


@pytest.fixture(scope="module")
def options(tmp_path_factory) -> dict:
    return page_tables.make(tmp_path_factory.mktemp("with a space"))


@pytest.fixture(scope="module")
def html(options) -> str:
    return page_tables.render(options)[0]


def test_each_benchmark_stands_above_the_rows_it_stands_for(html):
    """Ours first, then the named rows of Table 2, each line saying whose it is."""
    table = html.split('aria-label="The ladder"')[1].split("</table>")[0]
    lines = re.findall(r'<tr[^>]*><th scope="row">([^<]+)<.*?<td>([^<]+)</td>', table)
    ours, theirs = "this run, mini", "from the paper"
    assert lines == [
        ("math", ours), ("AIME 2024", theirs), ("MATH-500", theirs),
        ("form", ours), ("IF-Eval", theirs), ("length", ours),
        ("refusal", ours),
    ]  # fmt: skip
    assert "Rows of Table 2 that nothing here stands for: C-Eval." in html


def test_only_a_significant_step_is_marked_as_one(options):
    """math: down, up, nothing, up, by its four tests; length was not tested and has no mark."""
    found = read(options)
    steps = [found.step("math", upper) for upper in ladder.STEPS]
    assert steps == ["", "lower", "higher", "same", "higher"]
    assert {found.step("length", upper) for upper in ladder.STEPS} == {""}


def test_a_step_loses_its_mark_with_its_significance(tmp_path):
    """The same difference, said to be insignificant, is no difference on the page."""
    options = page_tables.make(tmp_path)
    before = page_tables.render(options)[0]
    page_tables.edit(options["ladder_tests"], "0.006,yes", "0.006,no")
    after = page_tables.render(options)[0]
    assert before.count("\u25b2") - after.count("\u25b2") == 1
    assert "Of 5 paired tests between checkpoints, 2 find a higher value, 1 a lower one" in before
    assert "1 find a higher value, 1 a lower one, and 3 no significant difference" in after


def test_shares_are_shown_in_percent_and_tokens_as_they_are(options):
    """0.74 is 74.0 % and 48 tokens are 48.0."""
    math, _, length, _ = read(options).benchmarks
    assert math.show(math.values["r1_zero"].value) == "74.0"
    assert length.show(length.values["r1_zero"].value) == "48.0"


def test_a_benchmark_without_question_has_neither_value_nor_step(options, html):
    """Empty cells are a dash, and its test says that there was no question."""
    found = read(options)
    assert found.step("refusal", "dev2") == ""
    assert [cell["value"] for cell in ladder.groups(found)[3]["cells"]] == ["\u2013"] * 5
    row = html.split('aria-label="Paired tests between checkpoints"')[1].split(">refusal<")[1]
    assert row.split("</tr>")[0].endswith("<td>no question</td>")


def test_what_has_no_row_in_table_2_says_so(html):
    """A counterpart in words stands under the name of the benchmark."""
    assert '>length<span class="range under">none in Table 2 (Fig. 1 b)</span>' in html


def test_a_row_of_table_2_is_never_ours(options):
    """The paper's cells are the committed text, not computed."""
    group = ladder.groups(read(options))[0]
    assert group["papers"][0]["cells"] == ["77.9", "59.0", "74.0", "78.1", "79.8"]
    assert [cell["value"] for cell in group["cells"]] == ["74.0", "55.0", "70.0", "71.0", "80.0"]


def test_what_became_of_the_samples_adds_up(html):
    """240 of 1,000 wrong are 24.0 %, 700 kept are 70.0 %; all samples come first."""
    table = html.split("Every sample of dev2")[1].split("</table>")[0]
    rows = re.findall(r'<th scope="row">([^<]+)</th><td class="n">([^<]+)</td>', table)
    assert rows == [
        ("sampled", "1,000"), ("wrong answer", "240"), ("the same text again", "60"),
        ("kept", "700"),
    ]  # fmt: skip
    assert "24.0\u202f%" in table and "70.0\u202f%" in table


def test_a_domain_without_samples_has_no_mean(html):
    """Count 0 and two dashes, beside the paper's table with its own label."""
    table = html.split('aria-label="SFT data of this run"')[1].split("</table>")[0]
    assert re.search(r'>Code</th>(<td class="n">0</td>)(<td class="n">\u2013</td>){2}', table)


def test_the_pilot_says_whether_it_rose(tmp_path):
    """Intervals apart: raised. Intervals that touch: not clearly. No pilot: said so."""
    path = page_tables.make(tmp_path)["scores"]

    def told() -> str:
        return page_tables.sentence("pilot_sentence", Scores(path))

    assert "and raised its pass@1: 10.0" in told()
    page_tables.edit(path, "pilot,all,pass@1,16,192,0.4,0.38", "pilot,all,pass@1,16,192,0.4,0.11")
    assert "did not clearly raise its pass@1" in page_tables.sentence(
        "pilot_sentence", Scores(path)
    )
    text = path.read_text(encoding="utf-8")
    path.write_text("".join(x for x in text.splitlines(True) if not x.startswith("pilot")))
    assert "runs no pilot" in told()


def test_checkpoints_stand_in_the_order_of_the_recipe(tmp_path):
    """Ten of the recipe in its order, whatever the order of the table, then the controls."""
    path = page_tables.make(tmp_path)["scores"]
    names = ["small_zero", "ppo_lambda_100", "r1", "distill", "dev3", "dev2"]
    with open(path, "a", encoding="utf-8") as table:
        for name in names:
            for metric, value in (("pass@1", 0.5), ("mean_length", 30), ("format_rate", 0.9)):
                table.write(f"{name},all,{metric},16,192,{value},{value},{value},3\n")
            table.write(f"{name},all,cons@16,16,192,0.5,0.5,0.5,3\n")
    assert Scores(path).checkpoints() == [
        "base", "pilot", "r1_zero", "dev1", "dev2", "dev3", "r1", "small_base", "distill",
        "small_zero", "ppo_lambda_100",
    ]  # fmt: skip
