# SPDX-License-Identifier: Apache-2.0
"""What the tests of the cost model share: its committed inputs and the table that they give."""

from pathlib import Path

import pytest

from r1repro.audit.cost_model.inputs import read_inputs
from r1repro.audit.cost_model.report import rows

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def inputs():
    """Return the committed inputs."""
    return read_inputs(ROOT / "config/cost_model.yaml")


@pytest.fixture(scope="session")
def table(inputs):
    """Return every value by case, quantity and factor."""
    return {(r.case, r.quantity, r.factor): r.value for r in rows(inputs)}
