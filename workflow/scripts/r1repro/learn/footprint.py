# SPDX-License-Identifier: Apache-2.0
"""What an RL stage takes: seconds per update and bytes, so that GRPO and PPO can be compared.

peak_bytes      all training tensors that one update holds at once: master weights, working copies,
                gradients, optimiser moments, reference and critic. Counted from the tensors, each
                piece of memory once. A gradient has the size of its weight; activations, samples
                and models that are only looked at (reward models, the start) are left out. Empty
                for another engine, whose tensors we do not know.
peak_rss_bytes  the most that the process has had resident, measured by the system: with Python,
                the libraries, activations and everything else.
seconds         of all updates together with their share of rollouts, references and rewards.
"""

import resource
import sys
from dataclasses import dataclass

import torch

RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in the unit of ru_maxrss


@dataclass(frozen=True)
class Held:
    """The models, the views that compute with them, and the optimisers of a stage."""

    models: list
    views: list
    optimisers: list

    def with_also(self, model, view, optimiser) -> "Held":
        """Return this and one more of each."""
        return Held([*self.models, model], [*self.views, view], [*self.optimisers, optimiser])

    def _trained(self) -> list[torch.Tensor]:
        """Return the weights that learn."""
        weights = [weight for model in self.models for weight in model.parameters()]
        return [weight for weight in weights if weight.requires_grad]

    def peak_bytes(self) -> int:
        """Count what is held when all gradients are there, once the moments are."""
        tensors = [weight.data for model in self.models for weight in model.parameters()]
        tensors += [part.tensor.data for view in self.views for part in view.working]
        for optimiser in self.optimisers:
            tensors += [t for state in optimiser.moments().values() for t in state.values()]
        pieces = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        gradients = sum(weight.numel() * weight.element_size() for weight in self._trained())
        return sum(pieces.values()) + gradients

    def parameters_trained(self) -> int:
        """Count the numbers that learn."""
        return sum(weight.numel() for weight in self._trained())


def memory_row(arm: str, held: Held | None, rows: list[dict]) -> dict:
    """Return the line of memory.csv from what a stage held and its rows of metrics."""
    seconds = [sum(v for k, v in row.items() if k.startswith("seconds_")) for row in rows]
    return {
        "arm": arm,
        "seconds_per_update": round(sum(seconds) / len(seconds), 6),
        "peak_bytes": "" if held is None else held.peak_bytes(),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT,
        "parameters_trained": "" if held is None else held.parameters_trained(),
    }
