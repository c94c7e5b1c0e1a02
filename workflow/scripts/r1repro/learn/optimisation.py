# SPDX-License-Identifier: Apache-2.0
"""Learning rate over steps, and the optimisers.

Choices  The paper names no optimiser; AdamW is used for everything that starts from a checkpoint.
         The mini's base is pretrained with Muon on its matrices (Newton-Schulz orthogonalised
         momentum, `muon.py`) and AdamW on the rest: with the few tokens a laptop can
         afford it learns the tasks about twice as far. The base stands in for V3-Base, which the
         paper takes as given, so this choice touches none of the paper's claims.
"""

import math

import torch

from r1repro.learn.lanes import Lanes
from r1repro.learn.muon import Muon


def cosine(step: int, total: int, warmup: int, final_share: float) -> float:
    """Return the factor on the learning rate at a step (0-based): linear warm-up, then cosine.

    The last step has exactly `final_share` (a tenth in the paper's supervised stages).
    """
    if step < warmup:
        return (step + 1) / warmup
    span = max(total - 1 - warmup, 1)
    done = min((step - warmup) / span, 1.0)
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * done))


def warmup_then_constant(step: int, warmup: int) -> float:
    """Return the factor on the learning rate of RL: linear warm-up, then constant."""
    return min((step + 1) / warmup, 1.0) if warmup else 1.0


class Optimiser:
    """One or two torch optimisers that follow the same schedule.

    Each parameter group remembers its own peak rate in `peak`; a step scales all by one factor.
    """

    def __init__(self, parts: list[torch.optim.Optimizer]):
        self.parts = parts
        for group in self._groups():
            group["peak"] = group["lr"]

    def _groups(self) -> list[dict]:
        return [group for part in self.parts for group in part.param_groups]

    def step(self, factor: float, clip_norm: float) -> float:
        """Clip the gradient, step at `factor` x peak rate, return the norm before clipping."""
        weights = [weight for group in self._groups() for weight in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(weights, clip_norm)
        for group in self._groups():
            group["lr"] = group["peak"] * factor
        for part in self.parts:
            part.step()
            part.zero_grad(set_to_none=True)
        return float(norm)

    def moments(self) -> dict[torch.Tensor, dict]:
        """Return the state of each weight, to be saved."""
        return {weight: state for part in self.parts for weight, state in part.state.items()}

    def restore(self, moments: dict[torch.Tensor, dict]) -> None:
        """Put saved states back to the part that owns each weight."""
        for part in self.parts:
            for group in part.param_groups:
                for weight in group["params"]:
                    if weight in moments:
                        part.state[weight] = moments[weight]


def adamw(weights: list[torch.Tensor], settings: dict) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices only."""
    return torch.optim.AdamW(
        [
            {"params": [w for w in weights if w.ndim >= 2]},
            {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
        ],
        lr=settings["learning_rate"],
        betas=tuple(settings["betas"]),
        weight_decay=settings["weight_decay"],
        fused=True,
    )


def make_optimiser(model: torch.nn.Module, settings: dict, lanes: Lanes) -> Optimiser:
    """Return the optimiser that the settings of a stage ask for.

    `muon_learning_rate` null: AdamW for all weights. A number: Muon for the matrices inside the
    layers at that rate, AdamW for embeddings and norms.
    """
    if settings["muon_learning_rate"] is None:
        return Optimiser([adamw(list(model.parameters()), settings)])
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    tables = {id(end.weight) for end in ends if end is not None}
    inner = [w for w in model.parameters() if w.ndim == 2 and id(w) not in tables]
    chosen = {id(weight) for weight in inner}
    rest = [weight for weight in model.parameters() if id(weight) not in chosen]
    muon = Muon(inner, settings["muon_learning_rate"], settings["weight_decay"], lanes)
    return Optimiser([muon, adamw(rest, settings)])
