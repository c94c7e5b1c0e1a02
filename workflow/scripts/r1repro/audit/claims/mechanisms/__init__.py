# SPDX-License-Identifier: Apache-2.0
"""The checks behind mechanism claims, one module a theme; importing this registers them all."""

from r1repro.audit.claims.mechanisms import (  # noqa: F401
    accounting,
    algorithms,
    costs,
    equations,
    learning,
    safety,
    stages,
    voting,
)
from r1repro.audit.claims.mechanisms.registry import REGISTRY, Check, Finding, run_check

__all__ = ["REGISTRY", "Check", "Finding", "run_check"]
