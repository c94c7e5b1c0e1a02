# SPDX-License-Identifier: Apache-2.0
"""Time of one decoding step and of a synchronous rollout on expert-parallel replicas.

Step       b sequences per GPU at context c; MTP (accepted > 1) verifies two tokens per sequence
           toks     b * (2 if MTP else 1)
           hit      1 - (1 - active/experts)^(toks * ep)          share of experts touched
           memory   ((other + routed/ep * hit) * weight_bytes + b * c * cache) / (bandwidth * eff)
           tensor   (toks * 2N / peak + toks * A_decode * c / attention_peak) / eff
           network  moe_layers * (latency + toks * exchange_bytes / exchange_bandwidth)
           seconds  memory + tensor + network + overhead, or max(...) + overhead (ideal overlap)
Rollout    the integral over the position x of seconds(b(x), prompt + x) / accepted, with b(x) the
           outputs that still run per GPU, never below one output on the whole cluster
Choices    Steps are counted in accepted tokens. Without overlap the integral is a sum of moments of
           the lengths, with overlap it is taken piece by piece at the middle of each.
"""

from dataclasses import dataclass
from functools import lru_cache
from operator import mul

from r1repro.audit.cost_model.lengths import Lengths
from r1repro.audit.cost_model.parameters import Architecture, Machine, Stack


@dataclass(frozen=True)
class Step:
    """The coefficients of one decoding step of a stack: seconds per unit of b, b*c and hit."""

    memory: float
    memory_hit: float
    memory_context: float
    tensor: float
    tensor_context: float
    network: float
    network_sequence: float
    overhead: float
    missed: float
    ideal: bool

    def parts(self, b: float, c: float) -> tuple[float, float, float]:
        """Return memory, tensor and network seconds."""
        hit = self.memory_hit * (1 - self.missed**b) if self.memory_hit else 0.0
        return (
            self.memory + hit + self.memory_context * b * c,
            (self.tensor + self.tensor_context * c) * b,
            self.network + self.network_sequence * b,
        )

    def seconds(self, b: float, c: float) -> float:
        """Return the seconds of one step."""
        parts = self.parts(b, c)
        return (max(parts) if self.ideal else sum(parts)) + self.overhead


@lru_cache(maxsize=256)
def _step(stack: Stack, model: Architecture, peaks: tuple[float, ...]) -> Step:
    peak, attention_peak, memory_bandwidth, exchange_bandwidth = peaks
    verified = 2 if stack.accepted > 1 else 1
    bandwidth = memory_bandwidth * stack.bandwidth_efficiency
    tensor = stack.tensor_efficiency
    missed = 1.0
    if model.experts:
        missed = (1 - model.active_experts / model.experts) ** (verified * stack.expert_parallel)
    exchanged = model.moe_layers * verified * model.exchange_bytes
    return Step(
        memory=model.other * stack.weight_bytes / bandwidth,
        memory_hit=model.routed / stack.expert_parallel * stack.weight_bytes / bandwidth,
        memory_context=model.cache_bytes / bandwidth,
        tensor=verified * 2 * model.active / peak / tensor,
        tensor_context=verified * model.attention_decode / attention_peak / tensor,
        network=model.moe_layers * stack.layer_latency_seconds,
        network_sequence=exchanged / exchange_bandwidth,
        overhead=stack.step_overhead_seconds,
        missed=missed,
        ideal=stack.overlap == "ideal",
    )


def step_of(stack: Stack, model: Architecture, machine: Machine) -> Step:
    """Return the decoding step of a stack on a machine."""
    peak = machine.peaks[stack.weight_bytes]
    bandwidths = (machine.memory_bandwidth, machine.exchange_bandwidth)
    return _step(stack, model, (peak, machine.attention_peak, *bandwidths))


def decode_rate(stack: Stack, step: Step, streams: float, context: float) -> float:
    """Return tokens per second per GPU of steady decoding."""
    return streams * stack.accepted / step.seconds(streams, context)


@dataclass(frozen=True)
class _Moments:
    """Integrals over a part of a rollout: of 1, b and b*(prompt + x), and its pieces."""

    width: float
    sequences: float
    contexts: float
    widths: list[float]
    running: list[float]


@lru_cache(maxsize=4096)
def _moments(lengths: Lengths, outputs: int, gpus: int, prompt: float) -> tuple[_Moments, _Moments]:
    """Return the integrals before the tail and in the tail."""
    widths, shares, middles, tail = lengths.segments
    running = [max(share * outputs, 1.0) / gpus for share in shares]
    areas = list(map(mul, widths, running))
    contexts = [area * (prompt + middle) for area, middle in zip(areas, middles, strict=True)]
    first, second = (
        _Moments(sum(widths[part]), sum(areas[part]), sum(contexts[part]), widths[part],
                 running[part])
        for part in (slice(tail), slice(tail, None))
    )  # fmt: skip
    return first, second


def _added_up(step: Step, part: _Moments) -> float:
    """Return the seconds of the steps of a part when nothing overlaps."""
    seconds = part.width * (step.memory + step.network + step.overhead)
    seconds += part.sequences * (step.tensor + step.network_sequence)
    seconds += part.contexts * (step.memory_context + step.tensor_context)
    if step.memory_hit:
        missed = step.missed
        unseen = sum(map(mul, part.widths, [missed**b for b in part.running]))
        seconds += step.memory_hit * (part.width - unseen)
    return seconds


def rollout_seconds(
    lengths: Lengths, outputs: int, gpus: int, prompt: float, stack: Stack, step: Step
) -> tuple[float, float]:
    """Return the seconds of a rollout and those of its tail."""
    if step.ideal:
        widths, shares, middles, tail = lengths.segments
        times = [
            width * step.seconds(max(share * outputs, 1.0) / gpus, prompt + middle)
            for width, share, middle in zip(widths, shares, middles, strict=True)
        ]
        first, second = sum(times[:tail]), sum(times[tail:])
    else:
        first, second = (_added_up(step, p) for p in _moments(lengths, outputs, gpus, prompt))
    return (first + second) / stack.accepted, second / stack.accepted
