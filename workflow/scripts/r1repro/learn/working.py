# SPDX-License-Identifier: Apache-2.0
"""The weights as the forward pass wants them: joined, and in the precision of the arithmetic.

The model keeps its float32 master weights under Hugging Face's names, and the optimiser updates
those. The forward pass reads working tensors instead: query, key and value projections as one
matrix, gate and up as one, in float32 or bfloat16. After an optimiser step `refresh` copies the
masters; after a backward pass `give` hands the gradients back in float32. A working tensor may
hold its rows in another order than the masters.
"""

import torch

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Working:
    """One tensor made of one or several parameters, stacked along their first dimension.

    order  (rows,) which row of the stacked parameters stands at each place; None: as they are
    """

    def __init__(
        self,
        parts: list[torch.nn.Parameter],
        dtype: torch.dtype,
        order: torch.Tensor | None = None,
    ):
        self.parts, self.order = parts, order
        self.back = None if order is None else order.argsort()
        self.tensor = self._stacked().to(dtype)
        self.tensor.requires_grad_(any(part.requires_grad for part in parts))

    def _stacked(self) -> torch.Tensor:
        whole = torch.cat([part.detach() for part in self.parts])
        return whole if self.order is None else whole[self.order]

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the parameters again."""
        self.tensor.copy_(self._stacked())

    def give(self, gradient: torch.Tensor) -> None:
        """Add a gradient of the whole tensor to the `.grad` of each parameter."""
        whole = gradient.float() if self.back is None else gradient.float()[self.back]
        pieces = whole.split([len(part) for part in self.parts])
        for part, piece in zip(self.parts, pieces, strict=True):
            part.grad = piece.clone() if part.grad is None else part.grad + piece


def bfloat16_is_fast(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def choose_precision(wanted: str, device: torch.device) -> str:
    """Turn `auto` into the faster precision of a device; other names stay."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if bfloat16_is_fast(device) else "float32"
