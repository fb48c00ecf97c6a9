"""Proof of where a learned shape ends: outside of which polygon u(x, y) is above a level.

A ReLU network may rise again anywhere, so that looking at samples proves nothing. Here the plane is cut
into cells of polar coordinates, and in each cell u has a proven lower bound: every ReLU is replaced by
linear functions below and above it (Zhang et al., "Efficient Neural Network Robustness Certification with
General Activation Functions", NeurIPS 2018), and a linear function of (x, y, r) has its minimum over a
polar cell in closed form. Where no ReLU bends within the cell the bound is the minimum itself.

The far outside is compact too: ReLU is positively homogeneous, so that u / r is the same network at
(cos θ, sin θ, 1) with biases times ε = 1 / r, which lies in (0, 1 / R] beyond R. A cell is therefore a
sector times a segment of (ρ, ε): (r, 1) for r in r0 … r1, or (1, ε) for ε in 0 … 1 / R.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

# p(s) p(z) ≥ 1e-3 is u ≤ 6.91 at p(z) = 1: above this level nothing is proven
TOP = 7.0
# the least by which u is taken to be uncertain; where rounding may cost more, ``rounding`` says so
MARGIN = 1e-3
# float32 rounds r twice and adds 4, 12 and 8 products in the layers, each step by half an eps (Higham,
# "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1); coordinates, in four more steps
_NETWORK, _COORDINATES = 13 * 2.0**-23, 2 * 2.0**-23
_SECTORS = 64
_FARTHEST = 256.0
_ROUNDS = 4  # halvings of the cells where u may be below TOP; rings end 2.2 % apart
DIRECTIONS = 16

_angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
_outward = np.stack([np.cos(_angles), np.sin(_angles)], axis=-1)


@dataclass(frozen=True)
class LevelBounds:
    """Outer polygons of the level sets {u ≤ level} of one shape, proven.

    Attributes:
        lowest: (c,) rising lower bounds of u over the cells where u may be ≤ ``TOP``.
        support: (c, DIRECTIONS) reach of the first cells in each direction, cumulated; inf if unbounded.
        slope: what |u(a) − u(b)| / |a − b| cannot exceed, anywhere.
        terms: (a, b) so that no sum within the network has terms of more than a |point| + b together.
    """

    lowest: np.ndarray
    support: np.ndarray
    slope: float
    terms: tuple[float, float]

    @classmethod
    def of(cls, weights: list[np.ndarray], biases: list[np.ndarray]) -> LevelBounds:
        """Prove the bounds of a shape; some 20 ms, once a model.

        Args:
            weights: (8, 3), (4, 11), (1, 7): of ``ShapeMLP``'s layers.
            biases: (8,), (4,), (1,).
        """
        layers = [np.asarray(weight, np.float64) for weight in weights]
        offsets = [np.asarray(bias, np.float64).ravel() for bias in biases]
        cells, terms = _first_cells(), _terms(layers, offsets)
        for step in range(_ROUNDS + 1):
            # ρ and ε are the greater at one end or the other, and so is what rounding may cost
            rounding = _NETWORK * (cells.rho * terms[0] + cells.epsilon * terms[1]).max(axis=1)
            lowest = cells.floor(_lower_bound(layers, offsets, cells) - rounding)
            kept = lowest <= TOP + MARGIN
            cells, lowest = cells[kept], lowest[kept]
            if step < _ROUNDS:
                cells = cells.halved()
        order = np.argsort(lowest)
        support = np.maximum.accumulate(cells.reach()[order], axis=0)
        return cls(lowest[order], support, _steepest(layers), terms)

    @property
    def ends(self) -> float:
        """The level below which every set is proven to end; inf where all up to ``TOP`` are."""
        endless = np.flatnonzero(np.isinf(self.support).any(axis=1))
        return float(self.lowest[endless[0]]) if len(endless) else np.inf

    def rounding(self, reach: np.ndarray) -> np.ndarray:
        """By how much u in float32 may be off, (n,).

        Args:
            reach: (n,) upper bounds of |L p| + |t|, canonical, over the points p.
        """
        # no path through the network is steeper than the sum of its terms
        return (_NETWORK + _COORDINATES) * (self.terms[0] * reach + self.terms[1])

    def polygons(self, level: np.ndarray) -> np.ndarray:
        """Corners of polygons that hold the level sets: u > level everywhere outside.

        Args:
            level: (n,) of u.

        Returns:
            (n, DIRECTIONS, 2) canonical (x, y). NaN where the set is proven empty; infinite where nothing
            is proven: the set is unbounded, or too far out, or the level is above ``TOP``.
        """
        level = np.asarray(level, np.float64)
        # −inf: p(z) is at most the threshold; no cell is as low, yet searchsorted would find those at −inf
        count = np.where(level == -np.inf, 0, np.searchsorted(self.lowest, level + MARGIN, side="right"))
        support = np.full((len(level), DIRECTIONS), np.nan)
        known = count > 0
        support[known] = self.support[count[known] - 1]
        turn = 2 * np.pi / DIRECTIONS
        following = np.roll(support, -1, axis=1)
        with np.errstate(invalid="ignore"):
            along = (following - support * np.cos(turn)) / np.sin(turn)
            sideways = np.stack([-_outward[:, 1], _outward[:, 0]], axis=-1)
            corners = support[..., None] * _outward + along[..., None] * sideways
        corners[(level > TOP) | np.isinf(support).any(axis=1)] = np.inf
        return corners


@dataclass(frozen=True)
class _Cells:
    """(c,) sectors by middle and half width, and the ends of the segments of (ρ, ε), (c, 2) each."""

    middle: np.ndarray
    half: np.ndarray
    rho: np.ndarray
    epsilon: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> _Cells:
        return _Cells(self.middle[chosen], self.half[chosen], self.rho[chosen], self.epsilon[chosen])

    @property
    def far(self) -> np.ndarray:
        """Which cells reach to infinity in r: those of 1 / r."""
        return self.epsilon[:, 0] == 0

    def floor(self, bound: np.ndarray) -> np.ndarray:
        """Lower bounds of u from those of u / r in the cells of 1 / r, where r ≥ 1 / ε."""
        with np.errstate(divide="ignore", invalid="ignore"):
            outside = np.where(bound > 0, bound / self.epsilon[:, 1], -np.inf)
        floor = np.where(self.far, outside, bound)
        return np.where(np.isnan(floor), -np.inf, floor)  # weights that are not finite prove nothing

    def halved(self) -> _Cells:
        """Rings cut in two, geometrically; cells of 1 / r cut into two sectors."""
        far, near = self[self.far], self[~self.far]
        inner, outer = near.rho.T
        between = np.where(inner > 0, np.sqrt(inner * outer), outer / 2)
        rho = np.stack([np.stack([inner, between], -1), np.stack([between, outer], -1)])
        middle = [near.middle, near.middle, far.middle - far.half / 2, far.middle + far.half / 2]
        return _Cells(
            np.concatenate(middle),
            np.concatenate([near.half, near.half, far.half / 2, far.half / 2]),
            np.concatenate([*rho, far.rho, far.rho]),
            np.concatenate([near.epsilon, near.epsilon, far.epsilon, far.epsilon]),
        )

    def reach(self) -> np.ndarray:
        """Largest (x, y) · direction of each cell, (c, DIRECTIONS)."""
        apart = np.abs((self.middle[:, None] - _angles + np.pi) % (2 * np.pi) - np.pi)
        cosine = np.cos(np.maximum(apart - self.half[:, None], 0))
        reach = np.maximum(self.rho[:, :1] * cosine, self.rho[:, 1:] * cosine)
        return np.where(self.far[:, None], np.inf, reach)


def _first_cells() -> _Cells:
    """Sectors times rings at 0, 1/32, then half octaves up to ``_FARTHEST``; beyond, cells of 1 / r."""
    radii = np.concatenate([[0], np.exp2(np.arange(-5, np.log2(_FARTHEST) + 0.25, 0.5))])
    segments = [((a, b), (1.0, 1.0)) for a, b in itertools.pairwise(radii)]
    segments.append(((1.0, 1.0), (0.0, 1 / radii[-1])))
    middle = (np.arange(_SECTORS) + 0.5) * 2 * np.pi / _SECTORS
    rho, epsilon = (np.repeat([part[i] for part in segments], _SECTORS, axis=0) for i in (0, 1))
    # sectors overlap by what rounding may lose
    half = np.full(len(rho), np.pi / _SECTORS * (1 + 1e-9))
    return _Cells(np.tile(middle, len(segments)), half, rho, epsilon)


def _steepest(weights: list[np.ndarray]) -> float:
    """A bound on the gradient of u, whichever ReLUs are on: intervals of the factors of x, y and r."""
    first, second, third = weights
    low, high = np.minimum(first, 0), np.maximum(first, 0)
    for weight in (second, third):
        plus, minus, skip = np.maximum(weight[:, :-3], 0), np.minimum(weight[:, :-3], 0), weight[:, -3:]
        low, high = plus @ low + minus @ high + skip, plus @ high + minus @ low + skip
        last = np.maximum(np.abs(low), np.abs(high))[0]
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    # r's gradient has the length 1
    return float(np.hypot(last[0], last[1]) + last[2])


def _terms(weights: list[np.ndarray], biases: list[np.ndarray]) -> tuple[float, float]:
    """``LevelBounds.terms``: the network of all weights' absolute values, at 1, 1, 1 and at biases alone."""
    rows = np.array([[1.0], [0.0]]) * np.ones(3)
    hidden = np.zeros((2, 0))
    for weight, bias in zip(weights, biases, strict=True):
        hidden = np.concatenate([hidden, rows], axis=1) @ np.abs(weight).T
        hidden[1] += np.abs(bias)
    return float(hidden[0, 0]), float(hidden[1, 0])


def _lower_bound(weights: list[np.ndarray], biases: list[np.ndarray], cells: _Cells) -> np.ndarray:
    """Lower bounds (c,) of u, or of u / r, in every cell.

    Linear functions are rows of five numbers: factors of ρ cos θ, ρ sin θ, ρ and ε, and a constant.
    """
    first, second, third = (
        np.concatenate([weight[:, -3:], bias[:, None], np.zeros((len(bias), 1))], axis=1)
        for weight, bias in zip(weights, biases, strict=True)
    )
    below = above = np.broadcast_to(first, (len(cells.middle), *first.shape))
    below, above = _next_layer(weights[1][:, :8], second, *_relu(below, above, cells))
    below, _ = _next_layer(weights[2][:, :4], third, *_relu(below, above, cells))
    return _least(below, cells)[:, 0]


def _relu(below: np.ndarray, above: np.ndarray, cells: _Cells) -> tuple[np.ndarray, np.ndarray]:
    """Linear functions (c, units, 5) below and above the units' ReLU, from those of the units."""
    low, high = _least(below, cells), -_least(-above, cells)
    bends = (low < 0) & (high > 0)
    slope = np.where(bends, high / np.where(bends, high - low, 1), low >= 0)
    # above a ReLU that bends: the line from (low, 0) to (high, high); below it: 0 or the unit itself
    upper = slope[..., None] * above
    upper[..., 4] -= np.where(bends, slope * low, 0)
    return np.where(bends, high > -low, low >= 0)[..., None] * below, upper


def _next_layer(weight: np.ndarray, skip: np.ndarray, below: np.ndarray, above: np.ndarray) -> tuple:
    """Linear functions (c, units, 5) below and above weight · ReLU + skip."""
    plus, minus = np.maximum(weight, 0), np.minimum(weight, 0)
    return plus @ below + minus @ above + skip, plus @ above + minus @ below + skip


def _least(linear: np.ndarray, cells: _Cells) -> np.ndarray:
    """Minima (c, units) of linear functions (c, units, 5) over their cells."""
    a, b = linear[..., 0], linear[..., 1]
    middle, half = cells.middle[:, None], cells.half[:, None]
    ends = [a * np.cos(angle) + b * np.sin(angle) for angle in (middle - half, middle + half)]
    size = np.hypot(a, b)
    # the least of a cos θ + b sin θ is −size where (a, b) points away from the sector
    away = -(a * np.cos(middle) + b * np.sin(middle)) >= size * np.cos(half)
    turning = np.where(away, -size, np.minimum(*ends)) + linear[..., 2]
    values = (
        turning * cells.rho[:, end, None] + linear[..., 3] * cells.epsilon[:, end, None] for end in (0, 1)
    )
    return np.minimum(*values) + linear[..., 4]
