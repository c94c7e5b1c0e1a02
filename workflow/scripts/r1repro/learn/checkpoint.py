# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: Hugging Face folders for results, plain safetensors for resuming. Never pickle.

A folder may also come from outside (`base: DIR`): it is read where it lies, its code is never run,
and what a stage would stumble over later is refused while it is loaded.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from r1repro.checkpoint_folder import check_end_token, check_tokens, config_of, positions_of
from r1repro.errors import InputError, SettingsError

ARCHITECTURES = {"llama": (LlamaConfig, LlamaForCausalLM)}
# What transformers raises about folders that it cannot load, by what is wrong with them.
UNLOADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ImportError,
    RuntimeError,
    SafetensorError,
)


def new_model(settings: dict, vocab_size: int, end_token: int, seed: int) -> LlamaForCausalLM:
    """Initialise a model of the sizes in a `model` section; the seed fixes the weights."""
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


def load_model(folder: Path, device: torch.device) -> PreTrainedModel:
    """Load a checkpoint folder of any causal language model, in float32, without dropout.

    Raises InputError when the folder has no readable safetensors weights, when transformers has
    no model for it, and when weights are missing, quantised or not finite.
    """
    config_of(folder)
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except UNLOADABLE as error:
        raise InputError(_unloadable(folder, error)) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} weights of a {model.config.model_type!r} model, among "
            f"them {missing[0]}; use the folder of a whole causal language model"
        )
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise InputError(f"{folder} holds weights that are not finite numbers")
    return model.to(device)


def _unloadable(folder: Path, error: Exception) -> str:
    """Say in one sentence why a folder cannot be loaded."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if not any(folder.glob("*.safetensors")):
        return (
            f"{folder} holds no readable safetensors weights, and pickled weights are never "
            f"loaded; save the model again with save_pretrained ({reason})"
        )
    return f"{folder} holds no causal language model that can be loaded here: {reason}"


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Load the tokenizer of a checkpoint folder.

    Raises InputError when there is none, when it has no end token, and when it knows more tokens
    than the model beside it or another end token.
    """
    if not (folder / "tokenizer.json").is_file():
        raise InputError(f"{folder} holds no tokenizer: tokenizer.json is missing")
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises nothing narrower
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{folder}/tokenizer.json cannot be read: {reason}") from error
    if tokenizer.eos_token_id is None:
        raise InputError(
            f"the tokenizer in {folder} has no end token, so no response would ever finish; name "
            "one as eos_token in tokenizer_config.json"
        )
    if (folder / "config.json").is_file():
        config = config_of(folder)
        check_tokens(folder, config, tokenizer.get_vocab().values())
        check_end_token(folder, config, tokenizer.eos_token_id)
    return tokenizer


def check_room(
    model: PreTrainedModel,
    prompts: list[list[int]],
    response_tokens: int,
    row_tokens: int | None = None,
) -> None:
    """Raise InputError unless the longest prompt and response fit into the model, and into a row.

    prompts  token ids; row_tokens  None where nothing is packed into rows
    """
    longest = max(map(len, prompts), default=0)
    whole = longest + response_tokens
    room = positions_of(model.config.to_dict())
    parts = f"a prompt of {longest} tokens and a response of up to {response_tokens}"
    if room is not None and whole > room:
        raise InputError(
            f"{parts} do not fit into the {room} positions of the model; lower "
            "max_response_tokens or use a model with more positions"
        )
    if row_tokens is not None and whole > row_tokens:
        raise InputError(
            f"{parts} do not fit into rows of {row_tokens} tokens; raise row_tokens or lower "
            "max_response_tokens"
        )


def save_checkpoint(model: PreTrainedModel, tokenizer, folder: Path) -> None:
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
