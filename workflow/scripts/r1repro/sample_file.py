# SPDX-License-Identifier: Apache-2.0
"""Samples of supervised fine-tuning: a JSONL file with `prompt` and `response` on each line.

Both are texts and go to the tokenizer as they stand: the prompt ends where the assistant begins,
the end token follows the response by itself. Other keys are passed over, so that the file may be
this workflow's own (sft_data.jsonl) or someone else's.
"""

from collections.abc import Iterator
from pathlib import Path

from r1repro.errors import InputError
from r1repro.files import each_of_jsonl

KEYS = ("prompt", "response")


def each_sample(path: Path) -> Iterator[dict]:
    """Yield the samples of a file.

    Raises InputError that names file and line when one lacks a text, and when there is none.
    """
    number = 0
    for number, sample in enumerate(each_of_jsonl(path), start=1):
        for key in KEYS:
            if not isinstance(sample.get(key), str) or not sample[key].strip():
                raise InputError(
                    f"{path}, line {number}: a sample needs a text in {key!r}; write it such as "
                    '{"prompt": "... Assistant:", "response": "<think> ...</think>..."}'
                )
        yield sample
    if number == 0:
        raise InputError(f"{path} holds no sample to learn from")


def check_samples(path: Path) -> None:
    """Raise InputError unless a file begins with a sample; the others are checked when read."""
    if not path.is_file():
        raise InputError(f"{path} is no file; paths start in the folder where snakemake runs")
    next(each_sample(path))
