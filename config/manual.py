# SPDX-License-Identifier: Apache-2.0
"""Write the tables of config/README.md from the schema, config.yaml and paper.yaml.

Usage    python config/manual.py            (called by `make manual`)
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
MANUAL = ROOT / "config" / "README.md"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
BEGIN, END = "<!-- tables: made by `make manual` -->", "<!-- end of tables -->"
HEAD = "| key | miniature | paper | meaning |\n| --- | --- | --- | --- |\n"
REPORTED = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["x-reported"]
ARMS = "controls"
NUMBERS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def leaves(schema: Mapping, config: Mapping, path: str = "") -> Iterator[tuple[str, Mapping]]:
    """Yield (section.key, its schema) for every key that holds a value.

    Of a section that is like another, only what config.yaml sets there and what the paper reports
    of it; of `controls`, its arms as a whole.
    """
    for name, part in schema["properties"].items():
        key = f"{path}.{name}" if path else name
        if name not in config and key not in REPORTED:
            continue
        if "properties" in part:
            yield from leaves(part, config[name], key)
        else:
            yield key, part


def value_at(config: Mapping, key: str) -> object:
    """Return the value of section.key; a missing key raises KeyError."""
    for name in key.split("."):
        config = config[name]
    return config


def laid_over(default: Mapping, upper: Mapping) -> dict:
    """Return the default with another configuration over it, key by key."""
    merged = dict(default)
    for key, value in upper.items():
        both = isinstance(value, Mapping) and isinstance(merged[key], Mapping)
        merged[key] = laid_over(merged[key], value) if both else value
    return merged


def shown(value: object) -> str:
    """Return a value as it would be written in YAML, in code type."""
    if isinstance(value, float):
        return f"`{value:.1e}`" if 0 < abs(value) < 1e-2 else f"`{value:g}`"
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace('"', "")


def ours_cell(key: str, default: Mapping) -> str:
    """Return the value of config.yaml, or the section that the key's section has it from."""
    if key == ARMS:  # each is explained where it stands
        return shown(list(default[ARMS]))
    section, _, name = key.rpartition(".")
    if section and name not in value_at(default, section):
        return f"as `{value_at(default, section)['like']}`"
    return shown(value_at(default, key))


def paper_cell(key: str, schema: Mapping, paper: Mapping) -> str:
    """Return the paper's value with its source, or that there is none."""
    if key in schema["x-reported"]:
        return f"{shown(value_at(paper, key))} ({schema['x-reported'][key]})"
    if key.endswith(".like") or any(
        key == ours or key.startswith(ours + ".") for ours in schema["x-ours"]
    ):
        return "–"
    return f"not reported; assumed {shown(value_at(paper, key))}"


def limits(part: Mapping) -> str:
    """Return what values are allowed, where the schema limits them."""
    if "enum" in part:
        return "One of " + ", ".join(f"`{choice}`" for choice in part["enum"]) + "."
    bounds = [f"{SIGNS[name]} {part[name]}" for name in NUMBERS if name in part]
    return f"Allowed: {', '.join(bounds)}." if bounds else ""


def tables() -> str:
    """Return one table per section of the configuration."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    paper = yaml.safe_load((ROOT / "config/paper.yaml").read_text(encoding="utf-8"))
    paper = laid_over(default, paper)
    sections: dict[str, list[str]] = {}
    for key, part in leaves(schema, default):
        section = key.split(".")[0] if "." in key else ""
        meaning = " ".join([part["description"], limits(part)]).strip()
        row = [f"`{key}`", ours_cell(key, default), paper_cell(key, schema, paper), meaning]
        sections.setdefault(section, []).append(f"| {' | '.join(row)} |\n")
    blocks = []
    for section, rows in sections.items():
        if section:
            title = f"### {section}\n\n{schema['properties'][section]['description']}\n\n"
        else:
            title = "### The whole run\n\n"
        blocks.append(title + HEAD + "".join(rows))
    return "\n".join(blocks)


def manual(text: str) -> str:
    """Return the manual with its tables made anew."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Renew the tables in place."""
    MANUAL.write_text(manual(MANUAL.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
