# SPDX-License-Identifier: Apache-2.0
"""Claims about what runs without what only Linux has, as on macOS; see no_linux/without_linux.py.

The real thing in processes of its own, with /proc, namespaces, the system-call filter, the limit on
memory and other calls taken away. macOS itself is not here.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS, MASK = ROOT / "workflow" / "scripts", Path(__file__).with_name("no_linux")


def run(tmp_path: Path, program: str) -> list:
    """Run a program without what Linux has; return what it gave to `say`, from JSON."""
    path = tmp_path / "program.py"
    head = "import json\ndef say(thing): print(json.dumps(thing))\n"
    path.write_text(head + program, encoding="utf-8")
    ours = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
        env=ours | {"PYTHONPATH": f"{MASK}:{SCRIPTS}:{MASK.parent}"},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


SANDBOX = """
from r1repro.tasks.sandbox import Job, Limits, Sandbox
answers = [
    "def f(x): return 2 * x",
    "def f(x): return len(x * 300_000)",
    "def f(x):\\n while True: pass",
    "import os\\ndef f(x): os.fork()",
    "import os\\ndef f(x): os._exit(0)",
    "import os\\ndef f(x): os.write(3, b'x' * 999_999)",
    "def f(x): raise SystemExit",
]
with Sandbox(Limits(cpu_seconds=0.5, wall_seconds=60), cells=2) as sandbox:
    say(sandbox.protection)
    for outcome in sandbox.run([Job(answer, "f", [["4" * 9]]) for answer in answers]):
        say([outcome.status, outcome.outputs])
stubborn = "import signal\\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\\nwhile True: pass"
with Sandbox(Limits(cpu_seconds=0.5, wall_seconds=3)) as sandbox:
    say([outcome.status for outcome in sandbox.run([Job(stubborn, "f", [[1]])])])
"""


def test_the_sandbox_judges_honest_and_hostile_programs(tmp_path):
    """Limits alone; what they do not prevent is in the sentence for the log, memory too."""
    said, *outcomes, stubborn = run(tmp_path, SANDBOX)
    assert [status for status, _ in outcomes] == [
        "ok", "ok", "cpu_limit", "error", "died", "output_limit", "error",
    ]  # fmt: skip
    assert [outputs for _, outputs in outcomes[:2]] == [["4" * 18], [2_700_000]]
    assert stubborn == ["wall_limit"]
    assert "MiB memory" not in said and "a system-call filter" not in said
    assert "NOT prevented: " in said and "use of more memory than the limit" in said
    assert "namespaces: OSError: no namespaces: this system is not Linux" in said


REFUSED = """
from r1repro.tasks.sandbox import Limits, Sandbox, SandboxUnavailable
wanted = (("limits", "on", 1), ("namespaces", "auto", 1), ("limits", "auto", 4))
for level, choice, processes in wanted:
    try:
        with Sandbox(Limits(processes=processes), level=level, syscall_filter=choice) as sandbox:
            say(sandbox.protection)
    except SandboxUnavailable as error:
        say(str(error))
"""


def test_protection_that_is_demanded_and_not_there_is_one_sentence(tmp_path):
    """A filter, namespaces; several processes, unless root gives each answer a user of its own."""
    wanted_filter, namespaces, several = run(tmp_path, REFUSED)
    assert wanted_filter == "limits: OSError: no system-call filter: this system is not Linux"
    assert namespaces == "namespaces: OSError: no namespaces: this system is not Linux"
    if os.geteuid() == 0:
        assert "a user id per answer" in several and "4 process(es)" in several
    else:
        assert "without /proc an answer's processes cannot be counted" in several


RECORD = """
from pathlib import Path
from r1repro.audit.attempts import open_attempt
from r1repro.learn.compute import Compute
from r1repro.learn.footprint import memory_row
from r1repro.learn.reinforcement import Reinforcement
from r1repro.tasks.benchmarks import math_worker
from r1repro.tasks.sandbox import Sandbox
from tiny_stage import PROMPTS, SETTINGS, Run, make_model, make_tokenizer
about = {"scale": "smoke", "settings": {}, "seed": 1, "gpus": 0, "code_digest": "0", "inputs": []}
tokenizer = make_tokenizer()
with open_attempt(Path("attempts"), "dev1", purpose="final", **about), Sandbox(cells=1) as sandbox:
    model, settings = make_model(tokenizer), SETTINGS | {"updates": 4}
    compute = Compute(tokens_per_pass=1000)
    stage = Reinforcement("dev1", model, tokenizer, PROMPTS, sandbox, settings, 2, compute)
    rows = stage.train(Run(Path("state")), Path("along"))
say([len(rows), memory_row("grpo", stage.held(), rows)["peak_rss_bytes"]])
try:
    math_worker.main()
except ModuleNotFoundError as error:
    say(error.name)
"""


def test_a_stage_trains_and_its_record_leaves_open_what_is_not_told(tmp_path):
    """The brand that sysctl knows; no age of the process, no energy; the resident set in bytes.
    The judge of mathematics gets past its limit on memory, which macOS refuses."""
    (updates, peak), *missing = run(tmp_path, RECORD)
    (record,) = (tmp_path / "attempts/dev1").iterdir()
    begin, *_, end = map(json.loads, record.read_text().splitlines())
    assert (begin["device"], begin["cpu_cores"]) == ("Apple M2", os.cpu_count())
    assert begin["process_seconds_before"] is None
    assert (end["exit_code"], end["energy"]["source"]) == (0, "unknown")
    assert updates == 4 and (tmp_path / "state").is_dir()
    assert 5e7 < peak < 5e9  # a process that holds torch; counted as kibibytes 1,024 times that
    assert missing in ([], ["math_verify"])


SCAN = """
from pathlib import Path
from r1repro.audit.ledger.scan import scan
if __name__ == "__main__":
    import multiprocessing
    say(multiprocessing.get_start_method())
    for parts in (1, 2):
        say(scan(Path("ledger.jsonl"), parts=parts).root)
"""


def test_a_ledger_is_read_by_processes_that_are_spawned(tmp_path):
    """macOS does not fork; in two parts the ledger has the same root."""
    source = ROOT / "results/published/mini/seed_1/cost/ledger.jsonl"
    (tmp_path / "ledger.jsonl").write_bytes(source.read_bytes())
    method, whole, parts = run(tmp_path, SCAN)
    assert method == "spawn"
    assert whole == parts
