"""What the machine itself can do, and what the training step makes of it."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from ..training.device import has_bf16
from .network import PlainTrainer, fast_step, fast_trainer


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
    with FlopCounterMode(display=False) as counter:
        placed = trainer.model.instances(data["images"])
        sum(part.sum() for part in placed).backward()
    return counter.get_total_flops() / 1e9


def step_profile(material: dict[str, Any], encoder: str, batch: int, steps: int = 3) -> pd.DataFrame:
    """Where a fast step's processor time goes: ``encoder, operation, share`` (of all), by falling share."""
    trainer = fast_trainer(material, encoder, batch)
    for _ in range(2):
        fast_step(trainer)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(steps):
            fast_step(trainer)
    events = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    total = sum(events.values())
    rows = [(encoder, name, round(spent / total, 4)) for name, spent in events.items()]
    table = pd.DataFrame(rows, columns=["encoder", "operation", "share"])
    return table.sort_values("share", ascending=False, ignore_index=True)


def machine_rates(side: int, seconds: float) -> dict[str, float]:
    """GFLOP/s in fp32 and in bf16 (the latter also where it is only emulated)."""
    return {
        "matmul_fp32": matrix_product_rate(torch.float32, side, seconds),
        "matmul_bf16": matrix_product_rate(torch.bfloat16, side, seconds),
        "bf16": float(has_bf16(torch.device("cpu"))),
    }
