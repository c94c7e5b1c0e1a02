# SPDX-License-Identifier: Apache-2.0
"""Contestants for test_bench, in a file of their own that a new process imports fast."""


def write_name(work, turns):
    """A contestant that writes its name into the common file."""
    path, name = work
    while turns.wait():
        with open(path, "a", encoding="utf-8") as handle:
            handle.write(name)
        turns.report(updates=1)


def stumble(work, turns):
    """A contestant that fails in its first round."""
    turns.wait()
    raise ValueError("no such thing")
