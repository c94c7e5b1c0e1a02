# SPDX-License-Identifier: Apache-2.0
"""Open a sandbox from the `sandbox` section of the configuration."""

from .job import Limits
from .sandbox import Sandbox


def open_sandbox(settings: dict) -> Sandbox:
    """Return a sandbox with the configured limits; use it as a context manager.

    `protection` names the level (auto takes the best that works), `workers` how many answers run
    at the same time; every other key is a limit on one answer.
    """
    limits = {k: v for k, v in settings.items() if k not in ("protection", "workers")}
    return Sandbox(Limits(**limits), level=settings["protection"], cells=settings["workers"])
