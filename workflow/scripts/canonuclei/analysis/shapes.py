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

PROFILE_RADII = np.linspace(0.0, 1.0, 201)  # parts of the farthest radius
DIRECTIONS = 72
FARTHEST = 2.0  # equivalent radii, within which the edge is looked for


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
        ``approach, supervision, encoder, seed``, the measures in canonical units, and ``edge_width``, in
        equivalent radii (of ``edge_width``).
    """
    return pd.DataFrame([_row(each) for each in shapes])


def _row(each: LearnedShape) -> dict[str, Any]:
    keys = {key: getattr(each, key) for key in ("approach", "supervision", "encoder", "seed")}
    described = describe_shape(each.shape, each.threshold)
    return keys | described | {"edge_width": edge_width(each.shape, described["equivalent_radius"])}


def profiles(shape: ShapeMLP, farthest: float = 1.0) -> np.ndarray:
    """p(s) from the origin in ``DIRECTIONS`` directions, (directions, radii).

    Args:
        shape: of canonical coordinates.
        farthest: ``PROFILE_RADII`` are parts of it, canonical units.
    """
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, None] * farthest * PROFILE_RADII[:, None]
    with torch.no_grad():
        flat = shape(torch.from_numpy(rays.reshape(-1, 2)).float()).exp()
    return flat.reshape(DIRECTIONS, len(PROFILE_RADII)).numpy().astype(np.float64)


def edge_width(shape: ShapeMLP, radius: float | None) -> float | None:
    """How far p(s) takes from 0.75 to 0.25, in equivalent radii: mean over the directions from the origin.

    Args:
        shape: of canonical coordinates.
        radius: its equivalent radius, canonical units; None: it has no closed inside.

    Returns:
        None where a direction does not begin above 0.75 or does not fall below 0.25 within twice the radius.
    """
    if radius is None:
        return None
    rays = profiles(shape, FARTHEST * radius)
    if (rays[:, 0] < 0.75).any() or not (rays < 0.25).any(axis=1).all():
        return None
    return FARTHEST * float(np.mean([_crossing(ray, 0.25) - _crossing(ray, 0.75) for ray in rays]))


def _crossing(profile: np.ndarray, level: float) -> float:
    """The part of the farthest radius at which a profile first falls to ``level``, between two samples."""
    first = int(np.flatnonzero(profile < level)[0])
    above, below = profile[first - 1], profile[first]
    part = (above - level) / (above - below)
    return PROFILE_RADII[first - 1] + part * (PROFILE_RADII[first] - PROFILE_RADII[first - 1])
