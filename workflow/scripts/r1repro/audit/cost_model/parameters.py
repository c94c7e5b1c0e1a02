# SPDX-License-Identifier: Apache-2.0
"""The inputs of the cost model as the formulas see them.

Units    tokens, FLOP (a multiplication and an addition are two), seconds, bytes, GPU-hours
Kinds    whole: a whole number from 1; positive: above 0; nonnegative: from 0; share: from 0 to 1
"""

from dataclasses import dataclass, field
from functools import cached_property


def number(kind: str):
    """Return a field of a number of this kind."""
    return field(metadata={"kind": kind})


@dataclass(frozen=True)
class Run:
    """The published structure of the run."""

    gpus: int = number("whole")
    hours: float = number("positive")
    reported_gpu_hours: float = number("positive")
    steps: int = number("whole")
    jump_step: int = number("whole")
    cap_before: int = number("whole")
    cap_after: int = number("whole")
    outputs_per_update: int = number("whole")
    outputs_per_rollout: int = number("whole")
    prompt_tokens: float = number("nonnegative")
    reference_passes: int = number("whole")
    old_policy_passes: int = number("whole")

    @property
    def forward_passes(self) -> int:
        """Return the forward passes beside the update."""
        return self.reference_passes + self.old_policy_passes


@dataclass(frozen=True)
class Spread:
    """How the lengths inside one rollout differ."""

    sigma: float = number("positive")
    runaway_share: float = number("share")
    runaway_most: float = number("share")
    mean_most: float = number("share")
    tail_from: float = number("share")
    quantiles: int = number("whole")


@dataclass(frozen=True)
class Architecture:
    """What the formulas need of any model; attention FLOP are per token and token attended."""

    active: float
    routed: float
    other: float
    moe_layers: int
    experts: int
    active_experts: int
    attention_training: float
    attention_decode: float
    cache_bytes: float
    exchange_bytes: float


@dataclass(frozen=True)
class LatentExperts:
    """Sizes of a mixture of experts with multi-head latent attention."""

    active_parameters: float = number("positive")
    total_parameters: float = number("positive")
    layers: int = number("whole")
    moe_layers: int = number("whole")
    heads: int = number("whole")
    hidden: int = number("whole")
    experts: int = number("whole")
    active_experts: int = number("whole")
    expert_width: int = number("whole")
    kv_rank: int = number("whole")
    rope: int = number("whole")
    nope: int = number("whole")
    value: int = number("whole")
    cache_bytes_per_number: int = number("whole")
    exchange_bytes_per_number: int = number("whole")

    @cached_property
    def architecture(self) -> Architecture:
        """Derive what one token costs."""
        routed = self.moe_layers * self.experts * 3 * self.expert_width * self.hidden
        keys, pairs = self.nope + self.rope, 2 * self.heads * self.layers
        latent = self.kv_rank + self.rope
        return Architecture(
            active=self.active_parameters,
            routed=routed,
            other=self.total_parameters - routed,
            moe_layers=self.moe_layers,
            experts=self.experts,
            active_experts=self.active_experts,
            attention_training=pairs * (keys + self.value),
            attention_decode=pairs * (latent + self.kv_rank),  # weights absorbed
            cache_bytes=self.layers * latent * self.cache_bytes_per_number,
            exchange_bytes=self.active_experts * self.hidden * self.exchange_bytes_per_number,
        )


@dataclass(frozen=True)
class Machine:
    """One device: tensor peak by bytes of a weight, memory and exchange bandwidth."""

    peaks: dict[int, float]
    attention_peak: float
    memory_bandwidth: float
    exchange_bandwidth: float


@dataclass(frozen=True)
class Hardware:
    """Peaks of a device with 8-bit and 16-bit tensor units."""

    fp8_peak: float = number("positive")
    bf16_peak: float = number("positive")
    memory_bandwidth: float = number("positive")
    memory: float = number("positive")
    usable_memory: float = number("share")
    exchange_bandwidth: float = number("positive")

    @cached_property
    def machine(self) -> Machine:
        """Return the device as the formulas see it."""
        peaks = {1: self.fp8_peak, 2: self.bf16_peak}
        return Machine(peaks, self.bf16_peak, self.memory_bandwidth, self.exchange_bandwidth)


@dataclass(frozen=True)
class Stack:
    """How well a software stack uses the device."""

    weight_bytes: int = number("whole")
    accepted: float = number("positive")
    dense_parallel: int = number("whole")
    expert_parallel: int = number("whole")
    bandwidth_efficiency: float = number("share")
    tensor_efficiency: float = number("share")
    layer_latency_seconds: float = number("nonnegative")
    step_overhead_seconds: float = number("nonnegative")
    train_utilisation: float = number("share")
    forward_utilisation: float = number("share")
    fixed_seconds: float = number("nonnegative")
    update_seconds: float = number("nonnegative")
    downtime: float = number("nonnegative")
    overlap: float = number("share")


@dataclass(frozen=True)
class Anchors:
    """Published speeds of the same model."""

    pretraining_gpu_hours_per_trillion: float = number("positive")
    pretraining_flop_per_token: float = number("positive")
    pretraining_context: int = number("whole")
    gpus_per_node: int = number("whole")
    deepseek_node_rate: float = number("positive")
    deepseek_stream_rate: float = number("positive")
    deepseek_context: float = number("positive")
    deepseek_expert_parallel: int = number("whole")
    deepseek_accepted: float = number("positive")
    prefill_node_rate: float = number("positive")
    prefill_cache_hits: float = number("share")
    sglang_node_rate: float = number("positive")
    sglang_streams: int = number("whole")
    sglang_context: float = number("positive")
    sglang_expert_parallel: int = number("whole")
    stack: str = ""

    @property
    def decode_rate(self) -> float:
        """Tokens per second per GPU of production decoding."""
        return self.deepseek_node_rate / self.gpus_per_node

    @property
    def training_rate(self) -> float:
        """Tokens per second per GPU of pre-training."""
        return 1e12 / (self.pretraining_gpu_hours_per_trillion * 3600)


@dataclass(frozen=True)
class GroupedExperts:
    """Sizes of a mixture of experts with grouped-query attention, all layers alike."""

    active_parameters: float = number("positive")
    total_parameters: float = number("positive")
    layers: int = number("whole")
    heads: int = number("whole")
    kv_heads: int = number("whole")
    head_width: int = number("whole")
    hidden: int = number("whole")
    experts: int = number("whole")
    active_experts: int = number("whole")
    expert_width: int = number("whole")
    bytes_per_number: int = number("whole")

    @cached_property
    def architecture(self) -> Architecture:
        """Derive what one token costs."""
        routed = self.layers * self.experts * 3 * self.expert_width * self.hidden
        attention = 4 * self.heads * self.head_width * self.layers
        return Architecture(
            active=self.active_parameters,
            routed=routed,
            other=self.total_parameters - routed,
            moe_layers=self.layers,
            experts=self.experts,
            active_experts=self.active_experts,
            attention_training=attention,
            attention_decode=attention,
            cache_bytes=2 * self.layers * self.kv_heads * self.head_width * self.bytes_per_number,
            exchange_bytes=2 * self.active_experts * self.hidden * self.bytes_per_number,
        )


@dataclass(frozen=True)
class Iteration:
    """One measured iteration of a public engine; `parallel` GPUs hold one copy that generates."""

    name: str
    model: str
    gpus: int = number("whole")
    weight_bytes: int = number("whole")
    parallel: int = number("whole")
    lag: int = number("nonnegative")
    outputs: int = number("whole")
    mean: float = number("positive")
    cap: int = number("whole")
    seconds: float = number("positive")


@dataclass(frozen=True)
class Range:
    """What one input may be: the shape of its distribution and the numbers that fix it."""

    shape: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Distribution:
    """How the GPU-hours are drawn."""

    seed: int = number("nonnegative")
    lengths: int = number("whole")
    stacks: int = number("whole")
    points: int = number("whole")
    central_share: float = number("share")
    ranges: dict[str, Range] = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """The other columns of the paper's cost table."""

    sft_gpu_hours: float = number("positive")
    r1_gpu_hours: float = number("positive")
    r1_hours: float = number("positive")
    sft_samples: int = number("whole")
    sft_sample_tokens: float = number("positive")
    stage2_steps: int = number("whole")
    slow_generation_rate: float = number("positive")
    epochs_low: int = number("whole")
    epochs_high: int = number("whole")
    r1_mean_low: float = number("positive")
    r1_mean_middle: float = number("positive")
    r1_mean_high: float = number("positive")


@dataclass(frozen=True)
class Curve:
    """Length against step: rows of step, mean and, where measured, p50, p90, p99 and max."""

    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    @property
    def measured(self) -> bool:
        """Say whether the rows give quantiles."""
        return len(self.columns) > 2


@dataclass(frozen=True)
class Entry:
    """Where one value comes from."""

    value: float
    unit: str
    status: str
    source: str


@dataclass(frozen=True)
class Inputs:
    """Everything of one input file, checked."""

    run: Run
    spread: Spread
    curve: Curve
    factors: tuple[float, ...]
    model: LatentExperts
    hardware: Hardware
    anchors: Anchors
    others: dict[str, GroupedExperts]
    iterations: tuple[Iteration, ...]
    calibrated_on: str
    iteration_stack: str
    distribution: Distribution
    stacks: dict[str, Stack]
    sensitivity_base: str
    changes: dict[str, tuple[float, ...]]
    stream_rates: tuple[float, ...]
    columns: Columns
    entries: dict[str, Entry]
