# SPDX-License-Identifier: Apache-2.0
"""Claims about what the page says of the reported hours."""

import page_costs
import page_tables
import pytest

from r1repro.audit.page import plausibility


def model_with(tmp_path, **changes):
    """Return the hand-made table with the values of some quantities replaced."""
    rows = [
        [*row[:3], changes.get(row[0], changes.get(row[1], row[3])), row[4]]
        for row in page_costs._model()
    ]
    path = page_costs.write(tmp_path / "cost_model.csv", plausibility.COLUMNS, rows)
    return plausibility.read_model(path)


def test_the_sentence_says_plausible_with_bound_range_and_share(tmp_path):
    """B at the lowest factor is 0.8 x 2,400."""
    told = page_tables.sentence("model_sentence", model_with(tmp_path))
    assert told.startswith("The reported 101,000 GPU-hours are plausible. The highest bound")
    assert "sets is 1,900." in told
    assert "77,000 to 202,000 GPU-hours (central part), half of the draws at most 131,000" in told


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reported": 1000}, "the bound A0, 1,840 GPU-hours, lies above the reported 1,000; "),
        ({"reported": 5_000_000}, "the reported 5,000,000 GPU-hours lie above the central part"),
        ({"B": 101_001}, "the bound B, 101,001 GPU-hours, lies above the reported 101,000."),
        ({"central_high": 90_000}, "lie above the central part of the distribution, 77,000 to 90"),
    ],
)
def test_the_sentence_says_implausible_and_why(tmp_path, changes, reason):
    told = page_tables.sentence("model_sentence", model_with(tmp_path, **changes))
    assert " GPU-hours are implausible: " in told
    assert reason in told


def test_the_measured_updates_stand_beside_their_predictions(tmp_path):
    """126 over 111 is 1.14; the calibrated row is named."""
    html = page_tables.section("plausibility", model=model_with(tmp_path), measured=[])
    assert page_tables.table(html, "Measured and predicted updates")[2] == [
        ["v3 256", "134.0", "134.0", "1.00", "calibrated here", ""],
        ["v3 512", "111.0", "126.0", "1.14", "", "164,181"],
    ]
