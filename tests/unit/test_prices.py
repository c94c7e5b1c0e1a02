# SPDX-License-Identifier: Apache-2.0
"""Claims about the price table: strict, dated, sourced, and chosen explicitly."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml

from r1repro.audit import prices
from r1repro.audit.prices import PricesInvalid, load_prices, preferred_rows, price_of

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "config/prices.yaml"
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/prices.schema.yaml").read_text())
GOOD = {
    "id": "mine", "sku": "H200-141GB", "devices": ["NVIDIA H200"], "unit": "gpu_hour",
    "price": "1.95", "currency": "USD", "basis": "internal rate", "region": "EU",
    "as_of": "2026-01", "source": "own", "confidence": "own", "note": "",
}  # fmt: skip
DROP = object()


def load(tmp_path, *rows):
    """Write rows as a table and load it."""
    path = tmp_path / "prices.yaml"
    path.write_text(yaml.safe_dump({"prices": list(rows)}))
    return load_prices(path)


def schema_accepts(*rows):
    """Say whether the JSON schema accepts a table of these rows."""
    return jsonschema.Draft202012Validator(SCHEMA).is_valid({"prices": list(rows)})


def test_the_committed_table_loads_and_fits_its_schema():
    rows = load_prices(TABLE)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert schema_accepts(*yaml.safe_load(TABLE.read_text())["prices"])
    assert len(rows) == len({row.id for row in rows}) >= 25


def test_the_table_says_what_the_published_sources_say():
    """Row for row the same sku, price, basis, region, date and address as prices.csv."""
    with open(ROOT / "results/published/nature/prices.csv", newline="") as handle:
        published = [
            (row["sku"], Decimal(row["usd_per_gpu_hour"]), row["basis"], row["region"])
            + (row["as_of"], row["source_url"], row["confidence"])
            for row in csv.DictReader(handle)
        ]
    ours = [
        (row.sku, row.price, row.basis, row.region, row.as_of, row.source, row.confidence)
        for row in load_prices(TABLE)
    ]
    assert sorted(ours) == sorted(published)


@pytest.mark.parametrize(
    ("device", "dollars"),
    [
        ("NVIDIA H800", "2.00"),
        ("H800", "2.00"),
        ("NVIDIA A100-SXM4-80GB", "1.19"),
        ("NVIDIA H200", "3.59"),
        ("NVIDIA A100-SXM4-40GB", None),
        ("A100", None),
        ("NVIDIA GeForce RTX 4090", None),
        ("AMD EPYC", None),
    ],
)
def test_the_default_preference_prices_known_devices_and_no_other(device, dollars):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    preferred = preferred_rows(load_prices(TABLE), config["cost"]["price_basis"])
    row = price_of(device, "gpu_hour", date(2026, 6, 1), preferred)
    assert (row and row.price) == (dollars and Decimal(dollars))


def test_an_expired_list_price_is_not_used():
    """The capacity-block price was valid until 1 January 2025."""
    preferred = preferred_rows(load_prices(TABLE), "h200_capacity_block_us_2024")
    assert price_of("NVIDIA H200", "gpu_hour", date(2024, 12, 31), preferred) is not None
    assert price_of("NVIDIA H200", "gpu_hour", date(2025, 1, 1), preferred) is None


def test_a_preference_that_no_row_has_names_the_nearest():
    rows = load_prices(TABLE)
    with pytest.raises(PricesInvalid, match="did you mean 'h800_nature_2025'"):
        preferred_rows(rows, ["h800_natur_2025"])
    with pytest.raises(PricesInvalid, match="id or a list of ids"):
        preferred_rows(rows, {"h800": 2})


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("price", 2.0, "quoted decimal"),
        ("price", 2, "quoted decimal"),
        ("price", "-1", "quoted decimal"),
        ("price", "1e3", "quoted decimal"),
        ("price", "NaN", "quoted decimal"),
        ("price", "１.９５", "quoted decimal"),
        ("price", DROP, "'price' is missing"),
        ("source", "my cousin", "source is"),
        ("source", DROP, "'source' is missing"),
        ("region", "", "region must be"),
        ("basis", DROP, "'basis' is missing"),
        ("currency", "dollars", "currency is"),
        ("unit", "hour", "unit is"),
        ("confidence", "high", "confidence is"),
        ("as_of", DROP, "needs a date"),
        ("as_of", 2026, "as_of must be a quoted text"),
        ("as_of", "last year", "as_of is"),
        ("valid_to", 20250101, "quoted day"),
        ("valid_to", "20250101", "quoted day"),
        ("devices", "NVIDIA H200", "list of model strings"),
        ("devices", [], "list of model strings"),
        ("id", "My Price", "id is"),
    ],
)
def test_a_bad_row_is_refused_by_reader_and_schema_alike(tmp_path, field, value, told):
    row = GOOD | {field: value}
    if value is DROP:
        del row[field]
    with pytest.raises(PricesInvalid, match=told):
        load(tmp_path, row)
    assert not schema_accepts(row)
    assert schema_accepts(GOOD)


def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path):
    row = GOOD | {"regoin": "EU"}
    with pytest.raises(PricesInvalid, match="unknown key 'regoin'; did you mean 'region'"):
        load(tmp_path, row)
    assert not schema_accepts(row)


def test_reader_and_schema_know_the_same_keys_and_describe_each():
    item = SCHEMA["properties"]["prices"]["items"]
    assert set(item["properties"]) == {*prices.REQUIRED, *prices.OPTIONAL}
    assert set(item["required"]) == set(prices.REQUIRED)
    assert all(value["description"] for value in item["properties"].values())
    assert SCHEMA["additionalProperties"] is item["additionalProperties"] is False


def test_a_row_that_ends_before_it_begins_and_a_repeated_id_are_refused(tmp_path):
    with pytest.raises(PricesInvalid, match="later than valid_from"):
        load(tmp_path, GOOD | {"valid_from": "2026-02-01", "valid_to": "2026-02-01"})
    with pytest.raises(PricesInvalid, match="quoted day"):
        load(tmp_path, GOOD | {"valid_from": "2026-02-30"})
    with pytest.raises(PricesInvalid, match="occurs twice"):
        load(tmp_path, GOOD, GOOD)


@pytest.mark.parametrize("text", ["", "prices: {}", "rows: []", "prices: [1]", "a: b: c", "\x00"])
def test_a_file_that_is_no_price_table_is_one_sentence(tmp_path, text):
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(PricesInvalid) as caught:
        load_prices(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
