"""Time and memory of a case, each measured in a process of its own.

A case is a pair of calls that do the same work, the plain way and the fast way (``cases``). Time is taken of
both in turns in one process, so that a busy minute of the machine hits both alike; memory is the rise of the
process's peak over its state before the call, a process for each of the two.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

LIBRARIES = Path(__file__).resolve().parents[2]
MIB = 1024


class Case(NamedTuple):
    """What is measured.

    Attributes:
        plain: does the work once the plain way; None where there is no plain counterpart.
        fast: the same, as the product does it.
        facts: what is known of the work only now (``present``, ``batch`` …), for its row.
        warm: a smaller call in place of a whole one, where warming up with it would take minutes.
        operations: torch's operations tell where the time goes; otherwise Python's functions do.
    """

    plain: Callable[[], Any] | None
    fast: Callable[[], Any] | None
    facts: dict[str, Any] = {}
    warm: Callable[[], Any] | None = None
    operations: bool = False


def alternate(
    calls: Mapping[str, Callable[[], Any]],
    repeats: int,
    warm: Callable[[], Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call, ``repeats`` times each, in turns, after a warm-up.

    Args:
        calls: name → call.
        repeats: how often each is timed.
        warm: called in place of the calls to warm up; None: each of them, once.
        clock: seconds.

    Returns:
        Name → its seconds, in the order in which they were taken.
    """
    for call in [warm] if warm is not None else calls.values():
        call()
    # what is there by now stays: only the calls' own garbage is looked for between them
    gc.collect()
    gc.freeze()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            # nothing of the other call's garbage is cleared on this one's time
            gc.collect()
            begun = clock()
            call()
            seconds[name].append(clock() - begun)
    gc.unfreeze()
    return seconds


def peak_rise(call: Callable[[], Any], warm: Callable[[], Any] | None = None) -> dict[str, float]:
    """How far a call lifts the process's peak of resident memory.

    Args:
        call: what is measured.
        warm: called before, for what happens once a process (compilation, caches); left out where the
            system does not let a process reset its peak, for the peak of ``warm`` would hide the call's.

    Returns:
        ``rise`` and ``peak`` (of the whole process, ``warm`` included), MiB.
    """
    highest = 0.0
    if warm is not None and _reset_peak():
        warm()
        highest = _status("VmHWM")
    gc.collect()
    _give_back()
    known = _status("VmRSS") if _reset_peak() else _highest()
    # kept until the peak is read: what the call returns is part of what it needs
    result = call()
    peak = _status("VmHWM") or _highest()
    del result
    return {"rise": max(0.0, peak - known), "peak": max(peak, highest)}


def _reset_peak() -> bool:
    """Set VmHWM to the present size; False where the system does not let one."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(key: str) -> float:
    """An entry of /proc/self/status in MiB; 0 where there is none."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) / MIB
    except OSError:
        pass
    return 0.0


def _highest() -> float:
    # kilobytes on Linux; a process begins with that of the one which started it, so only as a last resort
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def _give_back() -> None:
    """Return freed memory to the system: what the allocator keeps would hide what a call needs."""
    # another C library may not have it
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def run_case(case: Case, what: str, repeats: int) -> dict[str, Any]:
    """Measure ``what`` of a case, here and now.

    Args:
        case: what is measured.
        what: ``time`` (of both ways), ``plain`` or ``fast`` (the memory of that call), or ``profile``
            (where the fast call's time goes).
        repeats: of ``time``.
    """
    if what == "time":
        calls = {"plain": case.plain, "fast": case.fast}
        found = alternate({name: call for name, call in calls.items() if call}, repeats, case.warm)
        return {"seconds": found, "facts": case.facts}
    if what == "profile":
        from .profiles import functions, operations

        (case.warm or case.fast)()
        shares = operations(case.fast) if case.operations else functions(case.fast)
        return {"shares": shares, "facts": case.facts}
    call = getattr(case, what)
    return {**peak_rise(call, case.warm or call), "facts": case.facts}


def measure(
    case: str, arguments: Mapping[str, Mapping[str, Any]], repeats: int = 1, threads: int = 0
) -> dict[str, dict[str, Any]]:
    """``run_case`` for each of ``arguments``, one after the other, each in a process of its own.

    The processes are forked from one that has loaded the libraries and computed nothing. They see no GPU:
    both ways are to run on the same device. What they say on standard error is passed on.

    Args:
        case: a name of ``cases.CASES``.
        arguments: ``time``, ``plain``, ``fast``, ``profile`` (those that are wanted) → arguments of the
            case; JSON-able.
        repeats: of ``time``.
        threads: of torch; 0: as it comes.

    Returns:
        What ``run_case`` gives for each.

    Raises:
        RuntimeError: a process failed; the message ends with what it said.
    """
    request = {"case": case, "arguments": arguments, "repeats": repeats, "threads": threads}
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "request.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(request), encoding="utf-8")
        call = [sys.executable, "-m", "canonuclei.benchmarks.measure", str(asked), str(answered)]
        path = os.pathsep.join([str(LIBRARIES), *filter(None, [os.environ.get("PYTHONPATH")])])
        # torch's profiler says that there is no GPU, and when it begins and ends
        quiet = {"CUDA_VISIBLE_DEVICES": "", "KINETO_LOG_LEVEL": "99"}
        environment = {**os.environ, "PYTHONPATH": path, **quiet}
        done = subprocess.run(call, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{case}: {(done.stderr or done.stdout).strip()[-2000:]}")
        sys.stderr.write(done.stderr)
        return {what: json.loads(answered.with_suffix(f".{what}").read_text()) for what in arguments}


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Name → median in ms."""
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def _main(asked: str, answered: str) -> int:
    from .cases import load_case

    request = json.loads(Path(asked).read_text(encoding="utf-8"))
    make = load_case(request["case"])
    for what, arguments in request["arguments"].items():
        child = os.fork()
        if child == 0:
            try:
                found = _in_child(make, arguments, what, request["repeats"], request["threads"])
                Path(answered).with_suffix(f".{what}").write_text(json.dumps(found), encoding="utf-8")
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            print(f"{what}: process ended with status {status}", file=sys.stderr)
            return 1
    return 0


def _in_child(
    make: Callable[..., Case], arguments: Mapping[str, Any], what: str, repeats: int, threads: int
) -> dict[str, Any]:
    import torch

    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    if what != "time":
        _give_back_at_once()
    return run_case(make(**arguments), what, repeats)


def _give_back_at_once() -> None:
    """Blocks from 1 MiB on go back to the system when they are freed, whatever was freed before."""
    with contextlib.suppress(OSError, AttributeError):
        # M_MMAP_THRESHOLD of malloc.h
        ctypes.CDLL(None).mallopt(-3, 1 << 20)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
