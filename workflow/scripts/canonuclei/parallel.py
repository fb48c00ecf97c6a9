"""The same function over many items on several cores, with results in the items' order."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from threadpoolctl import threadpool_limits

from .errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

_work: Callable | None = None


def ordered_map(
    function: Callable[[Item], Result], items: Sequence[Item], processes: int = 1
) -> list[Result]:
    """``[function(item) for item in items]``, by as many processes as given.

    Processes are forked: what ``function`` refers to is shared and never copied, so it may be a closure over
    tables and memory maps. Only items and results travel. Where there is no fork (Windows, macOS), or one
    process or item, all is done here. Results do not depend on the number of processes.

    Args:
        function: of one item; what it raises is raised here.
        items: to be pickled.
        processes: at most so many; each computes on one thread.

    Raises:
        InputError: a process was killed, which means that memory was short.
    """
    processes = min(processes, len(items))
    # elsewhere fork is missing or, on macOS, unsafe with the system's own libraries
    if processes < 2 or not sys.platform.startswith("linux"):
        return [function(item) for item in items]
    fork = multiprocessing.get_context("fork")
    try:
        with ProcessPoolExecutor(processes, fork, initializer=_begin, initargs=(function,)) as pool:
            return list(pool.map(_do, items))
    except BrokenProcessPool:
        remedy = "give fewer cores (--cores 1)"
        raise InputError("a process", "was killed, perhaps for want of memory", remedy) from None


def _begin(function: Callable) -> None:
    """In a new process: keep the function, and compute on one thread."""
    global _work
    _work = function
    # NumPy's matrix products have threads of their own, as many as the whole job was given
    threadpool_limits(1)
    # a library that nobody has loaded needs no telling, and loading torch would take seconds
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


def _do(item: Item) -> Result:
    return _work(item)
