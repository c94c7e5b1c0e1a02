# SPDX-License-Identifier: Apache-2.0
"""Whole weights and moments out of a model that may be spread over processes, and back in.

Under DDP every process holds all weights; under FSDP2 each holds a part (a DTensor). `collect`
gives the leading process whole tensors on the CPU under the names that `save_training` uses, and
`restore` hands them out again, so that a checkpoint does not depend on how many processes wrote
it. All processes call these functions together.
"""

from pathlib import Path

import torch
from safetensors import safe_open
from torch.distributed.tensor import DTensor, distribute_tensor

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what AdamW remembers of a weight


def named_weights(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    """Return the weights under the names they have in a checkpoint.

    Activation checkpointing wraps the blocks, which shows in the names.
    """
    wrapped = "_checkpoint_wrapped_module."
    return [(name.replace(wrapped, ""), weight) for name, weight in model.named_parameters()]


def collect(model: torch.nn.Module, leads: bool, optimiser=None) -> dict[str, torch.Tensor]:
    """Return whole weights, and the moments of an optimiser, in the process that leads.

    In the other processes the result is empty.
    """
    tensors = {}
    for name, weight in named_weights(model):
        parts = {"model": weight.data}
        if optimiser is not None:
            parts |= {key: optimiser.state[weight][key] for key in MOMENTS}
        for key, value in parts.items():
            whole = value.full_tensor() if isinstance(value, DTensor) else value
            if leads:
                tensors[f"{key}/{name}"] = whole.cpu().contiguous()
    return tensors


@torch.no_grad()
def restore(trainer, folder: Path) -> None:
    """Give policy, moments and reference of a trainer the values saved in a folder."""
    optimiser = trainer.optimizer
    for group in optimiser.param_groups:
        for weight in group["params"]:
            place = weight.device if group["fused"] else "cpu"
            optimiser.state[weight] = {
                "step": torch.zeros((), device=place),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
    # One tensor at a time: the whole may be larger than the memory of one process.
    with safe_open(folder / "training.safetensors", "pt") as saved:
        for name, weight in named_weights(trainer.model):
            _put(weight.data, saved.get_tensor(f"model/{name}"))
            for key in MOMENTS:
                _put(optimiser.state[weight][key], saved.get_tensor(f"{key}/{name}"))
    with safe_open(folder / "reference" / "training.safetensors", "pt") as saved:
        for name, weight in named_weights(trainer.reference):
            _put(weight.data, saved.get_tensor(f"model/{name}"))


def _put(target: torch.Tensor, whole: torch.Tensor) -> None:
    """Copy a whole tensor into one that may be spread over the processes."""
    whole = whole.to(target.device)
    if isinstance(target, DTensor):
        whole = distribute_tensor(whole, target.device_mesh, target.placements)
    target.copy_(whole)
