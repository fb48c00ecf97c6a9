"""Array files whose length is known only when the last array is written."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ..disk import disk_faults
from ..files import atomic_path


class GrowingArray:
    """A context manager: a .npy file that grows by one array at a time, since nobody knows the number before.

    The file is written atomically: it is there when the context ends without an error.

    Args:
        path: of the file.
        dtype: of the arrays.
        shape: of each array; the file's shape is (number of arrays, *shape).
    """

    def __init__(self, path: Path, dtype: type, shape: tuple[int, ...]) -> None:
        self.path, self.dtype, self.shape, self.length = Path(path), np.dtype(dtype), shape, 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path))
            # closing writes, too, and may find the disk full: within what removes the temporary file
            self._file = stack.enter_context(open(temporary, "wb"))
            stack.push(self._finish)
            self._write_header()
            self._whole = stack.pop_all()
        return self

    def append(self, array: np.ndarray) -> None:
        """Write one more array of the file's shape and type."""
        if array.shape != self.shape or array.dtype != self.dtype:
            raise ValueError(f"{array.shape} {array.dtype} instead of {self.shape} {self.dtype}")
        with disk_faults(self.path):
            self._file.write(array.tobytes())
        self.length += 1

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._whole.__exit__(kind, value, trace)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            # NumPy leaves room in the header for the first length to grow
            self._file.seek(0, os.SEEK_SET)
            self._write_header()

    def _write_header(self) -> None:
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length, *self.shape)}
        np.lib.format.write_array_header_1_0(self._file, header)
