# SPDX-License-Identifier: Apache-2.0
"""What a training update of the native engine spends its time on, by kind of operation.

One core and one lane, under torch's profiler, whose own time counts as `rest`; the rate of the
products is their exact arithmetic, as the profiler counts it, over the time they took.
"""

import os

from native import engine
from shapes import Work

KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::linear"),
    "attention": (
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
        "aten::_scaled_dot_product_attention_math",
    ),
    "softmax, norm, activation": (
        "aten::_log_softmax", "aten::exp", "aten::exp_", "aten::rms_norm", "aten::_fused_rms_norm",
        "aten::_fused_rms_norm_backward", "aten::silu", "aten::silu_backward", "aten::mean",
        "aten::rsqrt", "aten::pow",
    ),
    "sums, products, copies": (
        "aten::mul", "aten::mul_", "aten::add", "aten::add_", "aten::sum", "aten::copy_",
        "aten::cat", "aten::index", "aten::gather", "aten::scatter_", "aten::fill_", "aten::neg",
        "aten::_foreach_add_", "aten::sub", "aten::div", "aten::div_", "aten::index_put_",
        "aten::_index_put_impl_", "aten::embedding_dense_backward", "aten::index_select",
    ),
}  # fmt: skip
PRODUCTS = "matrix products"


def by_kind(averages) -> dict:
    """Return seconds by kind of operation, and the FLOP of the products."""
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    seconds = dict.fromkeys((*KINDS, "rest"), 0.0)
    flop = 0
    for entry in averages:
        kind = kind_of.get(entry.key, "rest")
        seconds[kind] += entry.self_cpu_time_total / 1e6
        if kind == PRODUCTS:
            flop += entry.flops
    return {"seconds_by_kind": seconds, "product_flop": flop}


def profile(given: tuple[Work, list[int], list], turns) -> None:
    """A round trains on the given rollout under the profiler; waits for nothing else."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    work, _, groups = given
    with engine(work) as stage:
        stage._sample = lambda chosen, update: groups
        while turns.wait():
            list(stage._rollout_and_update(0))
            with torch.profiler.profile(with_flops=True) as profiler:
                rows = list(stage._rollout_and_update(0))
            turns.report(updates=len(rows), **by_kind(profiler.key_averages()))
