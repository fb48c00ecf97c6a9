"""Array files whose length is known only when the last array is written."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

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
        self.dtype, self.shape, self.length = np.dtype(dtype), shape, 0
        self._whole = atomic_path(path)

    def __enter__(self) -> Self:
        self._file = open(self._whole.__enter__(), "wb")
        self._write_header()
        return self

    def append(self, array: np.ndarray) -> None:
        """Write one more array of the file's shape and type."""
        if array.shape != self.shape or array.dtype != self.dtype:
            raise ValueError(f"{array.shape} {array.dtype} instead of {self.shape} {self.dtype}")
        self._file.write(array.tobytes())
        self.length += 1

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        # NumPy leaves room in the header for the first length to grow
        self._file.seek(0, os.SEEK_SET)
        self._write_header()
        self._file.close()
        return self._whole.__exit__(kind, value, trace)

    def _write_header(self) -> None:
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length, *self.shape)}
        np.lib.format.write_array_header_1_0(self._file, header)
