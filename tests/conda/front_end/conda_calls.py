# SPDX-License-Identifier: Apache-2.0
"""A test front end, not conda: the calls that Snakemake makes, answered by py-rattler.

info --json, --version, config --get channel_priority --json    what Snakemake asks first
env create --file FILE --prefix PREFIX                           what makes an environment
clean --yes --tarballs                                           after it

Real     the environment file is read, solved (strict channel priority, the machine's virtual
         packages) and installed by rattler, the library behind pixi; then the `pip:` section is
         installed into the new environment, as conda does, by the environment's own pip.
Not real the channels: TEST_CONDA_CHANNELS is a folder with one channel a name, in place of
         anaconda.org. Any other call is refused.
Speed    With TEST_CONDA_UV, the path of uv, that program installs the `pip:` section from its
         cache in place of pip; a test compares the two.
Errors   One sentence on stderr and exit status 1, as Snakemake expects of conda.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSION = "24.7.1"  # of conda's command line: the oldest that Snakemake 9 accepts
SUBDIRS = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}


class Refused(Exception):
    """The call or the file is none that this front end can serve."""


def subdir() -> str:
    """Return the platform as channels call it."""
    if sys.platform != "linux" or platform.machine() not in SUBDIRS:
        raise Refused(f"this front end knows Linux on {', '.join(SUBDIRS)} only")
    return SUBDIRS[platform.machine()]


def read_file(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Return channels, specifications and pip requirements of an environment file."""
    import yaml

    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(content) - {"name", "channels", "dependencies"}
    if unknown:
        raise Refused(f"{path} has keys that mean nothing to conda: {', '.join(sorted(unknown))}")
    specifications, requirements = [], []
    for entry in content["dependencies"]:
        if isinstance(entry, str):
            specifications.append(entry)
        elif isinstance(entry, dict) and list(entry) == ["pip"]:
            requirements += entry["pip"]
        else:
            raise Refused(f"{path} has a dependency that is neither a text nor pip: {entry!r}")
    return content["channels"], specifications, requirements


async def solve_and_install(channels: list[str], specifications: list[str], prefix: Path) -> None:
    """Make an environment of conda packages."""
    from rattler import Channel, ChannelConfig, VirtualPackage, install, solve

    folder = Path(os.environ["TEST_CONDA_CHANNELS"]).resolve()
    configuration = ChannelConfig(channel_alias=f"{folder.as_uri()}/")
    sources = [Channel(name, configuration) for name in channels if name != "nodefaults"]
    records = await solve(
        sources,
        specifications,
        platforms=[subdir(), "noarch"],
        virtual_packages=VirtualPackage.detect(),
    )
    await install(
        records, target_prefix=prefix, cache_dir=folder.parent / "packages", show_progress=False
    )


def install_requirements(prefix: Path, requirements: list[str]) -> None:
    """Install the `pip:` section; as conda does, from a file, with the environment's own pip."""
    python = prefix / "bin/python"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(requirements) + "\n")
        file.flush()
        uv = os.environ.get("TEST_CONDA_UV")
        command = [uv, "pip", "install", "--quiet", "--python", str(python), "-r", file.name]
        if not uv:
            command = [str(python), "-m", "pip", "install", "--quiet", "-U", "-r", file.name]
        if subprocess.run(command).returncode:
            raise Refused("the pip section could not be installed")


def create(arguments: list[str]) -> None:
    """Serve `env create`."""
    cli = argparse.ArgumentParser(prog="conda env create", allow_abbrev=False)
    cli.add_argument("--file", type=Path, required=True)
    cli.add_argument("--prefix", type=Path, required=True)
    for switch in ("--quiet", "--no-default-packages"):
        cli.add_argument(switch, action="store_true")
    args = cli.parse_args(arguments)
    channels, specifications, requirements = read_file(args.file)
    asyncio.run(solve_and_install(channels, specifications, args.prefix.resolve()))
    if requirements:
        install_requirements(args.prefix.resolve(), requirements)


def main(arguments: list[str]) -> None:
    """Answer one call."""
    match arguments:
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(HERE), "platform": subdir()}))
        case ["--version"]:
            print(f"conda {VERSION}")
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass  # the packages are kept: the next environment is made of the same ones
        case ["env", "create", *rest]:
            create(rest)
            sys.stdout.flush()
            os._exit(0)  # rattler's threads may outlive the interpreter and crash it at its end
        case _:
            raise Refused(f"this front end does not know the call: conda {' '.join(arguments)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refused as error:
        sys.exit(f"error: test front end of conda: {error}")
