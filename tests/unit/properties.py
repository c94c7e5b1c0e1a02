# SPDX-License-Identifier: Apache-2.0
"""Hypothesis with one profile: every property test takes `given` and `st` from here.

Choices  The same examples each time: a failure of somebody else's is a failure here. They follow
         from the test, the version of Hypothesis and the constants in our modules.
         Nothing depends on the clock: a busy machine finds neither an example nor a test too slow.
         Nothing is kept between runs but tables of Unicode, in pytest's own cache folder.
"""

from pathlib import Path

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

__all__ = ("assume", "example", "given", "settings", "st")

set_hypothesis_home_dir(Path(__file__).resolve().parents[2] / ".pytest_cache/hypothesis")
settings.register_profile(
    "r1repro",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("r1repro")
