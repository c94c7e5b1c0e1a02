# SPDX-License-Identifier: Apache-2.0
"""Randomly initialised checkpoint folders of several architectures and two tokenizer families."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MambaConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from r1repro.learn.tokenizer import train_tokenizer
from r1repro.tasks.template import frame

TEXTS = [frame("What is 1+2?") + "<think>1+2=3.</think><answer>3</answer>"] * 50
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 320,
}
GROUPED = SIZES | {"num_key_value_heads": 2}
FAMILIES = {
    "llama": (LlamaConfig, GROUPED),
    "qwen2": (Qwen2Config, GROUPED),
    "qwen3": (Qwen3Config, GROUPED | {"head_dim": 16}),
    "gpt2": (GPT2Config, {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 320}),
    "gpt_neox": (GPTNeoXConfig, SIZES),
    "gemma2": (Gemma2Config, GROUPED | {"head_dim": 8, "sliding_window": 16}),
    "mamba": (MambaConfig, {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}),
}


def our_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer as this project trains it."""
    return train_tokenizer(TEXTS, 420)


def other_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE of another family: it cuts words otherwise and knows none of our tags."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|endoftext|>", pad_token="<|pad|>"
    )


def random_model(family: str, vocabulary: int, end: int, **changes):
    """A model whose weights are large enough that a wrong computation shows."""
    make_config, sizes = FAMILIES[family]
    tokens = {"bos_token_id": None, "eos_token_id": end, "pad_token_id": end}
    torch.manual_seed(3)
    config = make_config(vocab_size=vocabulary, **tokens, **(sizes | changes))
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4 if weight.ndim > 1 else 1)
            if weight.ndim == 1:  # biases begin at 0, where forgetting them would not show
                weight.add_(0.1 * torch.randn(weight.shape))
    return model


def write_folder(folder: Path, family: str, tokenizer, spare: int = 0, **changes) -> Path:
    """Save a random model with a tokenizer; `spare` rows of the embedding belong to no token."""
    size = max(tokenizer.get_vocab().values()) + 1 + spare
    random_model(family, size, tokenizer.eos_token_id, **changes).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
