# SPDX-License-Identifier: Apache-2.0
"""Check the model against published speeds before anything is concluded from it.

Rule      At an anchor's batch, context and replica width, the published decoding speed must lie
          between the model without overlap and the model with ideal overlap, both with the inputs
          of one stack (`anchors.stack`; production serving is a good stack, hence C1).
Choices   Whether production decoding used multi-token prediction is not reported, so it is checked
          with and without, each with the streams that its speed per stream implies.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from r1repro.audit.cost_model.decode import decode_rate, step_of
from r1repro.audit.cost_model.parameters import Inputs, Stack


@dataclass(frozen=True)
class Bracket:
    """A published decoding speed between two forms of the model, tokens per second per GPU."""

    name: str
    streams: float
    context: float
    expert_parallel: int
    accepted: float
    published: float
    no_overlap: float
    ideal_overlap: float

    @property
    def holds(self) -> bool:
        """Say whether the published speed lies between."""
        return self.no_overlap <= self.published <= self.ideal_overlap


def bracket(inputs: Inputs, anchor: Bracket, stack: Stack) -> Bracket:
    """Return an anchor with both forms of the model under this stack."""
    model, machine = inputs.model.architecture, inputs.hardware.machine
    rates = []
    for overlap in (0.0, 1.0):
        form = replace(
            stack,
            overlap=overlap,
            accepted=anchor.accepted,
            expert_parallel=anchor.expert_parallel,
        )
        step = step_of(form, model, machine)
        rates.append(decode_rate(form, step, anchor.streams, anchor.context))
    return replace(anchor, no_overlap=rates[0], ideal_overlap=rates[1])


def published(inputs: Inputs) -> list[Bracket]:
    """Return the decoding anchors without the model's forms."""
    known = inputs.anchors
    rate = known.decode_rate
    deepseek = Bracket(
        "deepseek_decode_mtp", rate / known.deepseek_stream_rate, known.deepseek_context,
        known.deepseek_expert_parallel, known.deepseek_accepted, rate, 0.0, 0.0,
    )  # fmt: skip
    sglang = Bracket(
        "sglang_decode", known.sglang_streams, known.sglang_context, known.sglang_expert_parallel,
        1.0, known.sglang_node_rate / known.gpus_per_node, 0.0, 0.0,
    )  # fmt: skip
    return [deepseek, replace(deepseek, name="deepseek_decode_plain", accepted=1.0), sglang]


def brackets(inputs: Inputs, name: str | None = None) -> list[Bracket]:
    """Return every decoding anchor under one stack, that of the rule unless named."""
    stack = inputs.stacks[name or inputs.anchors.stack]
    return [bracket(inputs, anchor, stack) for anchor in published(inputs)]


def derived(inputs: Inputs) -> Iterator[tuple[str, str, float, str]]:
    """Yield case, quantity, value and unit of what follows from the published numbers alone."""
    known, model, hardware = inputs.anchors, inputs.model.architecture, inputs.hardware
    reached = known.training_rate * known.pretraining_flop_per_token
    yield "pretraining", "tokens_per_second_per_gpu", known.training_rate, "token/s"
    yield "pretraining", "flop_per_second_per_gpu", reached, "FLOP/s"
    yield "pretraining", "utilisation_bf16", reached / hardware.bf16_peak, "share"
    linear = 2 * model.active * known.decode_rate
    attention = model.attention_decode * known.deepseek_context * known.decode_rate
    streams = known.decode_rate / known.deepseek_stream_rate
    cache = streams * known.deepseek_context * model.cache_bytes
    name = "deepseek_decode"
    yield name, "flop_per_second_per_gpu_linear", linear, "FLOP/s"
    yield name, "flop_per_second_per_gpu_attention", attention, "FLOP/s"
    yield name, "utilisation_bf16", (linear + attention) / hardware.bf16_peak, "share"
    yield name, "streams_per_gpu", streams, "output"
    yield name, "cache_bytes_per_gpu", cache, "B"
    yield name, "cache_share_of_memory", cache / hardware.memory, "share"
    computed = known.prefill_node_rate * (1 - known.prefill_cache_hits) / known.gpus_per_node
    yield "prefill", "computed_tokens_per_second_per_gpu", computed, "token/s"
    yield "prefill", "overstated_by_cache_hits", 1 / (1 - known.prefill_cache_hits), "ratio"
