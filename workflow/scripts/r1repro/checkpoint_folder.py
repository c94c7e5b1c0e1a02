# SPDX-License-Identifier: Apache-2.0
"""A checkpoint folder from outside, looked at before anything is run.

The folder is read where it lies. What its files say without loading them is checked when the
workflow is planned, so that a wrong folder does not surface after the data are made; that the
weights are finite numbers, and that transformers knows the model, where the model is loaded.

Choices  Weights are safetensors only: a pickle can run code. Quantised weights cannot be trained.
         A folder that this workflow makes is not given to it from outside as well.
         A tokenizer belongs to the model when every token has a row in the embedding and both name
         the same end token.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from r1repro.errors import InputError
from r1repro.weight_files import shapes_in

RESULTS = Path("results")
# How families of models name the positions they have.
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")
# How families of models name the weight with a row for each token.
EMBEDDINGS = (
    "embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight",
    "backbone.embeddings.weight",
)  # fmt: skip
REWARD_HEAD = "value_head.safetensors"
OWN_TOKENIZER = "use the tokenizer that belongs to the model"


def _json_of(file: Path) -> dict:
    """Return the JSON object in a file; raises InputError when there is none."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{file} is not a JSON object")
    return value


def config_of(folder: Path) -> dict:
    """Return config.json as it stands.

    Raises InputError when it is missing or damaged, or tells of quantised weights.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise InputError(f"{folder} holds no checkpoint: config.json is missing")
    config = _json_of(file)
    if "quantization_config" in config:
        raise InputError(
            f"{folder} holds quantised weights, which cannot be trained; use the checkpoint they "
            "were made from"
        )
    return config


def check_folder(folder: Path) -> None:
    """Raise InputError unless a folder's files are those of a checkpoint that fit together."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; paths start in the folder where snakemake runs")
    if folder.resolve().is_relative_to(RESULTS.resolve()):
        raise InputError(f"{folder} is made by this workflow; copy it out of {RESULTS}/ first")
    config = config_of(folder)
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
    check_embedding(folder, config, shapes_in(folder))
    tokens = tokens_of(folder)
    check_tokens(folder, config, tokens.values())
    check_end_token(folder, config, end_token_of(folder, tokens))


def check_reward_model(folder: Path) -> None:
    """Raise InputError unless a folder is a checkpoint with the head of a reward model."""
    check_folder(folder)
    if not (folder / REWARD_HEAD).is_file():
        raise InputError(
            f"{folder} is no reward model: {REWARD_HEAD} is missing; give a folder that the stage "
            "rm_helpful or rm_safety made"
        )


def check_embedding(folder: Path, config: dict, shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise InputError when the embedding has another number of rows than config.json says."""
    stated = vocabulary_of(config)
    for name, shape in shapes.items():
        if stated is not None and name.endswith(EMBEDDINGS) and shape and shape[0] != stated:
            raise InputError(
                f"{folder} has {shape[0]} rows in {name} but config.json says vocab_size {stated}; "
                "use the config.json that was saved with these weights"
            )


def tokens_of(folder: Path) -> dict[str, int]:
    """Return token -> id of tokenizer.json; raises InputError when it cannot be read."""
    file = folder / "tokenizer.json"
    content = _json_of(file)
    try:
        vocabulary = content["model"]["vocab"]
        if isinstance(vocabulary, list):  # unigram: pairs of token and score, by id
            vocabulary = {token: number for number, (token, _) in enumerate(vocabulary)}
        added = {token["content"]: token["id"] for token in content.get("added_tokens") or ()}
        tokens = {**vocabulary, **added}
        if not tokens or not all(isinstance(number, int) for number in tokens.values()):
            raise ValueError("no tokens")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{file} is no tokenizer that can be read; save the fast tokenizer of the model with "
            "save_pretrained"
        ) from error
    return tokens


def end_token_of(folder: Path, tokens: dict[str, int]) -> int | None:
    """Return the id of the end token by tokenizer_config.json, None where it does not say."""
    file = folder / "tokenizer_config.json"
    named = _json_of(file).get("eos_token") if file.is_file() else None
    if isinstance(named, dict):
        named = named.get("content")
    if named is None:
        return None
    if named not in tokens:
        raise InputError(
            f"{file} names the end token {named!r}, which tokenizer.json does not have; "
            f"{OWN_TOKENIZER}"
        )
    return tokens[named]


def check_tokens(folder: Path, config: dict, numbers: Iterable[int]) -> None:
    """Raise InputError when the tokenizer knows more tokens than the embedding has rows."""
    known, needed = vocabulary_of(config), max(numbers) + 1
    if known is not None and needed > known:
        raise InputError(
            f"the tokenizer in {folder} has {needed} tokens but the model's embedding only "
            f"{known}; {OWN_TOKENIZER}"
        )


def check_end_token(folder: Path, config: dict, end: int | None) -> None:
    """Raise InputError when tokenizer and config.json name different end tokens."""
    stated = _text_part(config).get("eos_token_id", config.get("eos_token_id"))
    allowed = stated if isinstance(stated, list) else [stated]
    if end is not None and stated is not None and end not in allowed:
        raise InputError(
            f"the end token of the tokenizer in {folder} is number {end} but config.json says "
            f"eos_token_id {stated}, as if the tokenizer were another model's; {OWN_TOKENIZER}, or "
            "put its number into config.json"
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
