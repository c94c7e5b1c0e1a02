# SPDX-License-Identifier: Apache-2.0
"""What a device can do at most, in FLOP/s, from vendors' data sheets (dense, without sparsity).

GPU   matrix products in FP8 where the device has it, else BF16 or FP16, else FP32: no precision
      is faster, so no honest attempt exceeds it. Matched by the beginning of the model string.
CPU   a bound from the instructions, not a data sheet: per core and cycle 2,048 operations in
      bfloat16 (AMX, twice what one core of today retires), 64 in float32 (two 512-bit fused
      multiply-adds), at 6 GHz. Cores are those the process may use.
"""

GPU_PEAKS = (
    ("NVIDIA B200", 4.5e15),
    ("NVIDIA GB200", 5.0e15),
    ("NVIDIA H200", 1.979e15),
    ("NVIDIA H100", 1.979e15),
    ("NVIDIA H800", 1.979e15),
    ("NVIDIA H20", 2.96e14),
    ("H800", 1.979e15),
    ("NVIDIA L40", 7.33e14),
    ("NVIDIA L4", 2.42e14),
    ("NVIDIA A100", 3.12e14),
    ("NVIDIA A800", 3.12e14),
    ("A100", 3.12e14),
    ("NVIDIA A40", 1.497e14),
    ("NVIDIA A10G", 1.25e14),
    ("NVIDIA A10", 1.25e14),
    ("NVIDIA A30", 1.65e14),
    ("NVIDIA GeForce RTX 4090", 6.61e14),
    ("NVIDIA GeForce RTX 3090", 1.42e14),
    ("Tesla V100", 1.25e14),
    ("Tesla T4", 6.5e13),
    ("Tesla P100", 2.12e13),
    ("AMD Instinct MI300X", 2.615e15),
    ("AMD Instinct MI250", 3.62e14),
)
# the longest name first, so that H200 is not taken for H20
_ORDERED = sorted(GPU_PEAKS, key=lambda pair: -len(pair[0]))
CORE_HERTZ = 6e9
CORE_FLOP = {"float32": 64.0, "": 2048.0}  # any other precision: the largest


def gpu_peak(device: str) -> float | None:
    """Return the largest FLOP/s of one GPU, None for a model that is not listed."""
    for name, peak in _ORDERED:
        if device.startswith(name):
            return peak
    return None


def core_peak(precision: str) -> float:
    """Return the largest FLOP/s of one core."""
    return CORE_HERTZ * CORE_FLOP.get(precision, CORE_FLOP[""])


def peak_of(device: str, precision: str, gpus: int, cores: int) -> float | None:
    """Return the largest FLOP/s of what an attempt held, None where it is not known."""
    if not gpus:
        return cores * core_peak(precision)
    peak = gpu_peak(device)
    return None if peak is None else gpus * peak
