# SPDX-License-Identifier: Apache-2.0
"""Where each key of the configuration stands: file and line, by the path of the key."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

# in C where PyYAML has it: a tenth of the time, on each call of Snakemake
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Places:
    """Where each key stands; the file read last wins, and the command line over all files."""

    def __init__(self, files: Iterable[str | Path], command_line: Mapping):
        self.lines: dict[tuple, tuple[int, str]] = {}
        self.repeated: list[str] = []
        for number, file in enumerate(files):
            with open(file, encoding="utf-8") as stream:
                root = yaml.compose(stream, Loader=LOADER)
            if isinstance(root, yaml.MappingNode):
                self._visit(root, (), number, str(file))
        for key in _paths(command_line):
            self.lines[key] = (sys.maxsize, "--config on the command line")

    def _visit(self, node: yaml.MappingNode, path: tuple, number: int, file: str) -> None:
        seen = set()
        for key, value in node.value:
            here = (*path, str(key.value))
            place = f"{file}, line {key.start_mark.line + 1}"
            if here in seen:
                self.repeated.append(
                    f"{place}: '{dotted(here)}' is set a second time; keep one of them"
                )
            seen.add(here)
            self.lines[here] = (number, place)
            if isinstance(value, yaml.MappingNode):
                self._visit(value, here, number, file)

    def of(self, *paths: Iterable) -> str:
        """Return file and line of a key or of the nearest section around it.

        Of several keys that do not fit together, the one in the file read last is meant.
        """
        found = []
        for path in paths:
            names = tuple(str(part) for part in path)
            while names and names not in self.lines:
                names = names[:-1]
            if names:
                found.append((self.lines[names][0], self.lines[names][1]))
        if not found:
            return "the configuration"
        return max(found, key=lambda place: place[0])[1]


def _paths(config: Mapping, above: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every key of a configuration, sections included."""
    for key, value in config.items():
        yield (*above, str(key))
        if isinstance(value, Mapping):
            yield from _paths(value, (*above, str(key)))


def leaves(config: Mapping, above: tuple = ()) -> Iterator[tuple[tuple, object]]:
    """Yield the path and value of every key that is no section."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


def dotted(path: Iterable) -> str:
    """Return a key as section.key."""
    return ".".join(str(part) for part in path)
