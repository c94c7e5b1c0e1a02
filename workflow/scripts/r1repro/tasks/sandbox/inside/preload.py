# SPDX-License-Identifier: Apache-2.0
"""The modules an answer can import.

They are loaded before the walls go up; inside there is no file system to load others from.
"""

import importlib

MODULES = (
    "abc", "array", "base64", "binascii", "bisect", "builtins", "calendar", "cmath", "codecs",
    "collections", "collections.abc", "contextlib", "copy", "dataclasses", "datetime",
    "_strptime", "decimal", "enum", "errno", "fractions", "functools", "gc", "hashlib", "heapq",
    "io", "itertools", "json", "math", "numbers", "operator", "os", "random", "re", "select",
    "signal", "socket", "statistics", "string", "struct", "sys", "textwrap", "threading", "time",
    "traceback", "types", "typing", "unicodedata", "warnings",
    "encodings.ascii", "encodings.latin_1", "encodings.utf_16", "encodings.utf_8",
)  # fmt: skip


def load_everything() -> None:
    """Import each module; one that this Python was built without is left out."""
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
