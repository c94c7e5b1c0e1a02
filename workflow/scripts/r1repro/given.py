# SPDX-License-Identifier: Apache-2.0
"""What comes from outside: a stage's section written as a path, a checkpoint, attempt records.

    snakemake r1_zero --config base=DIR            # starts from that folder, trains no base
    snakemake dev3 --config sft_data=FILE base=DIR
    snakemake evaluate --config checkpoint=DIR     # looks at that folder alone
    snakemake cost --config attempts=DIR           # bills those records alone

In a file the same keys are written `base: DIR`. The stage is then not run: what others read of it
is the path. Its settings, which further sections may be like, stay those of the files.

Choices  Only what another stage starts from can be given; a result that nothing follows from is
         for `checkpoint`. `model.checkpoint` is the older name of `base: DIR` and means the same.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from r1repro.checkpoint_folder import check_folder, check_reward_model, config_of, positions_of
from r1repro.errors import InputError
from r1repro.inheritance import CONTROLS, LIKE, laid_over
from r1repro.places import LOADER
from r1repro.sample_file import check_samples

Check = Callable[[Path], None]
STAGES: dict[str, Check] = {
    "base": check_folder,
    "small_base": check_folder,
    "dev1": check_folder,
    "rm_helpful": check_reward_model,
    "rm_safety": check_reward_model,
    "dev2": check_folder,
    "sft_data": check_samples,
    "dev3": check_folder,
}
# The checkpoint that each stage starts from.
STARTS_FROM = {
    "dev1": "base", "r1_zero": "base", "dev3": "base", "cold_start_more": "base",
    "pilot": "small_base", "distill": "small_base", "small_zero": "small_base",
    "distill_tiny": "tiny_base",
    "dev2": "dev1", "rm_helpful": "dev1", "rm_safety": "dev1",
    "sft_data": "dev2",
    "r1": "dev3",
}  # fmt: skip
OLD_NAME = "model.checkpoint"


class Given(NamedTuple):
    """A path and the key that names it."""

    path: str
    key: str


def check_attempts(folder: Path) -> None:
    """Raise InputError unless a folder holds attempt records."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; paths start in the folder where snakemake runs")
    if not records_in(str(folder)):
        raise InputError(
            f"{folder} holds no attempt record (STAGE/*.jsonl); give the folder `attempts` of a run"
        )


LOOKED_AT: dict[str, Check] = {"checkpoint": check_folder, "attempts": check_attempts}


def separate(config: dict, files: Iterable[str | Path]) -> dict[str, Given]:
    """Return what is given for stages; put the settings of the files back in their place.

    config  changed in place; `model.checkpoint` then says what is given for `base`
    files   the one laid over the others last
    """
    named = [name for name in STAGES if isinstance(config.get(name), str)]
    sections = _sections_of(files, named) if named else {}
    given = {}
    for name in named:
        if name in sections:
            given[name] = Given(config[name], name)
            config[name] = sections[name]
    model = config.get("model")
    if isinstance(model, dict) and "checkpoint" in model:
        if "base" in given:
            model["checkpoint"] = given["base"].path
        elif isinstance(model["checkpoint"], str) and model["checkpoint"]:
            given["base"] = Given(model["checkpoint"], OLD_NAME)
    return given


def _sections_of(files: Iterable[str | Path], names: list[str]) -> dict[str, dict]:
    """Return the sections of these names in files, key by key, without paths in their place."""
    found: dict[str, dict] = {}
    for file in files:
        content = yaml.load(Path(file).read_text(encoding="utf-8"), Loader=LOADER)
        for name in names if isinstance(content, Mapping) else ():
            if isinstance(content.get(name), Mapping):
                found[name] = laid_over(found.get(name, {}), content[name])
    return found


def problems_of(config: Mapping, given: Mapping[str, Given]) -> Iterator[tuple[str, str]]:
    """Yield (key, sentence) for everything from outside that cannot be used."""
    looked_at = {key: Given(config[key], key) for key in LOOKED_AT if config[key] is not None}
    for name, (path, key) in {**given, **looked_at}.items():
        try:
            (STAGES | LOOKED_AT)[name](Path(path))
        except InputError as error:
            yield key, str(error)
        except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
            yield key, f"{path!r} cannot be read: {getattr(error, 'strerror', None) or error}"


def positions_for(
    config: Mapping, section: str, given: Mapping[str, Given]
) -> tuple[str, int | None] | None:
    """Return key and positions of the checkpoint from outside that a stage starts from.

    None where it starts from one that is trained here, and for a stage that is given itself.
    """
    if section == "evaluate" and config["checkpoint"] is not None:
        return "checkpoint", positions_of(config_of(Path(config["checkpoint"])))
    if not given:
        return None
    name = section
    if section.startswith(f"{CONTROLS}."):
        name = config[CONTROLS][section.removeprefix(f"{CONTROLS}.")][LIKE]
    name = STARTS_FROM.get(name, "base")
    while name not in given and name in STARTS_FROM:
        name = STARTS_FROM[name]
    if name not in given:
        name = "base"
    if name not in given:
        return None
    return given[name].key, positions_of(config_of(Path(given[name].path)))


def files_of(path: str | None) -> list[str]:
    """Return the files of a folder, so that Snakemake notices when one of them changes."""
    if path is None or not Path(path).is_dir():
        return []
    return sorted(str(file) for file in Path(path).iterdir() if file.is_file())


def records_in(folder: str | None) -> list[str]:
    """Return the attempt records below a folder."""
    found = Path(folder).rglob("*.jsonl") if folder else ()
    return sorted(str(file) for file in found if not file.name.startswith("."))


def name_of(checkpoint: str) -> str:
    """Return what a folder that is evaluated is called in tables, records and names of files."""
    name = re.sub(r"[^\w.-]+", "_", Path(checkpoint).resolve().name, flags=re.ASCII)
    return f"given_{name[:64]}"
