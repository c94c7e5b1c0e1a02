# SPDX-License-Identifier: Apache-2.0
"""Stages that say only what differs from another stage: `like: NAME` in a section.

The paper does the same ("most settings as in the first stage"). A section with `like` takes every
key of the named section and lays its own over them, key by key; the named one may have a `like`
of its own. An arm of `controls` names a stage, and starts where that stage starts.
"""

from collections.abc import Iterable, Iterator, Mapping

from jsonschema.exceptions import ValidationError

from r1repro.errors import SettingsError

LIKE = "like"
CONTROLS = "controls"


class LikeError(SettingsError):
    """A section's `like` names nothing to take keys from; `keys` are those that can be changed."""

    def __init__(self, names: Iterable[str], name: str, sentence: str):
        self.keys = [f"{one}.{LIKE}" for one in names]
        super().__init__(f"'{name}.{LIKE}' {sentence}")


def laid_over(lower: Mapping, upper: Mapping) -> dict:
    """Return one mapping with another over it, key by key."""
    merged = dict(lower)
    for key, value in upper.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = laid_over(merged[key], value) if both else value
    return merged


def layered(layers: Iterable[Mapping]) -> dict:
    """Return mappings laid over one another, the last on top.

    `controls: {}` drops the arms below it: they are a list by name, not settings.
    """
    whole: dict = {}
    for layer in layers:
        whole = laid_over(whole, layer)
        if layer.get(CONTROLS) == {}:
            whole[CONTROLS] = {}
    return whole


def sources_of(config: Mapping, section: str) -> list[str]:
    """Return a section and those that it has keys from; `section` is a key or controls.NAME."""
    found = [section]
    arm = section.removeprefix(f"{CONTROLS}.")
    part = config[section] if arm == section else config[CONTROLS][arm]
    while isinstance(part, Mapping) and LIKE in part:
        found.append(part[LIKE])
        part = config[part[LIKE]]
    return found


def inheriting(config: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Yield (section.key, section) of every section that names another."""
    for name, section in config.items():
        if isinstance(section, Mapping) and LIKE in section:
            yield name, section
    arms = config.get(CONTROLS)
    for name, section in arms.items() if isinstance(arms, Mapping) else ():
        if isinstance(section, Mapping) and LIKE in section:
            yield f"{CONTROLS}.{name}", section


def resolve(config: dict) -> None:
    """Give every section with `like` all its keys, in place; `like` itself stays.

    Raises LikeError when a section names none, itself, or a circle of sections.
    """
    found = dict(inheriting(config))
    whole: dict[str, dict] = {}

    def complete(name: str, above: tuple[str, ...]) -> Mapping:
        if name in whole:
            return whole[name]
        if name not in found:
            return config[name]
        named = found[name][LIKE]
        if named in above or named == name:
            raise LikeError(
                (*above, name),
                name,
                f"leads back to itself ({' -> '.join((*above, name, named))}); "
                "name a section that holds all its keys",
            )
        if not isinstance(named, str) or not isinstance(config.get(named), Mapping):
            raise LikeError(
                (name,),
                name,
                f"is {named!r}, which is no section of the configuration; "
                "name a stage, for instance r1_zero",
            )
        whole[name] = laid_over(complete(named, (*above, name)), found[name])
        return whole[name]

    for name in found:
        section = complete(name, ())
        place, _, arm = name.rpartition(".")
        (config[place] if place else config)[arm] = section


class Inherited:
    """What sections have from the section that they are like, by the configuration as written."""

    def __init__(self, config: Mapping):
        self.config = config
        self.named = {tuple(key.split(".")): part[LIKE] for key, part in inheriting(config)}

    def section(self, path: tuple) -> tuple | None:
        """Return the path of the section with `like` that a key lies in, if there is one."""
        return next((path[:n] for n in (1, 2) if path[:n] in self.named), None)

    def of(self, path: tuple) -> bool:
        """Say whether a section with `like` has this key without setting it."""
        if self.section(path) is None:
            return False
        part = self.config
        for name in path:
            if not isinstance(part, Mapping) or name not in part:
                return True
            part = part[name]
        return False

    def source(self, path: tuple) -> tuple:
        """Return the path under which a key was written: of the section it comes from."""
        while self.of(path):
            section = self.section(path)
            path = (self.named[section], *path[len(section) :])
        return path

    def all_of(self, paths: list[tuple]) -> bool:
        """Say whether a problem of these keys is that of another section, where it is told."""
        concerned = [path for path in paths if self.section(path) is not None]
        return bool(concerned) and all(self.of(path) for path in concerned)

    def without(self, errors: Iterable[ValidationError]) -> list[ValidationError]:
        """Return the schema's errors without those that the named section has as well."""
        errors = list(errors)
        known = {(tuple(error.absolute_path), error.message) for error in errors}
        kept = []
        for error in errors:
            path = tuple(error.absolute_path)
            section = self.section(path)
            there = section and (self.named[section], *path[len(section) :])
            if there is None or (there, error.message) not in known:
                kept.append(error)
        return kept
