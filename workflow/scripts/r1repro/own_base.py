# SPDX-License-Identifier: Apache-2.0
"""A base model of the user's own: a Hugging Face folder, looked at before anything is run.

The folder is read where it lies. What its files say without loading them is checked when the
workflow is planned, so that a wrong path does not surface after the data are made; the rest
(weights, end token, vocabulary) where the model is loaded.

Choices  Weights are safetensors only: a pickle can run code. Quantised weights cannot be trained.
         A folder that this workflow makes is no base of its own run.
"""

import json
from pathlib import Path

from r1repro.errors import InputError

RESULTS = Path("results")
# How families of models name the positions they have.
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")


def config_of(folder: Path) -> dict:
    """Return config.json as it stands.

    Raises InputError when it is missing or damaged, or tells of quantised weights.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise InputError(f"{folder} holds no checkpoint: config.json is missing")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{file} is not a JSON object")
    if "quantization_config" in config:
        raise InputError(
            f"{folder} holds quantised weights, which cannot be trained; use the checkpoint they "
            "were made from"
        )
    return config


def check_folder(folder: Path) -> None:
    """Raise InputError unless a folder has what a base model needs, by the names of its files."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give a path relative to the repository's root")
    if folder.resolve().is_relative_to(RESULTS.resolve()):
        raise InputError(f"{folder} is made by this workflow; copy it out of {RESULTS}/ first")
    config_of(folder)
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"{folder} holds no safetensors weights, and pickled weights are never loaded; save "
            "the model again with save_pretrained"
        )
    if not (folder / "tokenizer.json").is_file():
        raise InputError(
            f"{folder} holds no tokenizer: tokenizer.json is missing; save the fast tokenizer of "
            "the model into the folder"
        )


def _text_part(config: dict) -> dict:
    """Return the part of config.json that describes the language model."""
    return config["text_config"] if isinstance(config.get("text_config"), dict) else config


def vocabulary_of(config: dict) -> int | None:
    """Return the rows of the embedding by config.json, None where it does not say."""
    return _text_part(config).get("vocab_size")


def positions_of(config: dict) -> int | None:
    """Return the longest sequence by config.json in tokens, None where it does not say."""
    part = _text_part(config)
    return next((part[name] for name in POSITIONS if isinstance(part.get(name), int)), None)


def files_of(folder: str | None) -> list[str]:
    """Return the files of a folder, so that Snakemake notices when one of them changes."""
    return sorted(str(p) for p in Path(folder).iterdir() if p.is_file()) if folder else []
