"""What the machine itself can do, and how much of it a training step asks for."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..training.device import has_bf16
from .network import PlainTrainer


def matrix_product_rate(dtype: torch.dtype, side: int, seconds: float) -> float:
    """GFLOP/s of the product of two square matrices, the best of what fits into ``seconds``.

    The best, not the median: it is the machine's limit, and whatever else runs only lowers it.
    """
    a, b = (torch.randn(side, side).to(dtype) for _ in range(2))
    a @ b
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        begun = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - begun)
    return 2 * side**3 / best / 1e9


def step_flops(material: dict[str, Any], encoder: str, batch: int) -> float:
    """GFLOP of a training step: the products and convolutions of the plain one, forward and backward."""
    trainer = PlainTrainer(material, encoder, batch)
    data = trainer.batch()
    # the network alone: compositing is elementwise in the product, and no work for the matrix unit
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        trainer.model.instances(data["images"])
    # backward costs two such products a layer; there torch's counter takes depthwise ones for full ones
    return 3 * counter.get_total_flops() / 1e9


def machine_rates(side: int, seconds: float) -> dict[str, float]:
    """GFLOP/s in fp32 and in bf16 (the latter also where it is only emulated)."""
    return {
        "matmul_fp32": matrix_product_rate(torch.float32, side, seconds),
        "matmul_bf16": matrix_product_rate(torch.bfloat16, side, seconds),
        "bf16": float(has_bf16(torch.device("cpu"))),
    }
