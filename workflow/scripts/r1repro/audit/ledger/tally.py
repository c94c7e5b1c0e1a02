# SPDX-License-Identifier: Apache-2.0
"""The bill of a ledger in one pass: sums by group that can be merged, so no attempt is kept.

It gives the rows of `stage_cost.cost_by_stage`, which keeps all attempts and says what the columns
mean; a test compares the two. What needs all attempts there is done with sums here:

superseded   completed attempts are summed by (stage, part, scale, hardware, energy source, day);
             the last one of each (stage, part, scale) is kept beside the sum and taken out of it at
             the end; attempts that were asked to stop are kept one by one until then, since only
             the last one tells whether the work was done after them
price        depends on device, unit and day, so the sums are kept by day and priced at the end
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import localcontext

from r1repro.audit.attempt_records import STOPPED
from r1repro.audit.ledger.seen import Seen
from r1repro.audit.prices import PriceRow, price_of
from r1repro.audit.stage_cost import (
    EXACT,
    PURPOSE_ORDER,
    REPORTING,
    CostRow,
    Sums,
    energy_source_of,
    row_of,
)


@dataclass(slots=True)
class _Group:
    """Sums over attempts of one group, and the first of them."""

    attempts: int
    wall_ms: int
    core_ms: int
    microjoules: int
    first: tuple[str, str]

    def count(self, seen: Seen, started: tuple[str, str]) -> None:
        self.attempts += 1
        self.wall_ms += seen.elapsed_ms
        self.core_ms += seen.elapsed_ms * seen.nodes * seen.cpu_cores
        self.microjoules += seen.energy_microjoules or 0
        if started < self.first:
            self.first = started

    def add(self, other: "_Group") -> None:
        self.attempts += other.attempts
        self.wall_ms += other.wall_ms
        self.core_ms += other.core_ms
        self.microjoules += other.microjoules
        self.first = min(self.first, other.first)

    def without(self, other: "_Group") -> "_Group":
        return _Group(
            self.attempts - other.attempts,
            self.wall_ms - other.wall_ms,
            self.core_ms - other.core_ms,
            self.microjoules - other.microjoules,
            self.first,
        )


def _one(seen: Seen) -> _Group:
    """Return the sums of one attempt."""
    started = (seen.started_utc, seen.attempt_id)
    group = _Group(0, 0, 0, 0, started)
    group.count(seen, started)
    return group


class Tally:
    """Sums of the attempts seen so far."""

    def __init__(self):
        self._failed: dict[tuple, _Group] = {}
        self._done: dict[tuple, _Group] = {}
        # the stopped attempts of each work: when and which, its key, itself
        self._stopped: dict[tuple, list[tuple]] = {}
        # the last completed attempt of each work: when and which, its key, itself
        self._last: dict[tuple, tuple] = {}
        self._stages: dict[str, tuple[str, str]] = {}

    def add(self, seen: Seen) -> None:
        """Count one attempt in."""
        stage = seen.stage
        if stage in REPORTING:
            return
        started = (seen.started_utc, seen.attempt_id)
        work = (stage, seen.part, seen.scale)
        hardware = (seen.device, seen.nodes, seen.gpus_per_node, energy_source_of(seen))
        key = (*work, *hardware, seen.started_utc[:10])
        code = seen.exit_code
        if code == STOPPED:
            self._stopped.setdefault(work, []).append((started, key, seen))
        else:
            groups = self._done if code == 0 else self._failed
            group = groups.get(key)
            if group is None:
                groups[key] = _one(seen)
            else:
                group.count(seen, started)
        if code == 0:
            last = self._last.get(work)
            if last is None or started > last[0]:
                self._last[work] = (started, key, seen)
        first = self._stages.get(stage)
        if first is None or started < first:
            self._stages[stage] = started

    def merge(self, other: "Tally") -> None:
        """Count in what another part of the ledger held."""
        for mine, theirs in ((self._failed, other._failed), (self._done, other._done)):
            for key, group in theirs.items():
                if key in mine:
                    mine[key].add(group)
                else:
                    mine[key] = group
        for work, stopped in other._stopped.items():
            self._stopped.setdefault(work, []).extend(stopped)
        for work, last in other._last.items():
            if work not in self._last or last[0] > self._last[work][0]:
                self._last[work] = last
        for stage, started in other._stages.items():
            self._stages[stage] = min(started, self._stages.get(stage, started))

    def _by_purpose(self):
        """Yield (purpose, key, sums) with every attempt in exactly one."""
        for key, group in self._failed.items():
            yield "failed", key, group
        for work, attempts in self._stopped.items():
            last = self._last.get(work)
            for started, key, seen in attempts:
                done_after = last is not None and last[0] > started
                yield "superseded" if done_after else "failed", key, _one(seen)
        last_in = {key: (seen.purpose, _one(seen)) for _, key, seen in self._last.values()}
        for key, group in self._done.items():
            if key not in last_in:
                yield "superseded", key, group
                continue
            purpose, one = last_in[key]
            yield purpose, key, one
            if group.attempts > 1:
                yield "superseded", key, group.without(one)

    def rows(self, preferred: Sequence[PriceRow]) -> list[CostRow]:
        """Return the bill at these prices, as `cost_by_stage` does."""
        in_dollars = [row for row in preferred if row.currency == "USD"]
        groups: dict[tuple, _Group] = {}
        prices: dict[str | None, PriceRow | None] = {None: None}
        for purpose, key, group in self._by_purpose():
            stage, _, scale, device, nodes, gpus, source, day = key
            unit = "gpu_hour" if gpus else "core_hour"
            price = price_of(device, unit, date.fromisoformat(day), in_dollars)
            price_id = None if price is None else price.id
            prices[price_id] = price
            wide = (stage, scale, purpose, device, nodes, gpus, source, price_id)
            if wide in groups:
                groups[wide].add(group)
            else:
                groups[wide] = group.without(_Group(0, 0, 0, 0, group.first))
        order = {s: n for n, s in enumerate(sorted(self._stages, key=self._stages.__getitem__))}
        ordered = sorted(
            groups,
            key=lambda wide: (
                order[wide[0]],
                wide[1],
                PURPOSE_ORDER.index(wide[2]),
                groups[wide].first,
            ),
        )
        with localcontext(EXACT):
            return [row_of(wide[:-1], prices[wide[-1]], _sums(groups[wide])) for wide in ordered]


def _sums(group: _Group) -> Sums:
    return Sums(group.attempts, group.wall_ms, group.core_ms, group.microjoules)
