"""A case of known cost, by which the tests measure the measuring."""

from __future__ import annotations

import os
import sys
import time

import numpy as np

from .measure import Case


def busy(plain_ms: float, fast_ms: float, plain_mib: int, fast_mib: int, say: str = "") -> Case:
    """Calls that sleep and fill memory as they are told, and say an environment variable's value."""
    if say:
        print(f"{say}: {os.environ.get(say)!r}", file=sys.stderr)

    def call(ms: float, mib: int) -> None:
        filled = np.ones(mib << 20, np.uint8)
        time.sleep(ms / 1000)
        del filled

    return Case(lambda: call(plain_ms, plain_mib), lambda: call(fast_ms, fast_mib), {"present": 1})
