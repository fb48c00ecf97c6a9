"""The 88-parameter MLP evaluated fast, without gradients, one row of points a coordinate."""

from __future__ import annotations

import functools
import sys

import numpy as np

from ..models.shape import ShapeMLP
from .bounds import LevelBounds

_said: set[str] = set()


class FusedShape:
    """The shape's last layer u(x, y) in numpy, for rendering and measuring; p(s) = sigmoid(−u).

    Coordinates are rows, (2, P), so that the layers are three matrix products over contiguous points
    whose buffers stay in the cache; several times faster than ``ShapeMLP`` on the same points. One object
    is for one thread at a time.

    Args:
        shape: the trained shape.
        dtype: float32 for rendering, float64 for measuring.

    Attributes:
        shape: as given.
        bounds: where the shape's level sets end, proven at the first use (or by ``proven``).
        tables: measures of the shape, kept by ``ShapeMeasures.of``.
    """

    block = 1 << 13

    def __init__(self, shape: ShapeMLP, dtype: type = np.float32) -> None:
        self.shape, self.dtype, self.tables = shape, dtype, {}
        layers = (shape.layer1, shape.layer2, shape.layer3)
        self.weights = [layer.weight.detach().cpu().numpy().astype(dtype) for layer in layers]
        self.biases = [layer.bias.detach().cpu().numpy().astype(dtype)[:, None] for layer in layers]
        self._layers = [
            np.concatenate([weight, bias], 1) for weight, bias in zip(self.weights, self.biases, strict=True)
        ]
        # (x, y, r, 1) sits below both hidden layers' outputs: concatenations and biases cost nothing
        self._first = np.ones((12, self.block), dtype)
        self._second = np.ones((8, self.block), dtype)

    @classmethod
    def proven(cls, shape: ShapeMLP) -> FusedShape:
        """Of a model loaded for use: bounds are proven now; where there are none, stderr is told so, once."""
        fused = cls(shape)
        if np.isfinite(fused.bounds.ends) or fused.bounds.ends < 0:
            share = 1 / (1 + np.exp(np.clip(fused.bounds.ends, -80, 80)))
            note = (
                f"Note: the learned shape is not proven to end where p(s) is at most {share:.2g}; "
                "whole extents are searched there: correct, but slower"
            )
            if note not in _said:
                _said.add(note)
                print(note, file=sys.stderr)
        return fused

    @functools.cached_property
    def bounds(self) -> LevelBounds:
        """Outer polygons of the level sets; made once, in some 60 ms."""
        return LevelBounds.of(self.weights, self.biases)

    def logit(self, points: np.ndarray) -> np.ndarray:
        """u of (2, P) canonical points, shape (P,)."""
        out = np.empty(points.shape[1], self.dtype)
        for start in range(0, out.size, self.block):
            part = points[:, start : start + self.block]
            first, second = self._first[:, : part.shape[1]], self._second[:, : part.shape[1]]
            first[8:10] = part
            np.multiply(part[0], part[0], out=first[10])
            first[10] += np.multiply(part[1], part[1], out=second[0])
            np.sqrt(first[10], out=first[10])
            second[4:7] = first[8:11]
            np.matmul(self._layers[0], first[8:], out=first[:8])
            np.maximum(first[:8], 0, out=first[:8])
            np.matmul(self._layers[1], first, out=second[:4])
            np.maximum(second[:4], 0, out=second[:4])
            np.matmul(self._layers[2], second, out=out[None, start : start + self.block])
        return out

    def instances(self, lower: np.ndarray, t: np.ndarray, points: np.ndarray) -> np.ndarray:
        """u of the same image points under every instance's transform (Eq. 1).

        Args:
            lower: (n, 2, 2) L.
            t: (n, 2).
            points: (2, P) image coordinates.

        Returns:
            (n, P) u.
        """
        lower, t, points = (np.asarray(value, self.dtype) for value in (lower, t, points))
        out = np.empty((len(lower), points.shape[1]), self.dtype)
        for index in range(len(lower)):
            out[index] = self.logit(lower[index] @ points + t[index][:, None])
        return out


def to_numpy(value: object, dtype: type = np.float32) -> np.ndarray:
    """A tensor (on any device) or an array as a numpy array."""
    if hasattr(value, "detach"):
        value = value.detach().float().cpu().numpy()
    return np.asarray(value, dtype)


def level_logit(presence: np.ndarray, threshold: float) -> np.ndarray:
    """The u of the outline: p(s) · p(z) ≥ threshold exactly where u ≤ log(p(z)/threshold − 1).

    Args:
        presence: (n,) p(z).
        threshold: in (0, 1).

    Returns:
        (n,) float64; −inf where p(z) ≤ threshold, since p(s) < 1 everywhere.
    """
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(np.asarray(presence, np.float64) / threshold - 1, 0))
