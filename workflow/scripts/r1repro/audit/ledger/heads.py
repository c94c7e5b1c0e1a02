# SPDX-License-Identifier: Apache-2.0
"""The heads of a ledger: seal.json, the text that is signed, and the signature.

seal.json     every head since the first: size, root, time, and the proof (RFC 9162) that the head
              before it is a beginning of this one
ledger.root   one line, `ROOT SIZE`, of the last head: what is signed, and what to publish
ledger.root.sig   made by `ssh-keygen -Y sign -n r1repro -f KEY ledger.root` where a key is set

Choices  The root is only worth what is known of it outside this folder: in a log, on a page, in
         somebody's mail. A chain alone can be computed anew by whoever changed it.
"""

import json
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from r1repro.errors import InputError, StageError
from r1repro.files import write_json_atomic, write_text_atomic

VERSION = 1
LEDGER, SEAL, ROOT = "ledger.jsonl", "seal.json", "ledger.root"
NAMESPACE = "r1repro"
SIGN_SECONDS = 60


class SealDamaged(InputError):
    """seal.json or the ledger beside it is not what `seal` writes."""


class NotSigned(StageError):
    """The root could not be signed with the configured key."""


@dataclass(frozen=True)
class Head:
    """One head: the root over the first `size` lines."""

    size: int
    root: str
    time_utc: str
    consistency: dict | None = None  # with the head before it


def root_text(size: int, root: str) -> str:
    """Return what is signed."""
    return f"{root} {size}\n"


def _head(item: object) -> Head:
    if not isinstance(item, dict) or set(item) != {"size", "root", "time_utc", "consistency"}:
        raise ValueError("a head has size, root, time_utc and consistency")
    size, root, time = item["size"], item["root"], item["time_utc"]
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 10**12:
        raise ValueError(f"size {size!r} is not a number of lines")
    if not isinstance(root, str) or not re.fullmatch(r"[0-9a-f]{64}", root):
        raise ValueError(f"root {root!r} is not 64 hexadecimal digits")
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    if not isinstance(time, str) or not re.fullmatch(pattern, time, re.ASCII):
        raise ValueError(f"time {time!r} is not like 2026-01-31T10:00:00.000Z")
    return Head(size, root, time, item["consistency"])


def read_heads(folder: Path) -> list[Head]:
    """Return the heads of a folder's seal, none where it has no seal; raises SealDamaged."""
    path = folder / SEAL
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or set(content) != {"version", "ledger", "heads"}:
            raise ValueError("it must hold version, ledger and heads")
        if content["version"] != VERSION or content["ledger"] != LEDGER:
            raise ValueError(f"version {content['version']!r} of {content['ledger']!r}")
        if not isinstance(content["heads"], list) or not content["heads"]:
            raise ValueError("heads must be a list with at least one head")
        heads = [_head(item) for item in content["heads"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise SealDamaged(
            f"{path} is not a seal ({error}); restore it, or move it and {LEDGER} away to begin "
            "a new ledger"
        ) from error
    if any(a.size >= b.size for a, b in zip(heads, heads[1:], strict=False)):
        raise SealDamaged(f"{path}: the sizes of its heads do not grow; restore it")
    return heads


def write_heads(folder: Path, heads: list[Head]) -> None:
    """Write seal.json and ledger.root."""
    content = {"version": VERSION, "ledger": LEDGER, "heads": [asdict(head) for head in heads]}
    write_json_atomic(folder / SEAL, content)
    write_text_atomic(folder / ROOT, root_text(heads[-1].size, heads[-1].root))


def sign(folder: Path, key: Path) -> Path:
    """Sign ledger.root with an SSH key; return the signature's file. Raises NotSigned."""
    text, signature = folder / ROOT, folder / f"{ROOT}.sig"
    program = shutil.which("ssh-keygen")
    if program is None:
        raise NotSigned("cost.signing_key is set but ssh-keygen is not installed; install OpenSSH")
    signature.unlink(missing_ok=True)
    command = [program, "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(text)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SIGN_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotSigned(f"ssh-keygen did not sign {text} in {SIGN_SECONDS} s") from None
    if done.returncode != 0 or not signature.is_file():
        told = " ".join(done.stderr.split())[:200] or "no reason given"
        raise NotSigned(
            f"{text} could not be signed with the key {key} of cost.signing_key ({told}); name a "
            "private key that needs no passphrase here or is in ssh-agent, or set it to null"
        )
    return signature
