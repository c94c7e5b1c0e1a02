# SPDX-License-Identifier: Apache-2.0
"""Claims about the paper's own cost table, recomputed; the numbers are done by hand here."""

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from r1repro.audit import paper_cost as paper
from r1repro.audit.paper_epochs import epochs_for_updates, prompt_counts
from r1repro.audit.published import PublishedChanged, verify_checksums
from r1repro.errors import InputError

PUBLISHED = Path(__file__).parents[2] / "results/published/nature"
TWO = Decimal("2.00")


@pytest.fixture(scope="module")
def lines():
    """Return all lines computed from the committed tables."""
    return paper.paper_cost(
        paper.read_paper_stages(PUBLISHED / "cost.csv"),
        paper.read_v3_stages(PUBLISHED / "v3_cost.csv"),
        TWO,
        TWO,
    )


def found(lines, part, stage, item):
    """Return recomputed, printed, difference, rounded value and verdict of the first such line."""
    line = next(x for x in lines if (x.part, x.stage, x.item) == (part, stage, item))
    return line.recomputed, line.printed, line.difference, line.prints_as, line.fits_rounding


@pytest.mark.parametrize(
    ("part", "stage", "item", "expected"),
    [
        # 512 x 198 and 512 x 80; the hours fit, the dollars of R1-Zero and of the total do not
        ("printed_cell", "r1_zero", "gpu_hours", ("101376", "101000", "376", "101000", "yes")),
        ("printed_cell", "r1_zero", "usd", ("202752", "202000", "752", "203000", "no")),
        ("printed_cell", "sft_data", "gpu_hours", ("unknown", "5000", "", "", "unknown")),
        ("printed_cell", "sft_data", "usd", ("10000", "10000", "0", "10000", "yes")),
        ("printed_cell", "r1", "gpu_hours", ("40960", "41000", "-40", "41000", "yes")),
        ("printed_cell", "r1", "usd", ("81920", "82000", "-80", "82000", "yes")),
        ("printed_cell", "total", "gpu_hours", ("147336", "147000", "336", "147000", "yes")),
        ("printed_cell", "total", "usd", ("294672", "294000", "672", "295000", "no")),
        # what the authors did: round the hours, then multiply
        ("rounded_cells", "r1_zero", "usd", ("202000", "202000", "0", "202000", "yes")),
        ("rounded_cells", "total", "gpu_hours", ("147000", "147000", "0", "147000", "yes")),
        ("rounded_cells", "total", "usd", ("294000", "294000", "0", "294000", "yes")),
        # 4 days = 96 h: 512 x 96 = 49,152
        ("r1_four_days", "r1", "gpu_hours", ("49152", "41000", "8152", "49000", "no")),
        ("r1_four_days", "r1", "usd", ("98304", "82000", "16304", "98000", "no")),
        ("r1_four_days", "total", "gpu_hours", ("155528", "147000", "8528", "156000", "no")),
        ("r1_four_days", "total", "usd", ("311056", "294000", "17056", "311000", "no")),
        # 64*8 without its asterisk
        ("lost_asterisk", "r1_zero", "gpu_hours", ("128304", "101000", "27304", "128000", "no")),
        ("lost_asterisk", "r1", "gpu_hours", ("51840", "41000", "10840", "52000", "no")),
        ("lost_asterisk", "total", "gpu_hours", ("185144", "147000", "38144", "185000", "no")),
        ("lost_asterisk", "total", "usd", ("370288", "294000", "76288", "370000", "no")),
        ("r1_hours_alone", "total", "usd", ("81920", "294000", "-212080", "82000", "no")),
        # the base model, and both: 147K + 2,788K
        ("v3_printed_cell", "total", "usd", ("5576000", "5576000", "0", "5576000", "yes")),
        ("with_v3", "r1_and_v3", "gpu_hours", ("2935000", "not reported", "", "", "unknown")),
        ("with_v3", "r1_and_v3", "usd", ("5870000", "not reported", "", "", "unknown")),
    ],
)
def test_every_cell_stands_beside_its_recomputation(lines, part, stage, item, expected):
    assert found(lines, part, stage, item) == expected


def test_prompts_against_epochs_are_priced_by_hand():
    """1.6 epochs of 80,000 prompts in updates of 32 are 4,000 of 10,400 updates; of 166,000, 8,300.

    101,376 h x 4,000 / 10,400 = 38,990.769; with 5,000 and 40,960 that is 84,950.769 at 2 USD.
    """
    stages = paper.read_paper_stages(PUBLISHED / "cost.csv")
    prompts = prompt_counts(PUBLISHED / "rl_data.csv")
    assert prompts == {"reasoning": 80_000, "all": 166_000}
    lines = epochs_for_updates(stages, prompts, TWO)
    few, many = "epochs_of_reasoning_prompts", "epochs_of_all_prompts"
    assert found(lines, few, "r1_zero", "gpu_hours")[0] == "38990.769"
    assert found(lines, few, "total", "usd")[0] == "169901.538"
    assert found(lines, many, "total", "gpu_hours")[0] == "126865.846"
    assert "which is 4.2 epochs of these 80000 prompts, not 1.6" in lines[0].note


def test_every_printed_cell_is_reproduced_or_its_difference_explained(lines):
    """A cell whose recomputation does not round to what is printed says how it came about."""
    printed = [x for x in lines if x.part == "printed_cell" and x.printed != "not reported"]
    assert len(printed) == 8
    for line in printed:
        if line.recomputed == "unknown":
            assert line.note == "nodes and hours are not reported; printed as it stands"
        elif line.fits_rounding == "no":
            assert "would print as" in line.note and "the printed" in line.note
        else:
            assert line.fits_rounding == "yes"
    explained = [(x.stage, x.item) for x in printed if x.fits_rounding == "no"]
    assert explained == [("r1_zero", "usd"), ("total", "usd")]
    # and the cells that do not follow from the finest values follow from the rounded ones
    rounded = {(x.stage, x.item): x.fits_rounding for x in lines if x.part == "rounded_cells"}
    assert all(rounded[cell] == "yes" for cell in explained)


def test_all_printed_cells_are_there_and_the_silent_ones_too(lines):
    """Five stages, hours and dollars each; nothing the paper prints is left out."""
    cells = [(line.stage, line.item) for line in lines if line.part == "printed_cell"]
    stages = ("r1_zero", "sft_data", "r1", "preparatory_30b", "total")
    assert sorted(cells) == sorted((s, i) for s in stages for i in ("gpu_hours", "usd"))
    silent = found(lines, "printed_cell", "preparatory_30b", "gpu_hours")
    assert silent == ("unknown", "not reported", "", "", "unknown")


def test_nodes_gpus_and_hours_stand_in_their_own_columns(lines):
    """64 nodes of 8, never one number that can lose its sign of multiplication."""
    first = lines[0]
    assert (first.nodes, first.gpus_per_node, first.hours) == ("64", "8", "198")
    assert first.formula == "64 x 8 = 512; 512 x 198 h"
    days = next(line for line in lines if line.part == "r1_four_days")
    assert (days.nodes, days.gpus_per_node, days.hours) == ("64", "8", "96")
    assert days.formula == "4 days = 96 h; 512 x 96 h"


def test_notes_say_what_would_print_and_how_the_printed_cell_came_about(lines):
    notes = {(x.stage, x.item): x.note for x in lines if x.part == "printed_cell"}
    assert "would print as 295K" in notes["total", "usd"]
    assert "294K is the rounded 147K h x 2.00 USD" in notes["total", "usd"]
    assert "would print as 203K" in notes["r1_zero", "usd"]
    assert "4 days and 80 h" in notes["r1", "gpu_hours"]


def test_differences_are_recomputed_minus_printed(lines):
    for line in lines:
        if line.difference:
            assert Decimal(line.recomputed) - Decimal(line.printed) == Decimal(line.difference)


def test_the_total_is_linear_in_the_price():
    stages = paper.read_paper_stages(PUBLISHED / "cost.csv")
    double = paper.printed_cells(stages, 2 * TWO)
    assert found(double, "printed_cell", "total", "usd")[0] == str(2 * 294_672)


def test_a_half_rounds_up_as_a_reader_would():
    assert paper.prints_as(Decimal(500), Decimal(1000)) == 1000
    assert paper.prints_as(Decimal(499), Decimal(1000)) == 0


def copy_of_published(tmp_path):
    """Return a folder with the committed evidence to damage."""
    return Path(shutil.copytree(PUBLISHED, tmp_path / "nature"))


def test_the_committed_evidence_is_unchanged():
    names = verify_checksums(PUBLISHED)
    assert {"cost.csv", "v3_cost.csv", "r1_zero_curve.csv", "rl_data.csv"} <= set(names)


def test_one_changed_digit_is_found(tmp_path):
    folder = copy_of_published(tmp_path)
    text = (folder / "cost.csv").read_text()
    (folder / "cost.csv").write_text(text.replace("101000", "101001"))
    with pytest.raises(PublishedChanged, match=r"cost\.csv is not the published evidence"):
        verify_checksums(folder)


def test_missing_and_unlisted_evidence_is_found(tmp_path):
    folder = copy_of_published(tmp_path)
    (folder / "extra.csv").write_text("a\n")
    with pytest.raises(PublishedChanged, match=r"extra\.csv is not listed"):
        verify_checksums(folder)
    (folder / "v3_cost.csv").unlink()
    with pytest.raises(PublishedChanged, match=r"v3_cost\.csv is missing"):
        verify_checksums(folder)
    (folder / "SHA256SUMS").write_text("0" * 64 + "  ../../outside.csv\n")
    with pytest.raises(PublishedChanged, match="line 1"):
        verify_checksums(folder)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("hours_low", "hours_lwo", "lacks the columns hours_low"),
        ("101000", "many", "gpu_hours is not a number"),
        ("total,H800", "sum,H800", "exactly one row named total"),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path, old, new, told):
    path = tmp_path / "cost.csv"
    path.write_text((PUBLISHED / "cost.csv").read_text().replace(old, new))
    with pytest.raises(InputError, match=told):
        paper.read_paper_stages(path)
    with pytest.raises(InputError, match="cannot be read"):
        paper.read_paper_stages(tmp_path / "absent.csv")
