"""Where and in which precision a network runs."""

from __future__ import annotations

import ctypes

import torch

# Of mallopt(3), in glibc's malloc.h, and the greatest threshold that it takes
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
MMAP_THRESHOLD_MAX = 32 << 20


def choose_device() -> torch.device:
    """CUDA where torch finds it, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bf16(device: torch.device) -> bool:
    """Whether the processor multiplies bf16 by itself; emulated, it would be slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16"))


def precision_of(device: torch.device, precision: str) -> str:
    """What ``auto`` is on a device.

    Args:
        device: of ``choose_device``.
        precision: ``bf16``, ``fp32``, or ``auto``: bf16 where the processor has it.

    Returns:
        ``bf16`` or ``fp32``.
    """
    if precision == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    return precision


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context of the network's forward pass; arguments as of ``precision_of``."""
    bf16 = precision_of(device, precision) == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


def keep_memory() -> bool:
    """Tell glibc to keep freed memory for the next step rather than to return it to the system.

    Every training step allocates and frees the same hundreds of megabytes. By default glibc takes each
    large block anew from the system, whose zeroing of its pages costs a tenth of a Lite0's step. The
    peak stays what it is; the memory is returned when the process ends. Other C libraries are left alone.

    Returns:
        Whether the C library took it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wanted = {M_MMAP_THRESHOLD: MMAP_THRESHOLD_MAX, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 64 << 20}
    return all([mallopt(key, value) == 1 for key, value in wanted.items()])
