"""Where and in which precision a network runs."""

from __future__ import annotations

import torch


def choose_device() -> torch.device:
    """CUDA where torch finds it, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bf16(device: torch.device) -> bool:
    """Whether the processor multiplies bf16 by itself; emulated, it would be slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16"))


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context of the network's forward pass.

    Args:
        device: of ``choose_device``.
        precision: ``bf16``, ``fp32``, or ``auto``: bf16 where the processor has it.
    """
    bf16 = precision == "bf16" or (precision == "auto" and has_bf16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)
