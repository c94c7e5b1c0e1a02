# SPDX-License-Identifier: Apache-2.0
"""Time of one decoding step and of a synchronous rollout on expert-parallel replicas.

Step       b sequences per GPU at context c; MTP (accepted > 1) verifies two tokens per sequence
           toks     b * (2 if MTP else 1)
           hit      1 - (1 - active/experts)^(toks * ep)          share of experts touched
           memory   ((other/dp + routed/ep hit) * weight_bytes + b * c * cache) / (bandwidth * eff)
           tensor   (toks * 2N / peak + toks * A_decode * c / attention_peak) / eff
           network  moe_layers * (latency + toks * exchange_bytes / exchange_bandwidth)
           seconds  overlap * longest of the three + (1 - overlap) * their sum + overhead
Rollout    the integral over the position x of seconds(b(x), prompt + x) / accepted, with b(x) the
           outputs that still run per GPU, never below one output on the whole cluster
Memory     weights and cache of the fullest moment must fit into one GPU
Choices    Steps are counted in accepted tokens. The integral is taken piece by piece at the middle
           of each. A stack may hold arrays, one number for each draw; then all results do.
"""

from dataclasses import dataclass

import numpy as np

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
    overlap: float

    def parts(self, b: float, c: float) -> tuple[float, float, float]:
        """Return memory, tensor and network seconds."""
        hit = self.memory_hit * (1 - self.missed**b)
        return (
            self.memory + hit + self.memory_context * b * c,
            (self.tensor + self.tensor_context * c) * b,
            self.network + self.network_sequence * b,
        )

    def seconds(self, b: float, c: float) -> float:
        """Return the seconds of one step."""
        memory, tensor, network = self.parts(b, c)
        longest = np.maximum(np.maximum(memory, tensor), network)
        added = memory + tensor + network
        return self.overlap * longest + (1 - self.overlap) * added + self.overhead


def step_of(stack: Stack, model: Architecture, machine: Machine) -> Step:
    """Return the decoding step of a stack on a machine."""
    peak = np.vectorize(machine.peaks.__getitem__)(stack.weight_bytes)
    verified = np.where(np.greater(stack.accepted, 1), 2, 1)
    bandwidth = machine.memory_bandwidth * stack.bandwidth_efficiency
    tensor = stack.tensor_efficiency
    untouched = 1 - model.active_experts / model.experts if model.experts else 1.0
    exchanged = model.moe_layers * verified * model.exchange_bytes
    return Step(
        memory=model.other / stack.dense_parallel * stack.weight_bytes / bandwidth,
        memory_hit=model.routed / stack.expert_parallel * stack.weight_bytes / bandwidth,
        memory_context=model.cache_bytes / bandwidth,
        tensor=verified * 2 * model.active / peak / tensor,
        tensor_context=verified * model.attention_decode / machine.attention_peak / tensor,
        network=model.moe_layers * stack.layer_latency_seconds,
        network_sequence=exchanged / machine.exchange_bandwidth,
        overhead=stack.step_overhead_seconds,
        missed=untouched ** (verified * stack.expert_parallel),
        overlap=stack.overlap,
    )


def decode_rate(stack: Stack, step: Step, streams: float, context: float) -> float:
    """Return tokens per second per GPU of steady decoding."""
    return streams * stack.accepted / step.seconds(streams, context)


def rollout_seconds(
    lengths: Lengths, outputs: int, gpus: int, prompt: float, stack: Stack, step: Step
) -> tuple[float, float]:
    """Return the seconds of a rollout and those of its tail."""
    widths, shares, middles, tail = lengths.segments
    column = (-1, *(1,) * np.ndim(stack.accepted))
    running = np.maximum(shares * outputs, 1.0) / gpus
    times = step.seconds(running.reshape(column), (prompt + middles).reshape(column))
    first, second = widths[:tail] @ times[:tail], widths[tail:] @ times[tail:]
    return (first + second) / stack.accepted, second / stack.accepted


def weight_bytes_per_gpu(stack: Stack, model: Architecture) -> float:
    """Return the bytes of weights that one GPU holds."""
    held = model.other / stack.dense_parallel + model.routed / stack.expert_parallel
    return held * stack.weight_bytes


def cache_bytes_per_gpu(
    lengths: Lengths, model: Architecture, outputs: int, gpus: int, prompt: float
) -> float:
    """Return the bytes of cache that one GPU holds at the fullest moment of a rollout."""
    widths, shares, middles, _ = lengths.segments
    held = np.maximum(shares * outputs, 1.0) / gpus * (prompt + middles + widths / 2)
    return model.cache_bytes * held.max()
