"""What the canonical shape became in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..models.shape import ShapeMLP
from ..nuclei.measures import describe_shape
from ..nuclei.tables import read_shape

PROFILE_RADII = np.linspace(0.0, 1.0, 101)  # canonical units
DIRECTIONS = 72


@dataclass(frozen=True)
class LearnedShape:
    """A run's canonical shape, and whose it is."""

    shape: ShapeMLP
    approach: str
    supervision: str
    encoder: str
    seed: int
    threshold: float


def read_shapes(paths: Sequence[str | Path]) -> list[LearnedShape]:
    """Read ``nuclei/<run>.shape.json`` of some runs.

    Raises:
        InputError: as ``nuclei.tables.read_shape``.
    """
    found = []
    for path in paths:
        shape, about = read_shape(path)
        names = (str(about[key]) for key in ("label", "supervision", "encoder"))
        found.append(LearnedShape(shape, *names, int(about["seed"]), float(about["threshold"])))
    return found


def shape_table(shapes: Sequence[LearnedShape]) -> pd.DataFrame:
    """One row a run: what ``nuclei.measures.describe_shape`` measures where p(z) = 1, and the edge.

    Returns:
        ``approach, supervision, encoder, seed``, the measures in canonical units, and ``edge_width``: from
        p(s) = 0.75 to 0.25 along the radius, as the mean of all directions (empty where one is not passed).
    """
    return pd.DataFrame([_row(each) for each in shapes])


def _row(each: LearnedShape) -> dict[str, Any]:
    keys = {key: getattr(each, key) for key in ("approach", "supervision", "encoder", "seed")}
    return keys | describe_shape(each.shape, each.threshold) | {"edge_width": edge_width(each.shape)}


def profiles(shape: ShapeMLP) -> np.ndarray:
    """p(s) along ``PROFILE_RADII`` from the origin in ``DIRECTIONS`` directions, (directions, radii)."""
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, None] * PROFILE_RADII[:, None]
    with torch.no_grad():
        flat = shape(torch.from_numpy(rays.reshape(-1, 2)).float()).exp()
    return flat.reshape(DIRECTIONS, len(PROFILE_RADII)).numpy().astype(np.float64)


def edge_width(shape: ShapeMLP) -> float | None:
    """How far p(s) takes from 0.75 to 0.25 along the mean profile, canonical units; None without both."""
    mean = profiles(shape).mean(axis=0)
    below = [np.flatnonzero(mean < level) for level in (0.75, 0.25)]
    if mean[0] < 0.75 or not all(map(len, below)):
        return None
    crossings = [
        _crossing(mean, int(first[0]), level) for first, level in zip(below, (0.75, 0.25), strict=True)
    ]
    return float(crossings[1] - crossings[0])


def _crossing(profile: np.ndarray, first: int, level: float) -> float:
    """The radius at which a profile falls to ``level``, between its sample ``first`` and the one before."""
    above, below = profile[first - 1], profile[first]
    part = (above - level) / (above - below)
    return PROFILE_RADII[first - 1] + part * (PROFILE_RADII[first] - PROFILE_RADII[first - 1])
