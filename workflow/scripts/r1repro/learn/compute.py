# SPDX-License-Identifier: Apache-2.0
"""How the arithmetic of a stage is carried out: precision, portions, lanes, processes.

Nothing here is part of the recipe. Precision and portions change results by rounding and are
therefore settings (section `compute` of the configuration); lanes and processes are what the
machine offers.
"""

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from r1repro.learn.generic import GenericTransformer
from r1repro.learn.lanes import Lanes, open_lanes
from r1repro.learn.parallel import World
from r1repro.learn.transformer import Transformer, unsupported
from r1repro.learn.working import choose_precision


@dataclass(frozen=True)
class Compute:
    """What a stage computes with.

    tokens_per_pass    tokens in one forward and backward pass, in whole rows
    responses_at_once  responses that are decoded together
    """

    precision: str = "float32"
    tokens_per_pass: int = 1024
    responses_at_once: int = 128
    device: torch.device = torch.device("cpu")
    lanes: Lanes = Lanes(1)
    world: World = World()

    def precision_of(self, model: PreTrainedModel) -> str:
        """Return the precision in which a model is computed: float32 where it computes itself."""
        return self.precision if unsupported(model.config) is None else "float32"

    def transformer(self, model: PreTrainedModel) -> Transformer | GenericTransformer:
        """Return a model's forward pass: ours where it fits, else the model's own in float32."""
        if unsupported(model.config) is not None:
            return GenericTransformer(model)
        return Transformer(model, self.precision)


def open_compute(settings: dict, device: torch.device, world: World | None = None) -> Compute:
    """Return how a device computes, from the `compute` section of the configuration."""
    world = world or World()
    precision = choose_precision(settings["precision"], device)
    lanes = open_lanes(device)
    print(
        f"arithmetic: {precision} on {device}, {lanes.count} lanes, process {world.rank + 1} "
        f"of {world.size}",
        flush=True,
    )
    return Compute(
        precision, settings["tokens_per_pass"], settings["responses_at_once"], device, lanes, world
    )
