"""Matrix products and convolutions in bfloat16, which has the range of float32 and 8 bits of it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

# What torch calls the instructions that multiply bfloat16, on x86 and on ARM.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "sve_bf16")


def has_bf16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older versions of torch cannot tell.
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name, False) for name in INSTRUCTIONS)


def in_bf16(
    device: torch.device, wanted: bool = True
) -> AbstractContextManager[object]:
    """Multiply in bfloat16 within the block; weights and their gradients stay float32."""
    if not wanted:
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def in_float32(x: Tensor) -> AbstractContextManager[object]:
    """Multiply in float32 within the block, where `x` is."""
    return torch.autocast(x.device.type, enabled=False)


def multiplies_in_bf16_on_cpu(x: Tensor) -> bool:
    """Return whether `x` is on the CPU, within :func:`in_bf16`."""
    return (
        x.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )
