# SPDX-License-Identifier: Apache-2.0
"""Stages that say only what differs from another stage: `like: NAME` in a section.

The paper does the same ("most settings as in the first stage"). A section with `like` takes every
key of the named section and lays its own over them, key by key; the named one may have a `like`
of its own. An arm of `controls` names a stage, and starts where that stage starts.
"""

from collections.abc import Iterator, Mapping

from r1repro.errors import SettingsError

LIKE = "like"
CONTROLS = "controls"


def laid_over(lower: Mapping, upper: Mapping) -> dict:
    """Return one mapping with another over it, key by key."""
    merged = dict(lower)
    for key, value in upper.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = laid_over(merged[key], value) if both else value
    return merged


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

    Raises SettingsError when a section names none, itself, or a circle of sections.
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
            raise SettingsError(
                f"'{name}.like' leads back to itself ({' -> '.join((*above, name, named))}); "
                "name a section that holds all its keys"
            )
        if not isinstance(named, str) or not isinstance(config.get(named), Mapping):
            raise SettingsError(
                f"'{name}.like' is {named!r}, which is no section of the configuration; "
                "name a stage, for instance r1_zero"
            )
        whole[name] = laid_over(complete(named, (*above, name)), found[name])
        return whole[name]

    for name in found:
        section = complete(name, ())
        place, _, arm = name.rpartition(".")
        (config[place] if place else config)[arm] = section
