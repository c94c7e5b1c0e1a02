# SPDX-License-Identifier: Apache-2.0
"""What safetensors files say of themselves without being loaded: names and shapes of weights.

Format   8 bytes: length of the header, little-endian; the header: a JSON object
         name -> {dtype, shape, data_offsets}; then the data. The file ends where the data do, so
         that a file which was cut, while it was copied or downloaded, shows in its length.
Source   github.com/huggingface/safetensors, README, section Format.
Choices  Nothing of the data is read: a folder of hundreds of gigabytes is looked at in no time.
"""

import json
import os
from pathlib import Path

from r1repro.errors import InputError

LENGTH_BYTES = 8
MOST_HEADER_BYTES = 100_000_000  # the format's own limit
METADATA = "__metadata__"
AGAIN = "copy or download it again"


def shapes_of(file: Path) -> dict[str, tuple[int, ...]]:
    """Return weight -> shape of one safetensors file.

    Raises InputError when it is none, or is shorter or longer than its header says.
    """
    size = os.path.getsize(file)
    with open(file, "rb") as handle:
        length = int.from_bytes(handle.read(LENGTH_BYTES), "little")
        if size < LENGTH_BYTES or not 2 <= length <= MOST_HEADER_BYTES:
            raise InputError(f"{file} is no safetensors file; save the model with save_pretrained")
        if size < LENGTH_BYTES + length:
            raise InputError(f"{file} is cut off within its header, after {size} bytes; {AGAIN}")
        header = handle.read(length)
    try:
        entries = json.loads(header)
        entries.pop(METADATA, None)
        shapes = {name: tuple(entry["shape"]) for name, entry in entries.items()}
        ends = [entry["data_offsets"][1] for entry in entries.values()]
        needed = LENGTH_BYTES + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise InputError(f"{file} has a damaged header; {AGAIN}") from error
    if size != needed:
        raise InputError(
            f"{file} has {size} bytes but its header tells of {needed}: it is "
            f"{'cut off' if size < needed else 'damaged'}; {AGAIN}"
        )
    return shapes


def shapes_in(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return weight -> shape of a folder's model, in one file or in several with an index.

    Raises InputError as `shapes_of`, and when a file that the index names is missing.
    """
    files = sorted(folder.glob("*.safetensors"))
    for index in sorted(folder.glob("*.safetensors.index.json")):
        try:
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            files = sorted({*files, *(folder / name for name in names)})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{index} is no index of safetensors files; {AGAIN}") from error
    shapes: dict[str, tuple[int, ...]] = {}
    for file in files:
        if not file.is_file():
            raise InputError(f"{folder} lacks {file.name}, which its index names; {AGAIN}")
        shapes |= shapes_of(file)
    return shapes
