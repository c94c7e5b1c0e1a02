# SPDX-License-Identifier: Apache-2.0
"""Check the configuration and hand each stage its own part of it.

Every problem becomes one sentence that names the file and line, the key, what was found and what
to do, with the nearest known key where one is misspelt. What a section has from another one
(`like`) is said once, of the section that sets it.

Choices  Keys are written as section.key. Whole numbers must be written as such (4000000, not
         4e6), because a program that counts must not receive a float; true is not a number.
         What a schema cannot say (shares that add up to 1) is checked in `relations`.
"""

import copy
import datetime
import difflib
import json
import math
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from r1repro.arms import RL_STAGES, wrong_arms, wrong_names
from r1repro.errors import InputError
from r1repro.given import STAGES, Given, positions_for, problems_of, separate
from r1repro.inheritance import Inherited, LikeError, resolve
from r1repro.places import Places, dotted, leaves
from r1repro.tasks.benchmarks.sources import problems_of as benchmark_problems

WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section with keys",
    "null": "null",
}
# lower, upper: the first must not exceed the second
NOT_ABOVE = (
    ("data.decontamination.content_words", "data.decontamination.ngram"),
    ("evaluate.consensus", "evaluate.samples"),
    ("evaluate.consensus", "reach.samples"),
    ("evaluate.curve_prompts_per_category", "data.prompts_per_category.test"),
    ("sft_data.keep_per_prompt", "sft_data.samples_per_prompt"),
)
OTHER_ROWS = (
    "base", "small_base", "tiny_base",
    "dev1", "dev3", "distill", "cold_start_more", "distill_tiny", "rm_helpful", "rm_safety",
)  # fmt: skip
BASES = ("base", "small_base", "tiny_base")
RL_NOT_ABOVE = (
    ("max_response_tokens", "late_max_response_tokens"),
    ("late_max_response_tokens", "row_tokens"),
)
# what happens between two rollouts must fall on a whole number of them
WHOLE_ROLLOUTS = (
    "updates",
    "late_from_update",
    "reference_reset_updates",
    "checkpoint_every_updates",
    "curve_every_updates",
)
MANUAL = "config/README.md explains the keys"
# beyond any number of the paper's scale (14.8e12 tokens), and still exact as a float
MOST = 10**15


def _is_integer(_checker, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker, value: object) -> bool:
    return _is_integer(_checker, value) or (isinstance(value, float) and math.isfinite(value))


STRICT = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def known_keys(schema: Mapping, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every key that a schema describes, sections included."""
    for name, part in schema.get("properties", {}).items():
        yield (*path, name)
        yield from known_keys(part, (*path, name))


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):  # a key that is no text, a list that holds itself
        text = reprlib.repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(path: tuple, schema: Mapping) -> str:
    """Return advice on an unknown key: a neighbour, a key elsewhere, or what is known there."""
    known = list(known_keys(schema))
    beside = [key for key in known if key[:-1] == path[:-1]]
    for candidates in (beside, known):
        by_name = {key[-1]: key for key in reversed(candidates)}
        for name in difflib.get_close_matches(path[-1], by_name, n=1, cutoff=0.6):
            return f"did you mean '{dotted(by_name[name])}'?"
    return f"known here: {', '.join(key[-1] for key in beside)}"


def _type_sentence(error: ValidationError, name: str) -> str:
    wanted = error.validator_value
    wanted = [wanted] if isinstance(wanted, str) else wanted
    sentence = f"'{name}' must be {' or '.join(WORDS[word] for word in wanted)}"
    sentence += f" but is {_shown(error.instance)}"
    numeric = "integer" in wanted or "number" in wanted
    if numeric and isinstance(error.instance, str) and _looks_like_number(error.instance):
        sentence += (
            "; this is text: write it without quotes and like 1.0e-3, and in a file, because "
            "--config passes the keys of a section as text"
        )
    if "object" in wanted and isinstance(error.instance, str):
        sentence += f"; a path may stand for {', '.join(STAGES)}"
    takes_path = "string" in wanted or "object" in wanted
    like_number = isinstance(error.instance, int | float | datetime.date)
    if takes_path and like_number and not isinstance(error.instance, bool):
        sentence += "; write ./ before the name of a file or folder that looks like a number"
    if "boolean" in wanted and str(error.instance).lower() in ("true", "false"):
        sentence += "; this is text: write it without quotes, and with --config as True or False"
    if "integer" in wanted and isinstance(error.instance, float):
        sentence += "; write it without a point or exponent"
    return sentence


def _looks_like_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _sentences(error: ValidationError, schema: Mapping, places: Places) -> Iterator[str]:
    """Yield what to tell the user about one error of the schema's validator."""
    path = tuple(error.absolute_path)
    name, place, limit = dotted(path), places.of(path), error.validator_value
    found = f"but is {_shown(error.instance)}"
    if error.validator == "additionalProperties":
        for key in sorted(map(str, set(error.instance) - set(error.schema["properties"]))):
            whole = (*map(str, path), key)
            yield (
                f"{places.of(whole)}: '{dotted(whole)}' is not a known setting; "
                f"{_nearest(whole, schema)}"
            )
        return
    if error.validator == "required":
        missing = [key for key in limit if key not in error.instance]
        yield f"{place}: {', '.join(repr(dotted((*path, key))) for key in missing)} missing; add it"
        return
    if error.validator == "type":
        yield f"{place}: {_type_sentence(error, name)}; {MANUAL}"
        return
    if error.validator == "enum":
        choices = [str(choice) for choice in limit]
        near = difflib.get_close_matches(str(error.instance), choices, n=1)
        advice = f"; did you mean {near[0]}?" if near else ""
        yield f"{place}: '{name}' must be one of {', '.join(choices)} {found}{advice}"
        return
    rule = {
        "minimum": f"must be at least {limit}",
        "maximum": f"must be at most {limit}",
        "exclusiveMinimum": f"must be greater than {limit}",
        "exclusiveMaximum": f"must be less than {limit}",
        "minItems": f"must have at least {limit} entries",
        "maxItems": f"must have at most {limit} entries",
        "minLength": "must not be empty",
        "uniqueItems": "must not name anything twice",
        "pattern": "may hold letters, digits, '.', '_' and '-' only, 128 at most,",
    }[error.validator]
    yield f"{place}: '{name}' {rule} {found}; {MANUAL}"


def relations(
    config: Mapping, given: Mapping[str, Given] | None = None
) -> Iterator[tuple[list[str], str]]:
    """Yield (keys, sentence) for settings that are sound alone but not together."""
    for name in ("shares", "languages"):
        parts = config["data"]["corpus"][name]
        total = sum(Fraction(str(share)) for share in parts.values())
        if total != 1:
            key = f"data.corpus.{name}"
            keys = [f"{key}.{part}" for part in parts]
            yield keys, f"the values of '{key}' must add up to 1 but add up to {float(total):g}"
    rl_stages = rl_sections(config)
    not_above = list(NOT_ABOVE)
    multiples = [("model.hidden_size", "model.heads")]
    for stage in rl_stages:
        not_above += [(f"{stage}.{low}", f"{stage}.{high}") for low, high in RL_NOT_ABOVE]
        names = [*WHOLE_ROLLOUTS]
        if value_at(config, f"{stage}.preference_from_update") is not None:
            names.append("preference_from_update")
        multiples += [(f"{stage}.{name}", f"{stage}.updates_per_rollout") for name in names]
    for lower, upper in not_above:
        low, high = value_at(config, lower), value_at(config, upper)
        if low > high:
            yield [lower, upper], f"'{lower}' ({low}) must not exceed '{upper}' ({high})"
    yield from _beyond_positions(config, rl_stages, given or {})
    for number, factor in multiples:
        product, step = value_at(config, number), value_at(config, factor)
        if product % step:
            keys = [number, factor]
            yield keys, f"'{number}' ({product}) must be a multiple of '{factor}' ({step})"
    yield from _wrong_stages(config)


def rl_sections(config: Mapping) -> list[str]:
    """Return the keys of all sections of RL: the stages and the arms of `controls`."""
    return [*RL_STAGES, *(f"controls.{name}" for name in config["controls"])]


def _wrong_stages(config: Mapping) -> Iterator[tuple[list[str], str]]:
    """Yield arms that differ from no stage, and a seed that is not among the seeds."""
    yield from wrong_arms(config)
    if config["seeds"] is not None and config["seed"] not in config["seeds"]:
        yield (
            ["seed", "seeds"],
            f"'seed' ({config['seed']}) must be among 'seeds' ({config['seeds']})",
        )


def _beyond_positions(
    config: Mapping, rl_stages: list[str], given: Mapping[str, Given]
) -> Iterator[tuple[list[str], str]]:
    """Yield what is longer than the model accepts: the one trained here, or one from outside."""
    concerned = ["evaluate.max_response_tokens", "sft_data.max_response_tokens"]
    concerned += [f"{stage}.row_tokens" for stage in (*OTHER_ROWS, *rl_stages)]
    for name in concerned:
        section = name.rpartition(".")[0]
        # what is given is not trained here, and with an own base neither are ours from it
        if section in given or ("base" in given and section in BASES):
            continue
        outside = positions_for(config, section, given)
        if outside is None:
            holder, limit = "model.max_positions", config["model"]["max_positions"]
            shown = f"'{holder}' ({limit})"
        else:
            holder, limit = outside
            shown = f"the {limit} positions of '{holder}'"
        length = value_at(config, name)
        if limit is not None and length > limit:
            yield [name, holder], f"'{name}' ({length}) must not exceed {shown}"


def value_at(config: Mapping, key: str) -> object:
    """Return the value of section.key; a missing key raises KeyError."""
    value = config
    for name in key.split("."):
        value = value[name]
    return value


class Problem(str):
    """One sentence; `section` is the stage or arm that it concerns, None if it stops every run."""

    section: str | None = None


def problems(
    config: Mapping, schema: Mapping, files: Iterable[str | Path], command_line: Mapping
) -> list[Problem]:
    """Return one sentence per problem of a merged configuration, in the order of its keys.

    The configuration is as written: sections with `like` hold their own keys alone, and a stage
    that comes from outside has a path for its section.
    """
    return [
        text if isinstance(text, Problem) else Problem(text)
        for text in _problems(config, schema, files, command_line)
    ]


def _problems(
    config: Mapping, schema: Mapping, files: Iterable[str | Path], command_line: Mapping
) -> list[str]:
    places = Places(files, command_line)
    found = list(places.repeated)
    config = copy.deepcopy(dict(config))
    given = separate(config, files)
    names = [f"{places.of(('controls', name))}: {text}" for name, text in wrong_names(config)]
    if names:
        return found + names
    whole = copy.deepcopy(config)
    try:
        resolve(whole)
    except LikeError as error:
        # a section that is none explains what leads to it
        errors = [e for e in _errors(config, schema) if e.validator == "type"]
        own = [s for error in errors for s in _sentences(error, schema, places)]
        place = places.of(*(key.split(".") for key in error.keys))
        return found + (own or [f"{place}: {error}"])
    # what such an arm inherits are keys that its author never wrote
    arms = [
        f"{places.of(*(key.split('.') for key in keys))}: {text}"
        for keys, text in wrong_arms(whole)
    ]
    if arms:
        return found + arms
    inherited = Inherited(config)
    errors = inherited.without(_errors(whole, schema))
    for error in errors:
        found.extend(_sentences(error, schema, places))
    huge = [
        f"{places.of(path)}: '{dotted(path)}' must lie within {MOST:.0e} but is {_shown(value)}"
        for path, value in leaves(config)
        if isinstance(value, int | float) and abs(value) > MOST
    ]
    if not errors and huge:
        return found + huge
    if not errors:
        found.extend(_beyond_schema(config, whole, places, inherited, given))
    return found


def _errors(config: Mapping, schema: Mapping) -> list[ValidationError]:
    errors = STRICT(schema).iter_errors(config)
    return sorted(errors, key=lambda error: list(map(str, error.absolute_path)))


def _beyond_schema(
    config: Mapping,
    whole: dict,
    places: Places,
    inherited: "Inherited",
    given: Mapping[str, Given],
) -> Iterator[str]:
    """Yield what a schema cannot say: files that are not there, settings that do not fit."""
    own = config["data"]["user_prompts"]
    if own is not None and not Path(own).is_file():
        place = places.of(("data", "user_prompts"))
        yield (
            f"{place}: 'data.user_prompts' names {own}, which is no file; paths start in "
            "the folder where snakemake runs"
        )
    outside = list(problems_of(config, given))
    for key, text in outside:
        yield f"{places.of(key.split('.'))}: '{key}': {text}"
    if outside:
        return
    try:
        sources = Path(config["benchmark_data"]["sources"])
        for text in benchmark_problems(config["benchmarks"], sources):
            yield f"{places.of(('benchmarks',))}: 'benchmarks': {text}"
    except InputError as error:
        yield f"{places.of(('benchmark_data', 'sources'))}: 'benchmark_data.sources': {error}"
    for keys, text in relations(whole, given):
        paths = [tuple(key.split(".")) for key in keys]
        if not inherited.all_of(paths):
            found = Problem(f"{places.of(*map(inherited.source, paths))}: {text}")
            section = keys[0].rpartition(".")[0]
            if section in (*rl_sections(whole), *OTHER_ROWS, "sft_data", "evaluate"):
                found.section = section
            yield found


def settings_of(
    config: Mapping, *keys: str, without: tuple[str, ...] = (), arm: str | None = None
) -> str:
    """Return the JSON a stage receives: scale, seed, require_gpu and the named keys, nested.

    `without` leaves out keys of a named section that the stage does not use, so that changing
    them does not rerun it. `arm` adds that section of `controls` under its own name.
    """
    chosen: dict = {}
    for key in ("scale", "seed", "require_gpu", *keys):
        *sections, last = key.split(".")
        target = chosen
        for section in sections:
            target = target.setdefault(section, {})
        value = value_at(config, key)
        if isinstance(value, Mapping):
            hidden = (*without, f"{key}.like")
            value = {k: v for k, v in value.items() if f"{key}.{k}" not in hidden}
        target[last] = value
    if arm is not None:
        chosen[arm] = config["controls"][arm]
    return json.dumps(chosen, ensure_ascii=False, sort_keys=True)
