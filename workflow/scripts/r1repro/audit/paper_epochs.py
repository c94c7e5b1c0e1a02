# SPDX-License-Identifier: Apache-2.0
"""The paper's prompts against its epochs, priced: two statements that cannot both hold.

Reported   R1-Zero: 10,400 updates of 32 questions (332,800 draws) and 1.6 epochs (Nature, Methods)
           prompts by category (Supplementary Table 1; extras in SI 2.3), in rl_data.csv
Reading    that the 1.6 epochs are right and the updates are not: updates = 1.6 x prompts / 32, and
           hours in proportion to updates, for the fewest and the most prompts that are published
Units      GPU-hours rounded half up to three decimals before they are priced
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from r1repro.audit.paper_cost import (
    Line,
    Reading,
    Stage,
    number,
    published_rows,
    scenario,
    timed,
)
from r1repro.errors import InputError

EPOCHS, UPDATES, QUESTIONS = Decimal("1.6"), 10_400, 32
STAGE, GENERAL, TOTAL = "r1_zero", "general", "total"
THOUSANDTH = Decimal("0.001")


def prompt_counts(path: Path) -> dict[str, int]:
    """Return the fewest and the most prompts that the paper names; raises InputError."""
    counts = {}
    for row in published_rows(path, {"category", "prompts_table", "prompts_text_extra"}):
        cells = [row[name] for name in ("prompts_table", "prompts_text_extra")]
        if not all(cell.isdecimal() for cell in cells):
            raise InputError(f"{path}, category {row['category']}: prompts must be whole numbers")
        counts[row["category"]] = [int(cell) for cell in cells]
    counts.pop(TOTAL, None)
    reasoning = sum(table for name, (table, _) in counts.items() if name != GENERAL)
    return {"reasoning": reasoning, "all": sum(sum(pair) for pair in counts.values())}


def epochs_for_updates(stages: Sequence[Stage], prompts: dict[str, int], price: Decimal):
    """Return the lines of each count of prompts, with the total that would follow."""
    stage = next((stage for stage in timed(stages) if stage.name == STAGE), None)
    if stage is None:
        raise InputError(f"the published cost table has no nodes and hours of {STAGE}; restore it")
    lines: list[Line] = []
    for name, count in prompts.items():
        updates = EPOCHS * count / QUESTIONS
        printed = stage.nodes * stage.gpus_per_node * stage.hours_low
        exact = printed * updates / UPDATES
        gpu_hours = exact.quantize(THOUSANDTH, ROUND_HALF_UP)
        hours = (stage.hours_low * updates / UPDATES).quantize(THOUSANDTH, ROUND_HALF_UP)
        formula = (
            f"{EPOCHS} x {count} / {QUESTIONS} = {number(updates)} of {UPDATES} updates; "
            f"{number(printed)} h x {number(updates)} / {UPDATES}"
        )
        size = (str(stage.nodes), str(stage.gpus_per_node))
        reading = Reading(formula, *size, hours, gpu_hours)
        note = (
            f"{UPDATES} updates draw {UPDATES * QUESTIONS} questions, which is "
            f"{UPDATES * QUESTIONS / count:.1f} epochs of these {count} prompts, not {EPOCHS}"
        )
        lines += scenario(f"epochs_of_{name}_prompts", stages, price, {STAGE: reading}, note)
    return lines
