# SPDX-License-Identifier: Apache-2.0
"""Laws of the price table: one text for one meaning, and a choice that depends on nothing else."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
import yaml
from drawn_attempts import DEVICES, days, records_drawn, tables_of_prices
from properties import given, st

from r1repro.audit.ledger.contents import preferred_prices
from r1repro.audit.ledger.entries import prices_entry
from r1repro.audit.prices import (
    OPTIONAL,
    UNITS,
    PricesInvalid,
    load_prices,
    preferred_rows,
    price_of,
    price_row,
)
from r1repro.audit.stage_cost import MICROJOULES_PER_KWH, MS_PER_HOUR, cost_by_stage, divided

SCHEMA = yaml.safe_load(
    (Path(__file__).parents[2] / "workflow/schemas/prices.schema.yaml").read_text(encoding="utf-8")
)
GOOD = {
    "id": "mine", "sku": "H200-141GB", "devices": ["NVIDIA H200"], "unit": "gpu_hour",
    "price": "1.95", "currency": "USD", "basis": "internal rate", "region": "EU",
    "as_of": "2026-01", "source": "own", "confidence": "own", "note": "",
}  # fmt: skip
questions = st.tuples(st.sampled_from(DEVICES), st.sampled_from(UNITS), days)


@given(tables_of_prices())
def test_a_table_is_the_same_from_its_file_and_from_the_ledger(tmp_path_factory, rows):
    """Every digit of a price, every day and every letter survive YAML and canonical JSON."""
    entry = prices_entry(rows, "0" * 64)
    path = tmp_path_factory.getbasetemp() / "prices.yaml"
    path.write_text(yaml.safe_dump({"prices": entry["rows"]}, allow_unicode=True), encoding="utf-8")
    assert preferred_prices([entry]) == load_prices(path) == rows
    assert [str(row.price) for row in preferred_prices([entry])] == [str(r.price) for r in rows]


@given(tables_of_prices(least=1), questions, st.data())
def test_the_price_is_valid_and_the_first_of_the_preference(table, question, data):
    """It names the device, has the unit and holds on the day; no row before it does."""
    device, unit, day = question
    preferred = data.draw(st.permutations(table))
    fitting = [
        row
        for row in preferred
        if device in row.devices
        and row.unit == unit
        and (row.valid_from is None or row.valid_from <= day)
        and (row.valid_to is None or row.valid_to > day)
    ]
    assert price_of(device, unit, day, preferred) == (fitting[0] if fitting else None)


@given(tables_of_prices(least=1), questions, st.data())
def test_the_choice_does_not_depend_on_the_order_of_the_table(table, question, data):
    """The same ids in the same order of preference choose the same row from any permutation."""
    wanted = data.draw(st.lists(st.sampled_from([row.id for row in table]), unique=True))
    shuffled = data.draw(st.permutations(table))
    chosen = preferred_rows(shuffled, wanted)
    assert chosen == preferred_rows(table, wanted)
    assert [row.id for row in chosen] == wanted
    others = [row for row in table if row.id not in wanted]
    assert price_of(*question, chosen) not in others


# texts that a careless reader takes for a number, a day, an id or a word of the list
DOUBTFUL = (
    "1.95", "1.95\n", "１.９５", "01", ".5", "1.", "1e3", "-1", "1_000", "2025-01-31", "20250131",
    "2025-W05-5", "2025-1-31", "2025-01-31\n", "２０２５-01-31", "2025", "2025\n", "2025-01",
    "２０２５", "USD", "USD\n", "usd", "own", "own\n", "https://a b", "https://a", "a_1", "a_1\n",
    "A", "é", "gpu_hour", "gpu_hour\n", "derived", "derived ", "", " ",
)  # fmt: skip
PATTERNED = ("id", "price", "currency", "unit", "source", "confidence", *OPTIONAL)


@pytest.mark.parametrize("name", PATTERNED)
@given(st.sampled_from(DOUBTFUL) | st.text(max_size=3))
def test_reader_and_schema_agree_on_any_text(name, text):
    """A row that one of the two accepts is accepted by the other.

    Python's `$`, which jsonschema uses, overlooks a line end that the reader refuses.
    """
    row = GOOD | {name: text}
    try:
        price_row(row, "the row")
        accepted = True
    except PricesInvalid:
        accepted = False
    in_schema = jsonschema.Draft202012Validator(SCHEMA).is_valid({"prices": [row]})
    assert accepted == (in_schema and not text.endswith("\n"))


quantities = st.integers(0, 10**40) | st.integers(0, 10**36).map(lambda number: 1800 * number)


@given(quantities, st.sampled_from([MS_PER_HOUR, MICROJOULES_PER_KWH]))
def test_a_quantity_is_rounded_once_and_to_even(amount, by):
    """Nine decimals, against the exact fraction; a tie, as of 1800 microjoules, goes to even."""
    nearest = Fraction(round(Fraction(amount * 10**9, by)), 10**9)
    assert Fraction(divided(amount, by)) == nearest
    assert divided(amount, by).as_tuple().exponent == -9


@given(records_drawn(), tables_of_prices(), st.integers(1, 9))
def test_money_is_linear_in_the_price_and_exact(found, prices, factor):
    """Every price times a factor is every cost times the factor; quantity times price is cost."""
    dearer = [replace(row, price=row.price * factor) for row in prices]
    for row, other in zip(cost_by_stage(found, prices), cost_by_stage(found, dearer), strict=True):
        if row.cost_usd is None:
            assert row.unit_price_usd is None and other.cost_usd is None
            continue
        held = row.gpu_hours if row.gpus_per_node else row.core_hours
        assert Fraction(row.cost_usd) == Fraction(held) * Fraction(row.unit_price_usd)
        assert other.cost_usd == row.cost_usd * factor
