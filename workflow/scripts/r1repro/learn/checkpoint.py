# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: Hugging Face folders for results, plain safetensors for resuming. Never pickle."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from r1repro.errors import InputError, SettingsError

ARCHITECTURES = {"llama": (LlamaConfig, LlamaForCausalLM)}


def new_model(settings: dict, vocab_size: int, end_token: int, seed: int) -> LlamaForCausalLM:
    """Initialise a model from the `model` section of the configuration; the seed fixes weights."""
    if settings["architecture"] not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise SettingsError(f"model.architecture must be one of: {known}")
    if settings["hidden_size"] % settings["heads"]:
        raise SettingsError("model.hidden_size must be a multiple of model.heads")
    make_config, make_model = ARCHITECTURES[settings["architecture"]]
    torch.manual_seed(seed)
    config = make_config(
        vocab_size=vocab_size,
        hidden_size=settings["hidden_size"],
        num_hidden_layers=settings["layers"],
        num_attention_heads=settings["heads"],
        num_key_value_heads=settings["heads"],
        intermediate_size=settings["intermediate_size"],
        max_position_embeddings=settings["max_positions"],
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end_token,
        pad_token_id=end_token,
    )
    return make_model(config).float()


def load_model(folder: Path, device: torch.device) -> LlamaForCausalLM:
    """Load a checkpoint folder; only safetensors are accepted.

    Raises InputError when the folder has no readable safetensors weights.
    """
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no checkpoint: config.json is missing")
    try:
        model = LlamaForCausalLM.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, dtype=torch.float32
        )
    except (OSError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder} holds no readable safetensors weights: {reason}") from error
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise InputError(f"{folder} holds weights that are not finite numbers")
    return model.to(device)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Load the tokenizer of a checkpoint folder."""
    if not (folder / "tokenizer.json").is_file():
        raise InputError(f"{folder} holds no tokenizer: tokenizer.json is missing")
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def save_checkpoint(model: LlamaForCausalLM, tokenizer, folder: Path) -> None:
    """Write a folder that anyone's tools open: configuration, safetensors, tokenizer."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_training(folder: Path, model: torch.nn.Module, moments: dict, extra: dict) -> None:
    """Write what a run needs to continue: weights, optimiser moments, and JSON data.

    moments  weight -> {name: tensor}, as `Optimiser.moments` returns it
    """
    names = {id(weight): name for name, weight in model.named_parameters()}
    tensors = {f"model/{name}": weight.data for name, weight in model.named_parameters()}
    for weight, state in moments.items():
        for key, value in state.items():
            tensors[f"{key}/{names[id(weight)]}"] = value
    save_file(
        {name: t.contiguous() for name, t in tensors.items()}, folder / "training.safetensors"
    )
    (folder / "extra.json").write_text(json.dumps(extra, allow_nan=False), encoding="utf-8")


def load_training(folder: Path, model: torch.nn.Module) -> tuple[dict, dict]:
    """Restore the weights that `save_training` wrote; return the moments and the JSON data."""
    tensors = load_file(folder / "training.safetensors")
    weights = dict(model.named_parameters())
    moments: dict[torch.Tensor, dict] = {}
    for full_name, value in tensors.items():
        key, name = full_name.split("/", 1)
        if key == "model":
            with torch.no_grad():
                weights[name].copy_(value)
        else:
            # A step counter is a scalar and stays on the CPU.
            place = value if value.ndim == 0 else value.to(weights[name].device)
            moments.setdefault(weights[name], {})[key] = place
    return moments, json.loads((folder / "extra.json").read_text(encoding="utf-8"))
