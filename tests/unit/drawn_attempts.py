# SPDX-License-Identifier: Apache-2.0
"""Strategies for what a bill is made from: attempts as lines of a ledger, and price rows.

Few stages, devices and moments, so that attempts of one work, ties in time and changes of price
are frequent. What neither the bill nor a check compares is the same in all.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from properties import st

from r1repro.audit.attempt_records import STOPPED, AttemptRecord
from r1repro.audit.attempts import utc_text
from r1repro.audit.ledger.contents import record_of_entry
from r1repro.audit.ledger.entries import genesis, line_of, prices_entry
from r1repro.audit.ledger.fields import NO_LINE, PURPOSES, outcome_of
from r1repro.audit.prices import CONFIDENCES, UNITS, PriceRow
from r1repro.files import sha256_bytes

FIRST_DAY = date(2026, 1, 10)
MIDNIGHT = datetime(2026, 1, 10, tzinfo=UTC)
DAY_MS = 86_400_000
DEVICES = ("CPU X", "NVIDIA H800", "Other")
GENESIS = genesis(
    results="results", scale="mini", seed=1, commit=("c" * 40, False), configuration="b" * 64,
    now="2026-01-10T00:00:00.000Z",
)  # fmt: skip

days = st.integers(0, 4).map(lambda number: FIRST_DAY + timedelta(days=number))
moments_ms = st.one_of(st.integers(0, 5), st.integers(0, 4 * DAY_MS))
amounts = st.one_of(st.integers(0, 10**7), st.integers(0, 10**12 - 1))
energies = st.one_of(
    st.tuples(st.none(), st.just("unknown")),
    st.tuples(st.integers(0, 10**30 - 1), st.sampled_from(["measured", "estimated"])),
)


def time_of(milliseconds: int) -> str:
    """Return the moment so long after the first midnight, as the ledger writes it."""
    return utc_text(MIDNIGHT + timedelta(milliseconds=milliseconds))


@st.composite
def attempts(draw, number: int) -> dict:
    """Draw one attempt as an entry of a ledger without its place in the chain."""
    started, elapsed = draw(moments_ms), draw(amounts)
    code = draw(st.sampled_from([0, 0, 0, 1, STOPPED, STOPPED, None, -9]))
    joules, source = draw(energies)
    gpus = draw(st.integers(0, 2))
    return {
        "kind": "attempt",
        "attempt_id": f"a{number}",
        "stage": draw(st.sampled_from(["base", "base", "score", "score", "page"])),
        "part": draw(st.sampled_from(["", "", "base"])),
        "scale": draw(st.sampled_from(["mini", "mini", "smoke"])),
        "seed": draw(st.integers(-1, 2)),
        "purpose": draw(st.sampled_from(PURPOSES)),
        "planned_device": None,
        "outcome": outcome_of(code),
        "exit_code": code,
        "signal": None,
        "torn": False,
        "device": draw(st.sampled_from(DEVICES)),
        "device_uuids": draw(st.lists(st.sampled_from(["G1", "G2"]), max_size=gpus, unique=True)),
        "host": draw(st.sampled_from(["one", "two"])),
        "nodes": draw(st.integers(1, 3)),
        "gpus_per_node": gpus,
        "cpu_cores": draw(st.integers(1, 3)),
        "slurm_job_id": None,
        "started_utc": time_of(started),
        "ended_utc": time_of(started + elapsed + draw(st.integers(0, 1000))),
        "elapsed_ms": elapsed,
        "tokens_generated": elapsed,
        "tokens_trained": 0,
        "flop": draw(st.sampled_from([0, 1, 2, 10**29])),
        "step": None,
        "steps_total": None,
        "energy_microjoules": joules,
        "energy_source": source,
        "precision": "float32",
        "wandb_run_id": None,
        "git_commit": "c" * 40,
        "git_dirty": False,
        "code_digest": "d" * 64,
        "settings_sha256": "e" * 64,
        "inputs": {'quo"te 数': "f" * 64, "Ümlaut": "f" * 64},
        "outputs": {},
        "record": f"attempts/a{number}.jsonl",
        "record_bytes": 100,
        "record_sha256": "a" * 64,
    }


@st.composite
def amendments(draw, index: int, entry: dict) -> dict:
    """Draw how an attempt without an end, sealed in line `index`, went on."""
    code = draw(st.sampled_from([0, 1, STOPPED, None]))
    longer = draw(st.integers(0, DAY_MS))
    ended = datetime.fromisoformat(entry["ended_utc"]) + timedelta(milliseconds=longer)
    return entry | {
        "kind": "amendment",
        "amends": index,
        "exit_code": code,
        "outcome": outcome_of(code),
        "elapsed_ms": min(entry["elapsed_ms"] + longer, 10**12 - 1),
        "ended_utc": utc_text(ended),
    }


@st.composite
def price_rows(draw, name: str) -> PriceRow:
    """Draw a price row; a date of validity is there or not."""
    first, last = draw(st.none() | days), draw(st.none() | days)
    if first and last and first >= last:
        last = None
    return PriceRow(
        id=name,
        sku="X-80GB",
        devices=tuple(draw(st.lists(st.sampled_from(DEVICES), min_size=1, unique=True))),
        unit=draw(st.sampled_from(UNITS)),
        price=Decimal(draw(st.integers(0, 10**9 - 1))).scaleb(-draw(st.integers(0, 9))),
        currency=draw(st.sampled_from(["USD", "USD", "CNY"])),
        basis="rental",
        region="CN",
        source=draw(st.sampled_from(["own", "https://example.org/a"])),
        confidence=draw(st.sampled_from(CONFIDENCES)),
        note=draw(st.sampled_from(["", "a note: 数"])),
        as_of="2025-09" if first is None else draw(st.sampled_from([None, "2025"])),
        valid_from=first,
        valid_to=last,
    )


@st.composite
def tables_of_prices(draw, least: int = 0) -> list[PriceRow]:
    """Draw rows with an id each."""
    return [draw(price_rows(f"p{number}")) for number in range(draw(st.integers(least, 4)))]


@st.composite
def sealed_entries(draw, most: int = 8) -> list[dict]:
    """Draw the entries of a ledger in order: genesis, prices, attempts by time, amendments."""
    least = draw(st.sampled_from([0, most // 2]))
    numbers = draw(st.lists(st.integers(0, 99), min_size=least, max_size=most, unique=True))
    made = sorted(
        (draw(attempts(number)) for number in numbers),
        key=lambda entry: (entry["started_utc"], entry["attempt_id"]),
    )
    entries = [GENESIS, prices_entry(draw(tables_of_prices()), "a" * 64), *made]
    for index, entry in enumerate(entries[:]):
        if entry["kind"] == "attempt" and entry["exit_code"] is None and draw(st.booleans()):
            entries.append(draw(amendments(index, entry)))
    return entries


@st.composite
def records_drawn(draw) -> list[AttemptRecord]:
    """Draw attempts as a bill takes them, in any order."""
    numbers = draw(st.lists(st.integers(0, 99), max_size=10, unique=True))
    return [record_of_entry(draw(attempts(number))) for number in numbers]


def chained(entries: list[dict]) -> list[bytes]:
    """Return the lines of entries, each with its index and the checksum of the one before."""
    lines, previous = [], NO_LINE
    for index, entry in enumerate(entries):
        lines.append(line_of(entry, index, previous))
        previous = sha256_bytes(lines[-1])
    return lines
