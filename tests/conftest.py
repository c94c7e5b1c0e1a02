# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: one thread a process, and compiled modules are kept."""

import os
import sys

# Two test processes share two cores, and the models here are too small for threads.
os.environ["OMP_NUM_THREADS"] = "1"
# Where this is set each of a thousand processes would compile what it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
