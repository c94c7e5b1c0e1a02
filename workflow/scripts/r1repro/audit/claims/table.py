# SPDX-License-Identifier: Apache-2.0
"""claims.csv: one row a claim, in the order of config/claims.yaml.

id,area,kind   as defined
scale          of what was computed: `paper` for its own numbers, the scale of the runs for
               mechanisms, `any` where no run is needed, `none` where no run was given
verdict        see `verdicts`
reported       what the paper or the press states; obtained: what was computed here
ci_low,ci_high 95 % interval, over seeds or questions, where there is one
tolerance      allowed distance of obtained from stated; its reason is in config/claims.yaml
evidence       files and documents behind it, separated by semicolons
note           what failed, how it was measured, which seeds, caveats
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import Claim, read_claims
from r1repro.audit.claims.judge import Row, judge
from r1repro.audit.claims.mechanisms import REGISTRY
from r1repro.audit.claims.runs import Run
from r1repro.audit.claims.verdicts import VERDICTS

COLUMNS = tuple(field.name for field in fields(Row))


def definitions(path: Path, tables: Tables) -> list[Claim]:
    """Return the claims of a file, checked against the tables and the registered checks."""
    return read_claims(path, tables, {name: c.parameters for name, c in REGISTRY.items()})


def rows_of(claims: Sequence[Claim], tables: Tables, runs: Sequence[Run]) -> list[Row]:
    """Return the row of every claim; none is left out."""
    return [judge(claim, tables, runs) for claim in claims]


def csv_of(rows: Sequence[Row]) -> str:
    """Return the table as text."""
    handle = io.StringIO(newline="")
    table = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(row) for row in rows)
    return handle.getvalue()


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many claims have each verdict, those of none left out."""
    found = Counter(row.verdict for row in rows)
    return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}
