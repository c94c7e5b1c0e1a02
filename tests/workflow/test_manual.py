# SPDX-License-Identifier: Apache-2.0
"""config/README.md explains every key there is, with the values there are."""

import copy
import runpy
from pathlib import Path

import yaml

from r1repro.inheritance import resolve

ROOT = Path(__file__).resolve().parents[2]
MANUAL = (ROOT / "config/README.md").read_text(encoding="utf-8")
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
maker = runpy.run_path(str(ROOT / "config/manual.py"))


def test_the_manual_is_made_from_the_files_as_they_are():
    """Run `make manual` after a change of schema, config.yaml or paper.yaml."""
    assert maker["manual"](MANUAL) == MANUAL, "the manual is old; run `make manual`"


def test_the_manual_has_a_row_for_every_key_and_no_other():
    """Counted here from config.yaml and what the paper reports; `controls` is one row."""

    def keys(value: object, path: tuple) -> list[str]:
        if not isinstance(value, dict) or path == ("controls",):
            return [".".join(path)]
        return [key for name, sub in value.items() for key in keys(sub, (*path, name))]

    rows = [line.split("|")[1].strip(" `") for line in MANUAL.splitlines() if line[:3] == "| `"]
    explained = [row for row in rows if not row.endswith(".yaml")]
    assert sorted(explained) == sorted({*keys(DEFAULT, ()), *SCHEMA["x-reported"]})


def test_what_a_section_does_not_set_is_taken_from_another():
    """Every key of the schema is in config.yaml, its section's or the one that it is like."""

    def missing(part: dict, value: dict, path: str) -> list[str]:
        found = []
        for name in part["required"]:
            if name not in value:
                found.append(f"{path}{name}")
            elif "required" in part["properties"][name] and "like" not in value[name]:
                found += missing(part["properties"][name], value[name], f"{path}{name}.")
        return found

    assert missing(SCHEMA, DEFAULT, "") == []


def test_every_key_said_to_be_reported_is_set_in_the_paper_configuration():
    """A value with a source stands in paper.yaml itself or equals the miniature's on purpose."""
    known = {key for key, _ in maker["leaves"](SCHEMA, DEFAULT)}
    whole = copy.deepcopy(DEFAULT)
    resolve(whole)
    for key in SCHEMA["x-reported"]:
        assert key in known, key
        maker["value_at"](whole, key)
    for key in SCHEMA["x-ours"]:
        assert any(name == key or name.startswith(key + ".") for name in known), key


def test_the_paper_configuration_holds_the_published_recipe():
    """Ten values of Methods and Supplementary Information 2.4.2 and 4.1, typed by hand."""
    paper = yaml.safe_load((ROOT / "config/paper.yaml").read_text(encoding="utf-8"))
    zero, dev1, evaluate = paper["r1_zero"], paper["dev1"], paper["evaluate"]
    assert zero["learning_rate"] == 3e-6
    assert zero["kl_coefficient"] == 0.001
    assert zero["questions_per_update"] * zero["group_size"] == 512
    assert zero["questions_per_update"] * zero["group_size"] * zero["updates_per_rollout"] == 8192
    assert (zero["max_response_tokens"], zero["late_max_response_tokens"]) == (32768, 65536)
    assert (zero["updates"], zero["reference_reset_updates"]) == (10400, 400)
    assert dev1["learning_rate"] * dev1["final_share"] == 5e-6
    assert dev1["samples_per_batch"] == 128
    assert (evaluate["temperature"], evaluate["top_p"]) == (0.6, 0.95)
    assert paper["data"]["prompts_per_category"]["train"] * 4 == 80000
