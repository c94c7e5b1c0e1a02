# SPDX-License-Identifier: Apache-2.0
"""Claims about the paper's bill and what it leaves out; the numbers are done by hand here."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from r1repro.audit.cost_model.inputs import CostInputsInvalid
from r1repro.audit.economics import hourly, rivals, scopes, sensitivity
from r1repro.audit.economics.case import Case, Power, energy_mwh, paper_case
from r1repro.audit.economics.inputs import ENDS, read_economics
from r1repro.audit.page import calculator
from r1repro.audit.paper_cost import read_paper_stages, read_v3_stages
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.errors import InputError

ROOT = Path(__file__).parents[2]
NATURE = ROOT / "results/published/nature"
INPUTS = ROOT / "config/economics.yaml"
PRINTED = scopes.Printed(Decimal(147_000), Decimal(294_000))
PRICES = {"base": Decimal("2.00"), "low": Decimal("1.67"), "high": Decimal("4.916")}


@pytest.fixture(scope="module")
def known():
    """Return the committed assumptions."""
    return read_economics(INPUTS)


@pytest.fixture(scope="module")
def case():
    """Return the bill as the published tables give it."""
    stages = read_paper_stages(NATURE / "cost.csv")
    return paper_case(stages, read_v3_stages(NATURE / "v3_cost.csv"), Decimal("2.00"))


@pytest.fixture(scope="module")
def rows(case, known):
    """Return the rows of scopes.csv by name."""
    return {row.scope: row for row in scopes.scope_rows(case, PRINTED, known)}


def test_the_own_case_is_nodes_times_gpus_times_hours(case):
    """512 x (198 + 80) + 5,000 = 147,336 GPU-hours, 294,672 USD at 2.00."""
    assert case.gpu_hours == 512 * (198 + 80) + 5000 == 147_336
    assert case.usd == Decimal("294672.00")


def test_every_input_moves_the_bill_by_hand(case):
    """((100 x 30 + 200) x 1.25 x 2) / 0.5 + 1,000 x 0.1 + 7 hours at 3 USD."""
    by_hand = Case(
        *map(Decimal, (100, 20, 10, 200, 1000, 3)), Decimal("0.25"), Decimal(2), Decimal("0.5"),
        Decimal("0.1"), Decimal(7),
    )  # fmt: skip
    hours = (100 * 30 + 200) * 1.25 * 2 / 0.5 + 100 + 7
    assert by_hand.gpu_hours == Decimal(str(hours)) == 16_107
    assert by_hand.usd == 48_321
    assert replace(by_hand, price=Decimal(6)).usd == 2 * by_hand.usd


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("as_printed", 147_000, 147_000),
        ("r1_four_days", 512 * (198 + 96) + 5000, 155_528),
        ("gpus_648", 648 * (198 + 80) + 5000, 185_144),
        ("failed_runs", 163_543, 184_170),  # 147,336 x 1.11 = 163,542.96; x 1.25
        ("preparatory_factor_3", 442_008, 442_008),
        ("preparatory_runs", 221_004, 1_473_360),
        ("base_amortised", 147_336 + 697_000, 844_336),
        ("base_in_full", 147_336 + 2_788_000, 2_935_336),
        ("everything", 3_340_510, 147_336 * 1.25 * 3 + 2_788_000),
    ],
)
def test_each_scope_is_the_formula_by_hand(rows, name, low, high):
    row = rows[name]
    assert (int(row.gpu_hours_low), int(row.gpu_hours_high)) == (low, high)
    assert int(row.usd_high) == pytest.approx(2 * high, abs=1)
    assert float(row.ratio_low) == pytest.approx(2 * low / 294_000, abs=1e-4)


def test_the_inconsistencies_agree_with_the_paper_cost_table(rows):
    """The scopes and paper_cost.csv price 4 days and 648 GPUs alike."""
    assert rows["r1_four_days"].usd_low == "311056"
    assert rows["gpus_648"].usd_low == "370288"


def test_distilled_models_are_flop_over_peak(rows):
    """6 x 132.5e9 x 804,745 x 5,355.3 tokens x 2 or 3 epochs at 40 % of 989e12."""
    tokens = 804_745 * 5_355.3
    for epochs, cell in ((2, "gpu_hours_low"), (3, "gpu_hours_high")):
        hours = 6 * 132.5e9 * tokens * epochs / (0.4 * 989e12) / 3600
        assert int(getattr(rows["distilled_models"], cell)) == pytest.approx(147_336 + hours, abs=1)


def test_what_nobody_published_stays_unknown(rows):
    """No number is made up for the 30B runs, reward models, evaluation and staff."""
    for name in ("preparatory_30b", "reward_models", "evaluation_and_verifiers", "staff"):
        row = rows[name]
        cells = (row.gpu_hours_low, row.gpu_hours_high, row.usd_low, row.usd_high, row.ratio_low)
        assert set(cells) == {"unknown"}


def test_energy_is_hours_times_power_times_pue(case, known):
    """147,000 h x 0.7 kW x 1.2 = 123.48 MWh; x 0.5568 = 68.754 t; x 80 USD per MWh."""
    assert energy_mwh(Decimal(147_000), known.power[1]) == Decimal("123.480")
    rows = list(scopes.power_rows(case, PRINTED, known))
    row = next(r for r in rows if (r.scope, r.power, r.grid) == (
        "as_printed", "board_limit", "china_2021"))  # fmt: skip
    assert (row.energy_mwh_low, row.tonnes_co2_low) == ("123.480", "68.754")
    assert row.electricity_usd_low == "9878"
    assert row.electricity_share == "0.0336"  # 0.7 x 1.2 x 0.08 / 2
    assert {r.label for r in rows} == {"assumed"}
    assert energy_mwh(Decimal(8), Power("n", Decimal("1.275"), Decimal(1), "", "")) == Decimal(
        "0.0102"
    )


def test_the_tornado_has_the_largest_effect_first(case, known):
    found = sensitivity.one_at_a_time(case, PRICES, known)
    assert list(dict.fromkeys(row.input for row in found)) == [
        "scope", "utilisation_ratio", "price", "failed_share",
    ]  # fmt: skip
    by_setting = {(row.input, row.setting): row for row in found}
    assert by_setting["price", "high"].usd == "724304"  # 147,336 x 4.916 = 724,303.8
    assert by_setting["utilisation_ratio", "high"].usd == "147336"  # half of 294,672
    assert by_setting["failed_share", "high"].ratio_to_base == "1.2500"


def test_the_grid_is_every_combination_and_counts_no_failed_run_twice(case, known):
    found = sensitivity.grid(case, PRICES, known)
    assert len(found) == 6 * 3 * 3 * 2
    assert len({(r.price_usd, r.scope, r.utilisation_ratio, r.failed_share, r.usd)
                for r in found}) == 6 * 3 * 3 * 2 - 9  # fmt: skip
    failed = [r for r in found if r.scope == "failed_runs"]
    assert {r.failed_share for r in failed} == {"0.25"}
    one = next(r for r in found if (r.scope, r.price_usd, r.utilisation_ratio, r.failed_share) == (
        "base_in_full", "4.916", "0.3", "0.25"))  # fmt: skip
    assert float(one.usd) == pytest.approx((147_336 * 1.25 / 0.3 + 2_788_000) * 4.916, abs=1)


def test_rivals_tell_disclosed_estimated_and_priced_hours_apart():
    found = rivals.rivals(NATURE / "rivals.csv", PRICES)
    assert len(found) == 16
    known = {(r.model, r.basis): r for r in found}
    scout = known["Llama 4 Scout", "hours_priced"]
    assert (scout.usd, scout.usd_low, scout.usd_high) == ("10000000", "8350000", "24580000")
    assert known["DeepSeek-R1 (RL and SFT data only)", "disclosed"].usd == "294000"
    assert known["GPT-4", "estimate"].usd == "78400000"
    assert known["Claude 3.5 Sonnet", "unknown"].usd == "unknown"
    priced = [float(r.usd) for r in found if r.usd != "unknown"]
    assert priced == sorted(priced, reverse=True)
    assert all(r.source_url.startswith("https://") for r in found)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [("294000,disclosed", "294000,guess", "line 2: kind must be one of"),
     ("147000,294000", "147000,-1", "line 2: usd must be a number above 0"),
     ("147000,294000", "147000,NaN", "line 2: usd must be a number above 0"),
     ("gpu_hours", "hours", "lacks the columns gpu_hours")],
)  # fmt: skip
def test_a_damaged_table_of_rivals_is_refused(tmp_path, old, new, told):
    path = tmp_path / "rivals.csv"
    text = (NATURE / "rivals.csv").read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=told):
        rivals.rivals(path, PRICES)


def test_the_prices_of_the_file_are_rows_of_the_price_table(known):
    found = preferred_rows(load_prices(ROOT / "config/prices.yaml"), list(known.prices.values()))
    prices = {end: row.price for end, row in zip(known.prices, found, strict=True)}
    assert prices == PRICES and tuple(known.prices) == ENDS


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("change: {gpus: 648}", "change: {gpu: 648}", r"scopes\[3\]\.change\.gpu is not known"),
        ("change: {gpus: 648}", "change: {gpus: 6.5}", r"change\.gpus must be a whole number"),
        ("[0.11, 0.25]", "[0.25, 0.11]", r"goes down from 0\.25 to 0\.11"),
        ("[0.11, 0.25]", "[0.1, 0.2, 0.3]", "must be a number or a pair"),
        ("base_share: 0.25}", "base_share: 2}", "must be a number from 0 to 1, found 2"),
        ("name: gpus_648", "name: r1_four_days", "'r1_four_days' occurs twice"),
        ("scope: [as_recomputed", "scope: [staff", "names 'staff', which is no scope with hours"),
        ("pue: 1.1", "pue: 0.9", r"power\[1\]\.pue must be at least 1"),
        ("kg_per_kwh: 0.366", "kg_per_kwh: -1", r"grids\[2\]\.kg_per_kwh must be"),
        ('assumed, source: "industrial', 'sure, source: "industrial', "is 'sure'"),
        ("value: 0.02, unit: share", "value: 0.5, unit: share", "must lie between 0 and the most"),
        ("value: 1.5, unit: factor", "value: 0.5, unit: factor", "must be at least 1"),
        ("electricity:", "electric:", "electricity is missing"),
    ],
)  # fmt: skip
def test_a_wrong_assumption_is_one_sentence_that_names_the_key(tmp_path, old, new, told):
    path, text = tmp_path / "own.yaml", INPUTS.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CostInputsInvalid, match=told) as caught:
        read_economics(path)
    assert "\n" not in str(caught.value)


def test_the_calculator_starts_from_the_papers_own_case(case, known):
    """What the page shows before anything is changed, and a reading worked by hand."""
    context = calculator.context(case, known, Decimal(294_000))
    assert {o["name"]: o["value"] for o in context["outputs"]} == {
        "own": "147,336", "hours": "147,336", "usd": "294,672", "ratio": "1.00",
        "energy": "123.8", "carbon": "68.9",
    }  # fmt: skip
    fields = {f.name: Decimal(f.value) for f in context["fields"]}
    fields |= {"gpus": Decimal(648), "price": Decimal("1.67"), "failed": Decimal(10)}
    shown = calculator.totals(fields, case.base_gpu_hours, Decimal(294_000))
    assert shown["own"] == "185,144"
    assert shown["hours"] == "203,658"  # 203,658.4
    assert shown["usd"] == "340,110"  # x 1.67 = 340,109.528


def test_presets_hold_every_scope_that_the_fields_can_express(case, known):
    found = {p["name"]: p["values"] for p in calculator.presets(case, known)}
    assert "distilled_models" not in found and "staff" not in found
    assert found["everything"]["failed"] == "25" and found["everything"]["base"] == "100"
    assert found["preparatory_runs"]["preparatory"] == "10"


def test_owning_an_hour_is_the_formula_by_hand(known):
    """270,000 x 1.2 / 8 x 1.4 over 4 x 8,760 x 0.7 hours, and 0.84 kW at 0.08 USD."""
    found = hourly.hourly(
        load_prices(ROOT / "config/prices.yaml"), "h800_nature_2025", PRINTED, known
    )
    owned = {row.name: row for row in found if row.kind == "ownership"}
    middle = 270_000 * 1.2 / 8 * 1.4 / (4 * 8760 * 0.7) + 0.7 * 1.2 * 0.08
    assert float(owned["middle"].usd_per_gpu_hour) == pytest.approx(middle, abs=5e-4)
    assert float(owned["middle"].usd) == pytest.approx(147_000 * middle, abs=1)
    low = 200_000 * 1.1 / 8 * 1.25 / (5 * 8760 * 0.9) + 0.55 * 0.08
    high = 400_000 * 1.3 / 8 * 1.45 / (3 * 8760 * 0.5) + 1.275 * 1.3 * 0.08
    assert float(owned["low"].usd_per_gpu_hour) == pytest.approx(low, abs=5e-4)
    assert float(owned["high"].usd_per_gpu_hour) == pytest.approx(high, abs=5e-4)


def test_the_printed_hours_are_priced_at_every_row_that_is_not_the_authors(known):
    """No H800 row; low, median and high are those of H100; each bill is hours times price."""
    prices = load_prices(ROOT / "config/prices.yaml")
    found = hourly.hourly(prices, "h800_nature_2025", PRINTED, known)
    rented = {row.name: row for row in found if row.kind == "rental"}
    others = {p.id: p.price for p in prices if p.sku != "H800-80GB" and p.unit == "gpu_hour"}
    assert set(rented) == {*others, "low", "median", "high"}
    for name, price in others.items():
        assert float(rented[name].usd) == pytest.approx(147_000 * float(price), abs=1)
    nearest = sorted(price for name, price in others.items() if name.startswith("h100"))
    middle = len(nearest) // 2
    assert Decimal(rented["low"].usd_per_gpu_hour) == nearest[0]
    assert Decimal(rented["high"].usd_per_gpu_hour) == nearest[-1]
    half = (nearest[middle] + nearest[~middle]) / 2
    assert Decimal(rented["median"].usd_per_gpu_hour) == half


def test_an_ownership_without_a_row_is_refused(tmp_path):
    text = INPUTS.read_text(encoding="utf-8")
    path = tmp_path / "economics.yaml"
    path.write_text(text.replace("{name: years, low", "{name: decades, low"), encoding="utf-8")
    with pytest.raises(CostInputsInvalid, match="ownership must have the rows server_usd,"):
        read_economics(path)
    path.write_text(text.replace("busy_share, low: 0.9", "busy_share, low: 1.9"), encoding="utf-8")
    with pytest.raises(CostInputsInvalid, match="busy_share above 1"):
        read_economics(path)
