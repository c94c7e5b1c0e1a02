# SPDX-License-Identifier: Apache-2.0
"""Commands, settings, links and paths in the documents are true.

Every line of a fenced block is taken as a command and must be of a known kind:
snakemake   planned (-n) in a copy of the repository; a target alone is planned by test_plan
make        make -n
python      run, where it is cheap; for the others the program must be there
torchrun    cannot run here: the program after it must be there
source, (   the environment's file; a command in a folder is run
TZ=UTC      sacct, which runs in tests/slurm only: it must ask for the columns that are read
snakemake   as the language of a block: a module, run in test_from_anywhere
Blocks of YAML and JSON must be settings that the schema takes, or prompts that the stage takes.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from clones import copy_repository, repository_files, snakemake
from foreign_checkpoints import our_tokenizer, write_folder
from safetensors.torch import save_file
from test_plan import PLANS

from r1repro.audit.slurm_jobs import NEEDED
from r1repro.configuration import problems

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "config/README.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
READERS = ("docs/lab.md", "docs/auditor.md", "docs/departures.md", "docs/architecture.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHEAP = ("workflow/scripts/paper_cost.py",)
# made by the reader; their content is beside the command in the document
OWN = {
    "FILE": '{"prompt": "Q Assistant:", "response": "A"}\n',
    "mine.yaml": "seed: 2\n",
    "my.yaml": "r1_zero: {updates: 96}\n",
    "my prompts.jsonl": '{"prompt": "What is 12 + 7?", "answer": "19", "category": "math"}\n',
    "results/cost/sacct.txt": "|".join(NEEDED) + "\n",
}
PLANNED = ("", *PLANS)  # targets that are planned, and more is asked of the plan, in test_plan
WORDS = ("snakemake", "make", "python", "torchrun", "source", "(cd", "TZ=UTC")
MADE = ("results/", "logs/", "audit/", "set-aside/", "models/", "attempts/", "data/", "claims/",
        "prepare/", "rl/", "evaluate/", "cost/", "state/", "benchmarks/", "exports/",
        ".venv-checkers/")  # fmt: skip


def blocks(name: str) -> list[tuple[str, str]]:
    """Return language and text of each fenced block of a document."""
    return FENCE.findall((ROOT / name).read_text(encoding="utf-8"))


def is_settings(language: str, text: str) -> bool:
    """Say whether a block is YAML or JSON: its first word ends with a colon, or is a brace."""
    return language in ("yaml", "json") or re.match(r"\{|[a-z_0-9]+:\s", text) is not None


def commands(language: str, text: str) -> Iterator[str]:
    """Yield the commands of a block, continued lines joined, comments cut."""
    if language in ("mermaid", "snakemake") or is_settings(language, text):
        return
    for line in text.replace("\\\n", " ").splitlines():
        command = line.split(" #")[0].strip()
        if command and not command.startswith("#"):
            yield " ".join(command.split())


EVERY = sorted({c for name in DOCUMENTS for b in blocks(name) for c in commands(*b)})
SETTINGS = [
    (name, text) for name in DOCUMENTS for lang, text in blocks(name) if is_settings(lang, text)
]


def first(word: str) -> list[str]:
    """Return the commands that begin with a word."""
    return [command for command in EVERY if command.split()[0] == word]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A copy of the repository with the files that a reader would write."""
    target = copy_repository(tmp_path_factory.mktemp("documents"))
    for name, text in OWN.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text, encoding="utf-8")
    # a folder that stands for a checkpoint, a reward model and attempt records at once
    write_folder(target / "DIR", "llama", our_tokenizer(), max_position_embeddings=512)
    save_file({"weight": torch.zeros(1, 32)}, target / "DIR/value_head.safetensors")
    (target / "DIR/base").mkdir()
    (target / "DIR/base/record.jsonl").write_text("{}", encoding="utf-8")
    # the environment counts as installed, or make -n would begin with that
    stamp = run("cat requirements.lock requirements.in Makefile | cksum", target).stdout
    (target / ".venv").mkdir()
    (target / ".venv/installed").write_text(stamp, encoding="utf-8")
    return target


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a command line in bash with this environment's Python first."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, env=environment
    )


def test_there_are_documents_for_every_reader():
    """README's first screen is for the reviewer; lab, auditor and developer have their own."""
    assert set(READERS) <= set(DOCUMENTS)
    assert len(EVERY) >= 15
    screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    for needed in ("make reproduce", "docs/page.png", *READERS):
        assert needed in screen, needed


@pytest.mark.parametrize("command", EVERY)
def test_each_command_is_of_a_kind_that_is_tried_below(command):
    """A new kind of command in a document needs a test of its own."""
    assert command.split()[0] in WORDS


def marked(command: str) -> object:
    """Leave a command to `make test-slurm` that needs what only that installs."""
    return pytest.param(command, marks=pytest.mark.slurm if "profiles/slurm" in command else ())


@pytest.mark.workflow
@pytest.mark.parametrize(
    "command",
    [marked(c) for c in first("snakemake") if c.removeprefix("snakemake").strip() not in PLANNED],
)
def test_a_snakemake_command_plans(command, folder):
    """The command with -n plans at least one job, or says that nothing is to be done."""
    words = shlex.split(command)[1:]
    answer = snakemake(folder, *words, "-n")
    assert answer.returncode == 0, answer.stdout
    assert "Job stats:" in answer.stdout or "Nothing to be done" in answer.stdout


@pytest.mark.parametrize("command", first("make"))
def test_a_make_command_has_its_target(command, folder):
    """make -n knows the target and what it needs."""
    answer = run(f"{command} -n", folder)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("command", first("python") + first("torchrun"))
def test_a_program_of_a_document_is_there_and_a_cheap_one_runs(command, folder):
    """The cost of the paper is recomputed for real; for the others the file must exist."""
    program = next(word for word in shlex.split(command) if word.endswith(".py"))
    assert (ROOT / program).is_file()
    if program in CHEAP:
        answer = run(command, folder)
        assert answer.returncode == 0, answer.stderr
        made = Path(shlex.split(command)[shlex.split(command).index("--out") + 1])
        assert "r1_zero" in (folder / made).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", first("TZ=UTC"))
def test_a_dump_of_the_accounting_has_what_is_read(command):
    """Each run of a job once, without steps, with every column that the reader needs."""
    words = shlex.split(command)
    assert words[:2] == ["TZ=UTC", "sacct"]
    assert {"-X", "-D", "--parsable2"} <= set(words)
    asked = next(word for word in words if word.startswith("--format="))
    assert set(asked.removeprefix("--format=").split(",")) == set(NEEDED)


@pytest.mark.parametrize("command", first("(cd"))
def test_a_command_in_a_folder_runs(command, folder):
    """The checksums of the published evidence hold."""
    answer = run(command, folder)
    assert answer.returncode == 0, answer.stderr
    assert "FAILED" not in answer.stdout


def test_changed_evidence_makes_that_command_fail(folder, tmp_path):
    """The same command says no after one digit changed: the test above can fail."""
    target = copy_repository(tmp_path)
    table = target / "results/published/nature/cost.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("198", "189"), encoding="utf-8")
    assert all(run(command, target).returncode for command in first("(cd"))


@pytest.mark.parametrize("command", first("source"))
def test_the_environment_is_where_the_documents_say(command):
    """The Makefile makes the folder that is activated."""
    assert command == "source .venv/bin/activate"
    assert "-m venv --clear .venv" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "text"), SETTINGS)
def test_settings_in_a_document_fit_the_schema(name, text, folder, monkeypatch):
    """YAML is laid over the miniature and has no problem; a prompt has the keys that are read."""
    value = yaml.safe_load(text)
    if "prompt" in value:
        assert set(json.loads(text)) == {"prompt", "answer", "category"}
        return
    monkeypatch.chdir(folder)
    schema = yaml.safe_load(Path("workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    default = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    found = problems(laid_over(default, value), schema, [], {})
    # the example of an own base names a folder that only its reader has
    assert [x for x in found if "model.checkpoint" not in x] == []


def laid_over(default: dict, value: dict) -> dict:
    """Return settings with others laid over them, key by key."""
    merged = dict(default)
    for key, item in value.items():
        nested = isinstance(item, dict) and isinstance(default.get(key), dict)
        merged[key] = laid_over(default[key], item) if nested else item
    return merged


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_of_a_document_lead_somewhere(name):
    """Each relative link names a file of the repository, each anchor a heading."""
    text = FENCE.sub("", (ROOT / name).read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        place, _, anchor = link.partition("#")
        target = (ROOT / name).parent / place if place else ROOT / name
        if link == "docs/page.png" and not target.is_file():
            continue  # made by `make picture`; its own test says what it must be
        assert target.exists(), f"{name}: {link}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in heads]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_in_a_document_exist_or_are_made_by_a_run(name):
    """A path in code type is a file of the repository, or lies in a folder that a run makes."""
    text = FENCE.sub("", (ROOT / name).read_text(encoding="utf-8"))
    tracked = repository_files()
    for path in re.findall(r"`([\w./-]+/[\w./-]*)`", text):
        known = any(
            file == path or file.endswith(f"/{path}") or file.startswith(path.rstrip("/") + "/")
            or f"/{path.rstrip('/')}/" in file
            for file in tracked
        )  # fmt: skip
        assert known or path.startswith(MADE), f"{name}: {path}"


def test_the_picture_of_the_page_is_small():
    """docs/page.png is a PNG of less than 200 kB."""
    picture = ROOT / "docs/page.png"
    if not picture.is_file():
        pytest.skip("docs/page.png is made by `make picture` from a finished run")
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(data) < 200_000
