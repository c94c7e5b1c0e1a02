# SPDX-License-Identifier: Apache-2.0
"""The sandbox for code answers, which are treated as hostile.

with Sandbox(Limits(cpu_seconds=0.5)) as sandbox:
    log(sandbox.protection)
    outcomes = sandbox.run([Job("def f(x): return x + 1", "f", [[1], [2]])])

The answers' results come back as plain data; whoever calls compares them with the expected ones,
which never enter the sandbox. Compare types too: Python holds True == 1 == 1.0.
"""

from .job import STATUSES, InvalidJob, Job, Limits, Outcome, SandboxError, SandboxUnavailable
from .opening import open_sandbox
from .protection import LEVELS
from .sandbox import Sandbox

__all__ = [
    "LEVELS",
    "STATUSES",
    "InvalidJob",
    "Job",
    "Limits",
    "Outcome",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "open_sandbox",
]
