# SPDX-License-Identifier: Apache-2.0
"""Python imports a module of this name by itself when it starts."""

import sys

# Snakemake needs psutil, which was built for this system; its jobs are processes of their own.
if "snakemake" not in sys.orig_argv:
    import without_linux  # noqa: F401
