# SPDX-License-Identifier: Apache-2.0
"""What each kind of line of the ledger holds: the one list of fields, and the check of a line.

genesis    first line: what the ledger belongs to (commit, digest of the configuration, scale, seed)
prices     the preferred price rows in order, with the SHA-256 of the table; the last such line
           counts, so money is a function of the ledger
attempt    one attempt as it stood when it was sealed
amendment  the same fields of an attempt that went on after it was sealed, and the index of the line
           it takes the place of

Every line has `index` (from 0) and `previous`, the SHA-256 of the line before it without its line
end (64 zeros for the first). What later facts can change is not stored: whether an attempt was
superseded, and what it cost.

Choices  All numbers are whole: milliseconds, microjoules, tokens, FLOP. Names that a reader tells
         apart by eye (stage, device, host and the like) are printable ASCII, so that no letter of
         another alphabet stands for one that looks the same. Paths may hold any letters.
"""

import re
from dataclasses import dataclass

from r1repro.audit.ledger.strict_json import NotStrict, parse
from r1repro.files import canonical_json

VERSION = 1
NO_LINE = "0" * 64
OUTCOMES = ("completed", "failed", "unfinished")
SOURCES = ("measured", "estimated", "unknown")
PURPOSES = ("final", "preparatory")


@dataclass(frozen=True)
class Field:
    """One field: its canonical text as a pattern, and what that is in words."""

    pattern: str
    words: str
    taken: bool = False  # the fast reader needs its value

    def optional(self) -> "Field":
        """Return the field that may also be null."""
        return Field(f"(?:null|{self.pattern})", f"{self.words} or null", self.taken)

    def needed(self) -> "Field":
        """Return the field whose value the fast reader takes."""
        return Field(self.pattern, self.words, True)


def _choice(*texts: str) -> Field:
    return Field('"(?:' + "|".join(texts) + ')"', "one of " + ", ".join(texts))


# canonical JSON writes printable ASCII as it is, but for quotes and backslashes
NAME = Field(r'"[ !#-\[\]-~]{0,200}"', "a text of at most 200 printable ASCII characters")
STAGE = Field(r'"[a-z0-9_]{1,80}"', "a name of small letters, digits and _")
# in a loop over runs of plain characters, which is ten times as fast as one over characters
TEXT = Field(
    r'"[^"\\\x00-\x1f]*(?:(?:\\["\\bfnrt]|\\u00(?:0[0-7bef]|1[0-9a-f]))[^"\\\x00-\x1f]*)*"',
    "a text",
)
WHOLE = Field(r"(?:0|[1-9][0-9]{0,11})", "a whole number from 0 to 10^12")
COUNT = Field(r"(?:0|[1-9][0-9]{0,29})", "a whole number from 0 to 10^30")
POSITIVE = Field(r"[1-9][0-9]{0,6}", "a whole number from 1 to 10^7")
EXIT = Field(r"-?(?:0|[1-9][0-9]{0,9})", "a whole number")
YES = Field(r"(?:true|false)", "true or false")
DIGEST = Field(r'"[0-9a-f]{64}"', "64 hexadecimal digits")
CODE = Field(r'"[ -!#-\[\]-~]{1,128}"', "a digest or the word of whoever ran it by hand")
TIME = Field(
    r'"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])'
    r'T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"',
    "a time like 2026-01-31T10:00:00.000Z",
)
ONE_DIGEST = f"{TEXT.pattern}:{DIGEST.pattern}"
DIGESTS = Field(rf"\{{(?:{ONE_DIGEST}(?:,{ONE_DIGEST})*)?\}}", "SHA-256 by path")
NAMES = Field(rf"\[(?:{NAME.pattern}(?:,{NAME.pattern})*)?\]", "a list of texts of printable ASCII")
LINKS = {"index": WHOLE.needed(), "previous": DIGEST.needed()}
ATTEMPT = LINKS | {
    "kind": _choice("attempt"),
    "attempt_id": NAME.needed(),
    "stage": STAGE.needed(),
    "part": NAME.needed(),
    "scale": NAME.needed(),
    "seed": EXIT.needed(),
    "purpose": _choice(*PURPOSES).needed(),
    "planned_device": NAME.optional(),
    "outcome": _choice(*OUTCOMES).needed(),
    "exit_code": EXIT.optional().needed(),
    "signal": WHOLE.optional(),
    "torn": YES,
    "device": NAME.needed(),
    "device_uuids": NAMES.needed(),
    "host": NAME.needed(),
    "nodes": POSITIVE.needed(),
    "gpus_per_node": WHOLE.needed(),
    "cpu_cores": POSITIVE.needed(),
    "slurm_job_id": NAME.optional(),
    "started_utc": TIME.needed(),
    "ended_utc": TIME.needed(),
    "elapsed_ms": WHOLE.needed(),
    "tokens_generated": COUNT,
    "tokens_trained": COUNT,
    "flop": COUNT.needed(),
    "step": WHOLE.optional(),
    "steps_total": WHOLE.optional(),
    "energy_microjoules": COUNT.optional().needed(),
    "energy_source": _choice(*SOURCES).needed(),
    "precision": NAME.optional().needed(),
    "wandb_run_id": NAME.optional(),
    "git_commit": NAME,
    "git_dirty": Field(r'(?:true|false|"unknown")', "true, false or unknown"),
    "code_digest": CODE,
    "settings_sha256": DIGEST,
    "inputs": DIGESTS.needed(),
    "outputs": DIGESTS.needed(),
    "record": TEXT,
    "record_bytes": WHOLE,
    "record_sha256": DIGEST,
}
AMENDMENT = ATTEMPT | {"kind": _choice("amendment"), "amends": WHOLE.needed()}
GENESIS = LINKS | {
    "kind": _choice("genesis"),
    "version": Field("1", "1"),
    "time_utc": TIME,
    "results": TEXT,
    "scale": NAME,
    "seed": EXIT,
    "git_commit": NAME,
    "git_dirty": Field(r'(?:true|false|"unknown")', "true, false or unknown"),
    "configuration_sha256": DIGEST,
}
ROWS = Field(r"\[.*\]", "a list of price rows")
PRICES = LINKS | {"kind": _choice("prices"), "table_sha256": DIGEST, "rows": ROWS}
KINDS = {"genesis": GENESIS, "prices": PRICES, "attempt": ATTEMPT, "amendment": AMENDMENT}


def _pattern(fields: dict[str, Field]) -> re.Pattern:
    """Return the pattern of the canonical line: sorted keys, no spaces."""
    parts = []
    for name, field in sorted(fields.items()):
        inner = field.pattern
        if field.taken:
            # the value of a text, which cannot be null, without its quotes
            quoted = inner.startswith('"') and inner.endswith('"')
            inner = f'"(?P<{name}>{inner[1:-1]})"' if quoted else f"(?P<{name}>{inner})"
        parts.append(f'"{name}":{inner}')
    return re.compile(r"\{" + ",".join(parts) + r"\}")


PATTERNS = {kind: _pattern(fields) for kind, fields in KINDS.items()}
TAKEN = tuple(name for name, field in sorted(ATTEMPT.items()) if field.taken)


def match_attempt(text: str) -> re.Match | None:
    """Return the match of a line that is a sound attempt; its groups are the fields of TAKEN."""
    return PATTERNS["attempt"].fullmatch(text)


def fault(line: bytes) -> str | None:
    """Say what is wrong with one line by itself, None for a sound one."""
    try:
        entry = parse(line)
    except NotStrict as error:
        return str(error)
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return f"the kind {kind!r} is not one of {', '.join(KINDS)}"
    fields = KINDS[kind]
    for name in sorted(fields.keys() - entry.keys()):
        return f"the field {name!r} is missing"
    for name in sorted(entry.keys() - fields.keys()):
        return f"unknown field {name!r}"
    return _wrong_value(line.decode(), entry, fields)


def _wrong_value(text: str, entry: dict, fields: dict[str, Field]) -> str | None:
    if PATTERNS[entry["kind"]].fullmatch(text):
        return None
    for name, field in sorted(fields.items()):
        if not re.fullmatch(field.pattern, canonical_json(entry[name])):
            return f"{name} must be {field.words}, found {entry[name]!r}"[:300]
    raise AssertionError("each field is sound but the line is not")


def outcome_of(exit_code: int | None) -> str:
    """Return the word for an exit code; None is an attempt without an end."""
    if exit_code is None:
        return "unfinished"
    return "completed" if exit_code == 0 else "failed"
