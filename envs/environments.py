# SPDX-License-Identifier: Apache-2.0
"""Write each envs/NAME.yaml from requirements.lock and from what the rules that name it import.

Contract  An environment holds Python, pip, every package that a program of its rules imports (the
          modules behind the program included), what those packages need, and nothing else; each
          in the one version that the lock has.
Sources   workflow/rules/*.smk: which rule names which file and program. provenance.py: what a
          program imports. requirements.lock: versions. The metadata of the installed packages:
          what each one needs; so the environment must be that of the lock (`make setup`).
Choices   Packages come through pip: the same files as the lock, so the same bytes. Those of
          FROM_CONDA have no wheel there and would need a C compiler on every machine and in every
          container; conda-forge has them built.
          Pins carry no hash: with one, pip asks for the hash of every package, and those of
          torch's CUDA companions are not in the lock (see lock.py). torch's metadata pins these
          companions exactly, so pip brings the same ones each time.
          A package that the lock wants on some platforms only keeps its condition, unless all of
          TARGETS meet it or none does.
          PYTHON is the version that the published results were made with.
          The files do not list their rules: Snakemake and images know an environment by the
          bytes of its file, and a new rule is no reason to make it again.
Usage     python envs/environments.py           write the files   (`make envs`)
          python envs/environments.py --check   compare only      (`make check-envs`)
Errors    One sentence and exit status 1; files are written only when all of them can be.
"""

import argparse
import importlib.metadata
import re
import sys
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "workflow/scripts"))

from r1repro.errors import InputError  # noqa: E402
from r1repro.files import write_text_atomic  # noqa: E402
from r1repro.provenance import foreign_packages  # noqa: E402

PYTHON = "3.11.7"
PIP = "25.3"
FROM_CONDA = ("pycosat",)
# its packages are in a lock of their own and not in the environment of `make setup`
APART = "harness.yaml"  # lock_harness.py writes it
CHANNELS = ("conda-forge", "nodefaults")
# torch's CUDA build brings them; the lock leaves them out
COMPANION = re.compile(r"^(nvidia-|cuda-|triton$)")
LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)\s*(?:;(?P<when>[^\\]+))?")
COMMON = {
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "python_full_version": PYTHON,
    "python_version": PYTHON.rpartition(".")[0],
    "os_name": "posix",
}
# where the workflow runs: a condition is decided here, whatever machine writes the files
TARGETS = tuple(
    COMMON | {"sys_platform": platform, "platform_system": system, "platform_machine": machine}
    for platform, system, machine in (
        ("linux", "Linux", "x86_64"),
        ("linux", "Linux", "aarch64"),
        ("darwin", "Darwin", "x86_64"),
        ("darwin", "Darwin", "arm64"),
    )
)
HEADER = """\
# Made by `make envs` from requirements.lock and from what the programs of the rules that name this
# file import; do not edit by hand. Packages come through pip: the same files as the lock.
"""


def read_environments(folder: Path) -> dict[str, set[str]]:
    """Return file name -> the programs of the rules that name it; `use rule` inherits both."""
    said: dict[str, tuple[str | None, str | None]] = {}
    found: dict[str, set[str]] = {}
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.smk"))]
    waiting = [
        block
        for text in texts
        for block in re.split(r"^(?=(?:use )?rule \w+)", text, flags=re.MULTILINE)
        if re.match(r"(use )?rule \w", block)
    ]
    while waiting:
        block = waiting.pop(0)
        head = re.match(r"use rule (?P<parent>\w+) as (?P<name>\w+)|rule (?P<own>\w+)", block)
        name, parent = head["own"] or head["name"], head["parent"]
        if parent is not None and parent not in said:  # a later file defines it
            if not any(re.search(rf"\brule (\w+ as )?{parent}\b", other) for other in waiting):
                raise InputError(f"rule {name} repeats {parent}, which workflow/rules lacks")
            waiting.append(block)
            continue
        program = re.search(r'program=f"\{CODE\}/scripts/(\w+)\.py"', block)
        conda = re.search(r'^ {4}conda:\s+"\.\./\.\./envs/([\w.-]+)"', block, re.MULTILINE)
        inherited = said.get(parent, (None, None))
        said[name] = (
            program[1] if program else inherited[0],
            conda[1] if conda else inherited[1],
        )
        if None not in said[name]:
            found.setdefault(said[name][1], set()).add(said[name][0])
    return found


def read_lock(path: Path) -> dict[str, list[tuple[str, str, Marker | None]]]:
    """Return package -> (name, version, condition) for each line of the lock."""
    locked: dict[str, list[tuple[str, str, Marker | None]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := LOCKED.match(line):
            when = Marker(match["when"]) if match["when"] else None
            entry = (match["name"], match["version"], when)
            locked.setdefault(canonicalize_name(match["name"]), []).append(entry)
    return locked


def imported_packages(programs: set[str], without: set[str] = frozenset()) -> set[str]:
    """Return the packages that provide what the programs import, some modules left out."""
    owners = importlib.metadata.packages_distributions()
    packages = set()
    for program in sorted(programs):
        for module in foreign_packages(program) - sys.stdlib_module_names - without:
            if module not in owners:
                raise InputError(
                    f"workflow/scripts/{program}.py or a module behind it imports {module}, which "
                    "no installed package provides; add its package to requirements.in, then run "
                    "`make lock`"
                )
            packages.update(canonicalize_name(owner) for owner in owners[module])
    return packages


def with_what_they_need(packages: set[str], locked: dict) -> set[str]:
    """Return the packages and all that these need on any of TARGETS, as far as it is locked."""
    waiting = [(package, "") for package in packages]
    seen = set()
    while waiting:
        entry = waiting.pop()
        if entry in seen:
            continue
        seen.add(entry)
        package, extra = entry
        if package not in locked:
            raise InputError(
                f"requirements.lock lacks {package}, which an environment needs; run `make lock`"
            )
        try:
            needs = importlib.metadata.requires(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # the lock wants it on other platforms only, where it needs nothing more
        for need in map(Requirement, needs):
            name = canonicalize_name(need.name)
            wanted = need.marker is None or any(
                need.marker.evaluate(target | {"extra": extra}) for target in TARGETS
            )
            if wanted and not COMPANION.match(name):
                waiting += [(name, further) for further in ("", *need.extras)]
    return {package for package, _ in seen}


def pin(package: str, locked: dict) -> str | None:
    """Return the line of a package, None where no target wants it.

    Raises InputError when two locked versions remain.
    """
    lines = []
    for name, version, when in locked[package]:
        wanted = [when is None or when.evaluate(target) for target in TARGETS]
        if all(wanted):
            lines.append(f"{name}=={version}")
        elif any(wanted):
            lines.append(f'"{name}=={version} ; {str(when).replace(chr(34), chr(39))}"')
    if len(lines) > 1:
        raise InputError(f"requirements.lock has several versions of {package} for {PYTHON}")
    return lines[0] if lines else None


def conda_section(pins: list[str]) -> str:
    """Return channels and what comes from them: Python, pip, and the packages of these pins."""
    text = "channels:\n" + "".join(f"  - {channel}\n" for channel in CHANNELS)
    text += f"dependencies:\n  - python={PYTHON}\n  - pip={PIP}\n"
    return text + "".join(f"  - {pin.replace('==', '=')}\n" for pin in pins)


def render(programs: set[str], locked: dict) -> str:
    """Return the text of the environment of these programs."""
    direct = imported_packages(programs)
    further = with_what_they_need(direct, locked) - direct
    built = sorted({*FROM_CONDA} & (direct | further))
    text = HEADER + conda_section([pin(package, locked) for package in built])
    for title, packages in (("imported by the programs", direct), ("needed by those", further)):
        wanted = sorted(packages - {*FROM_CONDA})
        pins = [line for package in wanted if (line := pin(package, locked))]
        if pins and "  - pip:\n" not in text:
            text += "  - pip:\n"
        if pins:
            text += f"      # {title}\n" + "".join(f"      - {line}\n" for line in pins)
    return text


def all_files() -> dict[Path, str]:
    """Return path -> text of every environment file; raises InputError."""
    locked = read_lock(ROOT / "requirements.lock")
    return {
        ROOT / "envs" / name: render(programs, locked)
        for name, programs in sorted(read_environments(ROOT / "workflow/rules").items())
        if name != APART
    }


def main() -> None:
    """Write or compare."""
    cli = argparse.ArgumentParser(description="Write envs/*.yaml from the lock and the rules.")
    cli.add_argument("--check", action="store_true", help="compare and write nothing")
    check = cli.parse_args().check
    try:
        files = all_files()
    except InputError as error:
        sys.exit(f"error: {error}")
    stale = [
        path
        for path, text in files.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    stray = sorted(set((ROOT / "envs").glob("*.yaml")) - files.keys() - {ROOT / "envs" / APART})
    if stray:
        names = ", ".join(f"envs/{path.name}" for path in stray)
        sys.exit(f"error: no rule names {names}; remove it, or name it in a rule")
    if check and stale:
        names = ", ".join(f"envs/{path.name}" for path in stale)
        sys.exit(f"error: {names} differs from requirements.lock and the rules; run `make envs`")
    for path in stale:
        write_text_atomic(path, files[path])
    print(f"{len(files)} environments, {len(stale)} renewed")


if __name__ == "__main__":
    main()
