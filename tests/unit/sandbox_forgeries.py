# SPDX-License-Identifier: Apache-2.0
"""Hostile answers that go for their own result: forged, broken, endless or misleading ones."""

from sandbox_attacks import Attack, body

# How an attack finds the job's number: in the frames of its callers.
STEAL_NONCE = """
import os, struct, sys, json
def steal():
    frame = sys._getframe()
    while frame:
        if "nonce" in frame.f_locals:
            return frame.f_locals["nonce"]
        frame = frame.f_back
def frame_of(text):
    data = text.encode()
    return struct.pack("<16sI", steal(), len(data)) + data
"""


def stolen(text: str, times: int = 1) -> Attack:
    """A response with the right number, written by the answer itself."""
    source = STEAL_NONCE + body(
        f"data = frame_of({text!r}) * {times}\n"
        "while data: data = data[os.write(3, data):]\n"
        "os._exit(0)"
    )
    return Attack(source, ("forged",))


ATTACKS_ON_THE_RESULT = {
    "a result line on standard output is no result": Attack(
        'print(\'{"status":"ok","outputs":[1,2]}\', flush=True)\nimport os\nos._exit(0)', ("died",)
    ),
    "a forged response without the job's number is refused": Attack(
        body(
            "import os, struct\n"
            'data = b\'{"status":"ok","outputs":[1,2]}\'\n'
            "os.write(3, struct.pack('<16sI', b'0' * 16, len(data)) + data)\n"
            "os._exit(0)"
        ),
        ("forged",),
    ),
    "a forged response before the real one spoils both": Attack(
        STEAL_NONCE
        + body('os.write(3, frame_of(\'{"status":"ok","outputs":[1,2]}\'))\nreturn x'),
        ("forged",),
    ),
    "two forged responses are refused": stolen('{"status":"ok","outputs":[1,2]}', times=2),
    "a forged response with the wrong count is refused": stolen('{"status":"ok","outputs":[1]}'),
    "a forged status that only the host may give is refused": stolen(
        '{"status":"cpu_limit","detail":""}'
    ),
    "a forged NaN is refused": stolen('{"status":"ok","outputs":[NaN,1]}'),
    "a forged infinite literal is refused": stolen('{"status":"ok","outputs":[1e999,1]}'),
    "a forged lone surrogate is refused": stolen('{"status":"ok","outputs":["\\ud800",1]}'),
    "a forged abyss of brackets is refused": stolen("[" * 60000),
    "forged deep nesting is refused": stolen(
        '{"status":"ok","outputs":[' + "[" * 900 + "]" * 900 + ",1]}"
    ),
    "a forged number of 5000 digits is refused": stolen(
        '{"status":"ok","outputs":[' + "9" * 5000 + ",1]}"
    ),
    "forged bytes that are no text are refused": Attack(
        STEAL_NONCE
        + body("os.write(3, struct.pack('<16sI', steal(), 4) + b'\\xff\\xfe\\x00{')\nos._exit(0)"),
        ("forged",),
    ),
    "a forged length of 4 GB reserves nothing": Attack(
        STEAL_NONCE + body("os.write(3, struct.pack('<16sI', steal(), 2**32 - 1))\nos._exit(0)"),
        ("forged",),
    ),
    "a flood into the result socket ends at the output limit": Attack(
        body("import os\nwhile True: os.write(3, b'x' * 10**5)"), ("output_limit",)
    ),
    "a response followed by a crash is no response": Attack(
        STEAL_NONCE
        + body('os.write(3, frame_of(\'{"status":"ok","outputs":[1,2]}\'))\nos._exit(7)'),
        ("died",),
    ),
    "os._exit(0) is not success": Attack(body("import os\nos._exit(0)"), ("died",)),
    "sys.exit is an error like any other": Attack(body("import sys\nsys.exit(0)"), ("error",)),
    "crashing the interpreter is not success": Attack(
        body("import ctypes\nctypes.string_at(0)"), ("died",)
    ),
    "deep recursion is an error": Attack(body("return f(x)"), ("error",)),
    "recursion without a limit breaks only itself": Attack(
        "import sys\nsys.setrecursionlimit(10**9)\n"
        "class A:\n    def __getattr__(self, n): return getattr(self, n + 'x')\n"
        + body("return f(repr(A().b))"),
        ("died", "error", "memory_limit", "cpu_limit"),
    ),
    "a power tower ends at a limit": Attack(
        body("return 9**9**9**9"), ("cpu_limit", "memory_limit")
    ),
    "a huge number is not turned into text": Attack(body("return 7**200000"), ("error",)),
    "a huge number with the digit limit lifted ends at a limit": Attack(
        body("import sys\nsys.set_int_max_str_digits(0)\nreturn 7**10**6"),
        ("cpu_limit", "output_limit"),
    ),
    "a giant text ends at the output limit": Attack(body("return 'x' * 10**7"), ("output_limit",)),
    "a giant list ends at a limit": Attack(
        body("return list(range(10**6))"), ("output_limit", "cpu_limit", "memory_limit")
    ),
    "an object that equals everything is not a result": Attack(
        "class Same:\n    def __eq__(self, other): return True\n" + body("return Same()"),
        ("bad_result",),
    ),
    "a number that equals everything is not a result": Attack(
        "class Same(int):\n    def __eq__(self, other): return True\n" + body("return Same(x)"),
        ("bad_result",),
    ),
    "rewriting json changes nothing": Attack(
        "import json\n"
        "json.dumps = json.loads = lambda *a, **k: 'true'\n"
        "json.JSONEncoder.encode = json.JSONEncoder.iterencode = lambda *a, **k: 'NaN'\n"
        + body("return []"),
        ("bad_result", "forged"),
        empty=True,
    ),
    "rewriting the builtins harms only itself": Attack(
        "import builtins\n"
        "builtins.type = lambda v: int\nbuiltins.len = lambda v: 0\nbuiltins.isinstance = 7\n"
        + body("return object()"),
        ("error", "forged", "died", "bad_result"),
    ),
    "rewriting os.write and os._exit changes nothing": Attack(
        "import os\nos._exit = os.write = os.read = lambda *a: 0\n" + body("return []"),
        (),
        empty=True,
    ),
    "NaN is not a result": Attack(body("return float('nan')"), ("bad_result",)),
    "infinity is not a result": Attack(body("return [1e308 * 10]"), ("bad_result",)),
    "a lone surrogate is not a result": Attack(body("return '\\ud800'"), ("bad_result",)),
    "a list that holds itself is not a result": Attack(
        body("a = []\na.append(a)\nreturn a"), ("bad_result",)
    ),
    "a generator is not a result": Attack(body("yield from range(10**9)"), ("bad_result",)),
    "a key that is not text is not a result": Attack(body("return {1: 2}"), ("bad_result",)),
    "an error whose text never ends is cut off": Attack(
        "class E(Exception):\n    def __str__(self):\n        while True: pass\n" + body("raise E"),
        ("cpu_limit",),
    ),
    "an error with control characters is made harmless": Attack(
        body("raise ValueError('\\x1b[2J\\r\\n' + 'x' * 10**6)"), ("error",)
    ),
    "a source with NUL is an error": Attack("def f(x): return x\0", ("error",)),
    "a source with a lone surrogate is an error": Attack("def f(x): return '\ud800'", ("error",)),
    "bad syntax is an error": Attack("def f(x) return x", ("error",)),
    "a source without the function is an error": Attack("g = 1", ("error",)),
    "a function that is no function is an error": Attack("f = 1", ("error",)),
    "enormous nesting breaks only itself": Attack(
        "def f(x): return " + "(" * 50000 + "x" + ")" * 50000, ("error", "died", "memory_limit")
    ),
    "an endless chain of signs breaks only itself": Attack(
        "def f(x): return " + "-" * 100000 + "x",
        ("error", "died", "memory_limit", "cpu_limit"),
    ),
    "a source that folds into a giant constant ends at a limit": Attack(
        "def f(x): return " + "*".join(["(9**99999)"] * 9) + "and 'x' * 10**9",
        ("cpu_limit", "memory_limit", "error"),
    ),
}  # fmt: skip
