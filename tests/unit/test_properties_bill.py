# SPDX-License-Identifier: Apache-2.0
"""Laws of the bill for any attempts and prices: each billed once, exactly, by whoever adds up."""

from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction

from drawn_attempts import chained, records_drawn, sealed_entries, tables_of_prices
from properties import given, st

from r1repro.audit.ledger.contents import preferred_prices, records
from r1repro.audit.ledger.fields import PATTERNS
from r1repro.audit.ledger.joining import finish
from r1repro.audit.ledger.part import Part
from r1repro.audit.ledger.reader import Reader
from r1repro.audit.ledger.seen import of_groups
from r1repro.audit.ledger.strict_json import parse
from r1repro.audit.ledger.tally import Tally
from r1repro.audit.stage_cost import (
    MICROJOULES_PER_KWH,
    MS_PER_HOUR,
    REPORTING,
    billed_groups,
    cells,
    cost_by_stage,
)

BILLIONTH = Fraction(1, 10**9)


@given(sealed_entries(most=12))
def test_the_streamed_bill_is_the_bill(entries):
    """Sums by group that were never kept apart give the rows of all attempts kept one by one."""
    lines = chained(entries)
    read = [parse(line) for line in lines]
    prices = preferred_prices(read)
    part = Reader(Part(), []).read(iter(lines))
    finish(part)
    assert not [found for found in part.faults if found.level == "error"]
    assert part.tally.rows(prices) == cost_by_stage(records(read), prices)


def purpose_by_definition(record, everything) -> str:
    """Return what an attempt was for, by comparing it with every other one."""
    work = (record.stage, record.part, record.scale)
    moment = (record.started_utc, record.attempt_id)
    done_later = any(
        other.exit_code == 0
        and (other.stage, other.part, other.scale) == work
        and (other.started_utc, other.attempt_id) > moment
        for other in everything
    )
    if record.exit_code in (0, 143) and done_later:
        return "superseded"
    return record.purpose if record.exit_code == 0 else "failed"


def price_by_definition(record, prices):
    """Return the first row in dollars for what an attempt held on the day it began."""
    unit, day = ("gpu_hour" if record.gpus_per_node else "core_hour"), record.started_utc[:10]
    for row in prices:
        fits = row.currency == "USD" and row.unit == unit and record.device in row.devices
        after = row.valid_from is None or row.valid_from <= date.fromisoformat(day)
        if fits and after and (row.valid_to is None or date.fromisoformat(day) < row.valid_to):
            return row
    return None


def rounded(exact: Fraction) -> Decimal:
    """Round a fraction once to nine decimals; Python rounds a fraction to even."""
    return Decimal(round(exact / BILLIONTH)).scaleb(-9)


def bill_in_fractions(found, prices) -> Counter:
    """Return the bill by another way: a sum for each kind of row, in fractions, without order."""
    sums: dict[tuple, list[int]] = {}
    for record in found:
        if record.stage in REPORTING:
            continue
        row = price_by_definition(record, prices)
        joules = record.energy_microjoules
        key = (
            record.stage, record.scale, purpose_by_definition(record, found), record.device,
            record.nodes, record.gpus_per_node, record.energy_source, row and row.id,
            row and row.price,
        )  # fmt: skip
        held = (1, record.elapsed_ms, record.elapsed_ms * record.cpu_cores, joules or 0)
        sums[key] = [sum(pair) for pair in zip(sums.get(key, (0,) * 4), held, strict=True)]
    rows = Counter()
    for (*what, nodes, gpus, source, _, price), (count, wall, core, joules) in sums.items():
        gpu_hours = rounded(Fraction(wall * nodes * gpus, MS_PER_HOUR))
        core_hours = rounded(Fraction(core * nodes, MS_PER_HOUR))
        held = gpu_hours if gpus else core_hours
        cost = None if price is None else Fraction(held) * Fraction(price)
        energy = None if source == "unknown" else rounded(Fraction(joules, MICROJOULES_PER_KWH))
        hours = rounded(Fraction(wall, MS_PER_HOUR))
        quantities = (count, hours, gpu_hours, core_hours, price, cost, energy)
        rows[*what, nodes, gpus, *quantities, source] += 1
    return rows


@given(records_drawn(), tables_of_prices())
def test_the_bill_agrees_with_one_in_fractions(found, prices):
    """A second implementation, from the definitions: same rows, same money to the last digit."""
    printed = Counter()
    for row in cost_by_stage(found, prices):
        texts = cells(row)
        cost = None if row.cost_usd is None else Fraction(texts["cost_usd"])
        printed[
            row.stage, row.scale, row.purpose, row.device, row.nodes, row.gpus_per_node,
            row.attempts, row.hours, row.gpu_hours, row.core_hours, row.unit_price_usd, cost,
            row.energy_kwh, row.energy_source,
        ] += 1  # fmt: skip
    assert printed == bill_in_fractions(found, prices)


@given(records_drawn(), tables_of_prices(), st.randoms(use_true_random=False))
def test_every_attempt_is_billed_once_whatever_the_order_of_the_records(found, prices, rng):
    """Finished, failed, killed or stopped: one row each; only writing the report has none."""
    shuffled = rng.sample(found, len(found))
    billed = [record for *_, group in billed_groups(shuffled, prices) for record in group]
    wanted = Counter(record.attempt_id for record in found if record.stage not in REPORTING)
    assert Counter(record.attempt_id for record in billed) == wanted
    assert cost_by_stage(shuffled, prices) == cost_by_stage(found, prices)


@given(sealed_entries(most=12), tables_of_prices(), st.data())
def test_parts_of_a_bill_add_up_in_any_order(entries, prices, data):
    """Attempts counted in any order, in any number of parts: the bill of one tally."""
    match = PATTERNS["attempt"].fullmatch
    lines = [line.decode() for line in chained(entries)]
    seen = [of_groups(found.groups())[0] for line in lines if (found := match(line))]
    parts = [Tally() for _ in range(data.draw(st.integers(1, 4)))]
    whole = Tally()
    for attempt in seen:
        whole.add(attempt)
    for attempt in data.draw(st.permutations(seen)):
        data.draw(st.sampled_from(parts)).add(attempt)
    first, *others = parts
    for part in others:
        first.merge(part)
    assert first.rows(prices) == whole.rows(prices)
