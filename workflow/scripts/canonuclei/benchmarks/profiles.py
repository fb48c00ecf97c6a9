"""Where a case's time goes: by torch's operations, or by Python's functions."""

from __future__ import annotations

import cProfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from torch.profiler import ProfilerActivity, profile

# Calls under the profiler: as many as fit into these seconds, and not more than these
SECONDS, CALLS = 1.0, 20


def operations(call: Callable[[], Any]) -> list[tuple[str, float]]:
    """Shares of processor time by torch's own operations, backward pass included; name and share, falling."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        _repeat(call)
    return _shares({event.key: event.self_cpu_time_total for event in profiled.key_averages()})


def functions(call: Callable[[], Any]) -> list[tuple[str, float]]:
    """Shares of the calling thread's time by functions, those of C included; name and share, falling.

    Time within a function alone, without the functions that it calls. Each call costs the profiler some
    tenth of a microsecond, so that small functions stand a little higher than they are.
    """
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        _repeat(call)
    finally:
        profiler.disable()
    spent: Counter[str] = Counter()
    for entry in profiler.getstats():
        spent[_name(entry.code)] += entry.inlinetime
    return _shares(spent)


def _repeat(call: Callable[[], Any]) -> None:
    end = time.perf_counter() + SECONDS
    for _ in range(CALLS):
        call()
        if time.perf_counter() >= end:
            return


def _name(code: CodeType | str) -> str:
    if isinstance(code, str):
        return code.strip("<>").removeprefix("built-in method ")
    path = Path(code.co_filename)
    return f"{path.parent.name}/{path.name} {code.co_qualname}"


def _shares(spent: dict[str, float]) -> list[tuple[str, float]]:
    total = sum(spent.values()) or 1.0
    found = [(name, round(value / total, 4)) for name, value in spent.items()]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))
