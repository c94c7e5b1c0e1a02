# SPDX-License-Identifier: Apache-2.0
"""What the speed benchmarks work on: checkpoint, prompts and settings, the same for every peer.

mini         a checkpoint from the middle of a real R1-Zero run, with the lengths it really samples
fixed        16 prompts x 16 samples, every response 48 tokens: random weights of the mini's sizes
fixed_qwen2  the same with a Qwen2 of 344 thousand parameters
tail_100m    64 prompts x 16 samples, long-tailed lengths up to 2,048: 0.1B parameters, CUDA only
tail_500m    the same with 0.5B parameters, CUDA only
tail_tiny    the long-tailed lengths in small, so that they can be tested without a GPU

Choices  The learning rate is 1e-9, so that the lengths of the first update are those of the last.
         Lengths of random weights come from the weights: the output layer's row of the end token
         reads one direction of the residual stream that the blocks leave alone, so that at each
         token any engine samples the end with the same chance, 0 for the fixed length. For the
         long tail lengths are geometric with the asked mean, cut at the cap: the longest of 1,024
         is some seven times the mean. No sampler has to be told anything or pays for a rule.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import yaml

ROOT = Path(__file__).resolve().parents[2]
NEVER = "<|never|>"
NEVER_LOGIT = -1000.0
NO_RUN = (
    "{path} is missing: run `make reproduce` first, or name another run's folder with --results"
)
SIZES = {
    "fixed": {"hidden_size": 96, "layers": 4, "heads": 4, "key_heads": 4, "intermediate": 256},
    "fixed_qwen2": {
        "hidden_size": 96,
        "layers": 3,
        "heads": 4,
        "key_heads": 2,
        "intermediate": 216,
    },
    "tail_tiny": {"hidden_size": 96, "layers": 4, "heads": 4, "key_heads": 4, "intermediate": 256},
    "tail_100m": {
        "hidden_size": 768,
        "layers": 12,
        "heads": 12,
        "key_heads": 12,
        "intermediate": 2048,
    },
    "tail_500m": {
        "hidden_size": 1024,
        "layers": 24,
        "heads": 16,
        "key_heads": 16,
        "intermediate": 4096,
    },
}
# questions per update, updates per rollout, most tokens in a response, mean tokens (None: not set)
ROLLOUTS = {
    "fixed": (16, 1, 48, None),
    "fixed_qwen2": (16, 1, 48, None),
    "tail_tiny": (8, 2, 96, 14),
    "tail_100m": (16, 4, 2048, 300),
    "tail_500m": (16, 4, 2048, 300),
}
VOCABULARY = {"tail_100m": 32768, "tail_500m": 32768}
NEEDS_CUDA = ("tail_100m", "tail_500m")
NAMES = ("mini", *SIZES)
# What happens once in so many updates: never here.
WHOLE_ROLLOUTS = (
    "updates",
    "late_from_update",
    "reference_reset_updates",
    "checkpoint_every_updates",
    "curve_every_updates",
)


class BenchError(Exception):
    """A benchmark cannot run; the message is one sentence for the user."""


@dataclass(frozen=True)
class Work:
    """One shape, ready for any peer.

    checkpoint  folder with configuration, weights and tokenizer
    prompts     rows of train.jsonl in the order in which the native engine asks them
    settings    the section `r1_zero`; `sandbox` and `compute` are those sections
    """

    name: str
    checkpoint: str
    prompts: tuple[dict, ...]
    settings: dict
    sandbox: dict
    compute: dict
    seed: int
    device: str

    @property
    def responses_per_update(self) -> int:
        """Questions times samples."""
        return self.settings["questions_per_update"] * self.settings["group_size"]

    def with_rollouts_of(self, times: int) -> "Work":
        """Return the same work with so many times the updates, and samples, per rollout."""
        updates = times * self.settings["updates_per_rollout"]
        return replace(self, settings=self.settings | {"updates_per_rollout": updates})


def prepare(
    name: str,
    results: Path,
    checkpoint: Path | None,
    folder: Path,
    precision: str | None = None,
) -> Work:
    """Make the work of one shape; random weights are written into `folder`.

    precision  of the native engine instead of the configuration's

    Raises BenchError when a file of the trained run is missing or a GPU is.
    """
    if name in NEEDS_CUDA and not torch.cuda.is_available():
        raise BenchError(f"{name} needs a CUDA device and torch finds none here")
    train = results / "data/train.jsonl"
    trained = checkpoint or results / "rl/r1_zero/along/step_000048"
    for path in (train, trained / "config.json"):
        if not path.is_file():
            raise BenchError(NO_RUN.format(path=path))
    configuration = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    settings = settings_of(name, configuration["r1_zero"])
    if name != "mini":
        trained = random_checkpoint(name, trained, folder / name, configuration["seed"])
    lines = train.read_text(encoding="utf-8").splitlines()
    prompts = [json.loads(line) for line in lines]
    return Work(
        name,
        str(trained),
        tuple(prompt for prompt in prompts if prompt["category"] != "general"),
        settings,
        configuration["sandbox"],
        configuration["compute"] | ({"precision": precision} if precision else {}),
        configuration["seed"],
        "cuda" if torch.cuda.is_available() else "cpu",
    )


def settings_of(name: str, section: dict) -> dict:
    """Return the RL settings of a shape: the miniature's, without anything that happens once."""
    settings = section | {"learning_rate": 1e-9, "warmup_updates": 0}
    for key in WHOLE_ROLLOUTS:
        settings[key] = 10**6 * section["updates_per_rollout"]
    if name == "mini":
        return settings
    questions, updates, cap, _ = ROLLOUTS[name]
    return settings | {
        "questions_per_update": questions,
        "updates_per_rollout": updates,
        "max_response_tokens": cap,
        "late_max_response_tokens": cap,
        "row_tokens": max(section["row_tokens"], 2 * cap),
    }


def random_checkpoint(name: str, trained: Path, folder: Path, seed: int) -> Path:
    """Write random weights in the sizes of `name` with the trained run's tokenizer."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(trained, local_files_only=True)
    mean = ROLLOUTS[name][3]
    if mean is None:
        # Padding keeps the old end token: the new one's row is no ordinary embedding.
        tokenizer.add_special_tokens({"eos_token": NEVER})
    torch.manual_seed(seed)
    model = new_model(name, max(len(tokenizer), VOCABULARY.get(name, 0)), tokenizer)
    end_after(model, tokenizer.eos_token_id, mean)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def new_model(name: str, rows: int, tokenizer):
    """Return a model with random weights; only a shape without a tail ties its output layer."""
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    sizes, cap, mean = SIZES[name], *ROLLOUTS[name][2:]
    qwen = name == "fixed_qwen2"
    config = (Qwen2Config if qwen else LlamaConfig)(
        vocab_size=rows,
        hidden_size=sizes["hidden_size"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes["key_heads"],
        intermediate_size=sizes["intermediate"],
        max_position_embeddings=max(256, 2 * cap),
        tie_word_embeddings=mean is None,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return (Qwen2ForCausalLM if qwen else LlamaForCausalLM)(config).float()


@torch.no_grad()
def end_after(model, end_token: int, mean: float | None) -> None:
    """Give the end token the chance 1 / mean at every place, or 0 for None, whatever the text.

    The first coordinate of the residual stream is set by the embedding and written by no block;
    the output layer's row of the end token reads nothing else.
    """
    model.model.embed_tokens.weight[:, 0] = 1.0
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight[0] = 0.0
        layer.mlp.down_proj.weight[0] = 0.0
    head = model.lm_head.weight
    head[end_token] = 0.0
    if mean is None:
        head[end_token, 0] = NEVER_LOGIT  # e to this power is 0 in float32
        return
    head[:, 0] = 0.0
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, head.shape[0], (8, 64), generator=generator)
    hidden = model.model(tokens).last_hidden_state.flatten(0, 1)
    others = (hidden @ head.T).index_fill(1, torch.tensor([end_token]), -torch.inf)
    # p = e^x / (e^x + sum of the others): solve for the mean logit x, then for the weight
    wanted = others.logsumexp(dim=1).mean() - torch.log(torch.tensor(mean - 1.0))
    head[end_token, 0] = wanted / hidden[:, 0].mean()
