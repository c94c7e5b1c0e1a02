# SPDX-License-Identifier: Apache-2.0
"""Device, determinism and seeds.

Randomness is derived from (seed, stage, step) and never carried along, so that a resumed run
draws what an uninterrupted one would have drawn.
"""

import hashlib
import os
import random

import torch

from r1repro.errors import GpuRequiredButAbsent


def derive_seed(*parts: object) -> int:
    """Return a 63-bit seed from any printable parts."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def derive_rng(*parts: object) -> random.Random:
    """Return a random generator for one place in one stage."""
    return random.Random(derive_seed(*parts))


def prepare_device(stage: str, gpus: int, require_gpu: bool) -> torch.device:
    """Return the device that was granted and switch on deterministic kernels.

    Raises GpuRequiredButAbsent when the configuration demands a GPU and none was granted or found.
    """
    if require_gpu and gpus == 0:
        raise GpuRequiredButAbsent(
            f"stage '{stage}' needs a GPU (require_gpu: true) but was granted 0; "
            "use --workflow-profile profiles/gpu or profiles/slurm"
        )
    if gpus > 0 and not torch.cuda.is_available():
        raise GpuRequiredButAbsent(
            f"stage '{stage}' was granted {gpus} GPU(s) but torch finds none on this machine; "
            "use the default profile for a CPU run"
        )
    if gpus > 0:
        # A few CUDA kernels (sums along a row, cuBLAS without this) have no deterministic form:
        # there a rerun agrees closely and not byte by byte, and torch says which in the log.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=gpus > 0)
    return torch.device("cuda", torch.cuda.current_device()) if gpus > 0 else torch.device("cpu")
