# SPDX-License-Identifier: Apache-2.0
"""Errors a user can act on.

Every subclass is named after what went wrong; its message says what was found, where,
and what to do next. Programs print it as one line and exit with status 1.
"""


def reason_of(error: Exception) -> str:
    """Return the first line of what a library says, or the name of its error."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class StageError(Exception):
    """Base of all errors that are shown to the user as one sentence."""


class SettingsError(StageError):
    """A setting has a value that this stage cannot work with."""


class InputError(StageError):
    """An input file is missing, damaged or not what its name promises."""


class StateError(StageError):
    """The stage's folder of checkpoints cannot be used."""


class GpuRequiredButAbsent(StageError):
    """The configuration demands a GPU (require_gpu) and the job was granted none."""


class Terminated(StageError):
    """The process was asked to stop (SIGTERM)."""
