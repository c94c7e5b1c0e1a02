# SPDX-License-Identifier: Apache-2.0
"""Log-probabilities and entropy of given responses under a policy, on packed rows."""

import torch

from r1repro.learn.packing import Packed
from r1repro.learn.transformer import Transformer


def token_logprobs(
    transformer: Transformer, packed: Packed, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-probability and entropy (both per predicted token, in nats).

    The temperature is the sampler's, so that both speak of the same distribution.
    """
    hidden = transformer.hidden_states(packed.tokens, packed.positions, packed.mask)
    logits = transformer.logits(hidden.flatten(0, 1)[packed.source]) / temperature
    everything = torch.log_softmax(logits, dim=-1)
    chosen = everything.gather(1, packed.target[:, None]).squeeze(1)
    with torch.no_grad():
        entropy = -(everything.exp() * everything).sum(dim=-1)
    return chosen, entropy
