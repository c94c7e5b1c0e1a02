# SPDX-License-Identifier: Apache-2.0
"""Laws of what held what at the same time, against a comparison of every pair."""

from itertools import permutations

from properties import given, st

from r1repro.audit.ledger.occupancy import GPU_TOLERANCE_MS, WORK_TOLERANCE_MS, Occupancy

HALF_SECONDS = st.integers(0, 80).map(lambda number: 500 * number)
GPUS = ("G1", "G2", "G1 G2", "G2 G3", "G1 G2 G3")


@st.composite
def held(draw, gpus: tuple[str, ...]) -> dict:
    """Draw what one attempt held on one of two hosts, as a rule the first."""
    start = draw(HALF_SECONDS)
    return {
        "start": start,
        "end": start + draw(HALF_SECONDS),
        "host": draw(st.sampled_from(["one", "one", "one", "two"])),
        "gpus": draw(st.sampled_from(gpus)),
        "work": (draw(st.sampled_from(["base", "score"])),),
    }


def occupied(attempts: list[dict]) -> Occupancy:
    """Return all attempts noted, numbered by their place."""
    found = Occupancy()
    for number, attempt in enumerate(attempts):
        found.add(number, **attempt)
    return found


def beside(first: dict, second: dict, tolerance: int) -> bool:
    """Say whether the second began while the first, which began no later, was running."""
    return first["start"] <= second["start"] < first["end"] - tolerance


@given(st.lists(held(GPUS), max_size=7, unique_by=lambda attempt: attempt["start"]))
def test_a_gpu_that_works_twice_at_once_is_found_and_no_other(attempts):
    """A host is told exactly if one of its GPUs did, with two attempts that both held it."""
    wanted = {
        first["host"]
        for first, second in permutations(attempts, 2)
        if first["host"] == second["host"]
        and set(first["gpus"].split()) & set(second["gpus"].split())
        and beside(first, second, GPU_TOLERANCE_MS)
    }
    told = occupied(attempts).gpu_overlaps()
    assert {host for (host, _), *_ in told} == wanted
    for (host, gpus), one, other, by_ms in told:
        pair = attempts[one], attempts[other]
        assert beside(*pair, GPU_TOLERANCE_MS) and {a["host"] for a in pair} == {host}
        assert all(set(gpus.split()) <= set(a["gpus"].split()) for a in pair)
        assert by_ms == min(a["end"] for a in pair) - pair[1]["start"]


@given(st.lists(held(("", "G1")), max_size=7, unique_by=lambda attempt: attempt["start"]))
def test_a_work_beside_itself_is_found(attempts):
    """One stage twice at once on one host, whatever else runs beside it."""
    wanted = {
        (first["host"], *first["work"])
        for first, second in permutations(attempts, 2)
        if (first["host"], first["work"]) == (second["host"], second["work"])
        and beside(first, second, WORK_TOLERANCE_MS)
    }
    assert {overlap.what for overlap in occupied(attempts).work_overlaps()} == wanted
