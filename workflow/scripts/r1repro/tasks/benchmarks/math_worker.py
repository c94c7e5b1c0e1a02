# SPDX-License-Identifier: Apache-2.0
"""The process in which math-verify compares expressions; `answers` starts it and asks by lines.

Takes   a line [reference, answer] of LaTeX on its input
Gives   a line [equal, answer written plainly] on its output
Limits  a gigabyte of memory, except on macOS, which refuses that limit; the one who asks ends the
        process when it takes too long
Choices Only LaTeX is read: it is parsed by a grammar, whereas math-verify reads bare arithmetic
        with sympy's parse_expr, which evaluates Python.
"""

import contextlib
import json
import logging
import resource
import sys

MEMORY_BYTES = 2**30


def main() -> None:
    """Answer until the input ends."""
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    from math_verify import LatexExtractionConfig, parse, verify

    logging.disable(logging.CRITICAL)
    latex = [LatexExtractionConfig()]
    for line in sys.stdin:
        reference, answer = (parse(f"${text}$", latex) for text in json.loads(line))
        equal = bool(answer) and verify(reference, answer)
        plain = str(answer[0]) if answer else json.loads(line)[1]
        print(json.dumps([equal, plain]), flush=True)


if __name__ == "__main__":
    main()
