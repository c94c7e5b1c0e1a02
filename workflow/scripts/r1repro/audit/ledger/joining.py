# SPDX-License-Identifier: Apache-2.0
"""Join the parts of a ledger, and settle what only the whole can tell."""

from collections import Counter

from r1repro.audit.ledger.fields import NO_LINE
from r1repro.audit.ledger.part import UNREADABLE, Fault, Part


def join(whole: Part, part: Part, seals: set[int]) -> None:
    """Append a part; `seals` are the sizes of heads, where the order in time starts anew."""
    if part.lines and part.first_previous not in (None, whole.last_hash):
        what = "it does not follow the line before it: `previous` is not that line's SHA-256"
        whole.tell(Fault("chain", part.first, what))
    apart = any(whole.last_place < size <= part.first_place for size in seals)
    if UNREADABLE < part.first_started < whole.last_started and not apart:
        what = "it began before the attempt of the line before it"
        whole.tell(Fault("order", part.first_place, what))
    for found in part.faults:
        whole.tell(found)
    whole.left_out += part.left_out
    if part.lines:
        whole.last_hash = part.last_hash
        whole.lines += part.lines
    if part.last_started != UNREADABLE:
        whole.last_started, whole.last_place = part.last_started, part.last_place
    whole.leaves += part.leaves
    whole.tally.merge(part.tally)
    whole.occupancy.merge(part.occupancy)
    whole.ids += part.ids
    whole.places += part.places
    whole.open |= part.open
    whole.amendments += part.amendments
    whole.others += part.others
    for hardware, fastest in part.fastest.items():
        before = whole.fastest.get(hardware)
        if before is None or fastest.flop_per_second > before.flop_per_second:
            whole.fastest[hardware] = fastest


def finish(whole: Part) -> None:
    """Settle amendments and attempts without an end, and look for ids that occur twice."""
    _count_ids(whole)
    for index, amended, seen in whole.amendments:
        before = whole.open.pop(amended, None)
        if before is None:
            what = f"it amends line {amended + 1}, which is no attempt without an end"
            whole.tell(Fault("amendment", index, what))
            continue
        if not _continues(before, seen):
            what = f"it amends line {amended + 1} with less time or as another attempt"
            whole.tell(Fault("amendment", index, what))
        whole.open[index] = seen
    for index, seen in sorted(whole.open.items()):
        whole.settle(index, seen)
    if whole.lines and whole.first_previous != NO_LINE:
        whole.tell(Fault("chain", 0, "the first line must name 64 zeros as the line before it"))
    kinds = [entry["kind"] for _, entry in whole.others]
    firsts = [index for index, entry in whole.others if entry["kind"] == "genesis"]
    if firsts != [0]:
        what = f"line 1 must be the genesis and no other line; found {len(firsts)}"
        whole.tell(Fault("schema", 0, what))
    if "prices" not in kinds:
        whole.tell(Fault("schema", 0, "no line of kind prices"))


def _continues(before, after) -> bool:
    """Say whether an amendment is of the same attempt, later in its life."""
    lived = {
        "exit_code": None, "elapsed_ms": 0, "energy_microjoules": None, "energy_source": "",
        "ended": 0, "flop": 0, "precision": "",
    }  # fmt: skip
    same = before._replace(**lived) == after._replace(**lived)
    return same and after.elapsed_ms >= before.elapsed_ms and after.flop >= before.flop


def _count_ids(whole: Part) -> None:
    if len(set(whole.ids)) == len(whole.ids):
        return
    for ident, times in Counter(whole.ids).items():
        if times > 1:
            place = len(whole.ids) - 1 - whole.ids[::-1].index(ident)
            what = f"attempt {ident} is billed {times} times"
            whole.tell(Fault("twice", whole.places[place], what))
