"""The table of an image's nuclei."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from ..models.shape import ShapeMLP
from ..nuclei.fused import FusedShape
from ..nuclei.measures import ShapeMeasures, ellipse_measures, measure
from ..nuclei.rows import NUMBERS, parameters
from ..nuclei.union import group_measures

SHAPE_COLUMNS = (
    *("centroid-0", "centroid-1", "area"),
    *("axis_major_length", "axis_minor_length", "orientation", "eccentricity"),
)
MICRON_COLUMNS = (
    *("centroid-0_um", "centroid-1_um", "area_um2"),
    *("axis_major_length_um", "axis_minor_length_um", "orientation_um", "eccentricity_um"),
)
FRAME = ("tile_y", "tile_x", "tile_size")


# shapes are measured once each, not once an image
_measured: WeakKeyDictionary[ShapeMLP, dict[float, ShapeMeasures]] = WeakKeyDictionary()


def levels_of(shape: ShapeMLP, threshold: float) -> ShapeMeasures:
    """The shape's measures from a threshold on, kept as long as the shape."""
    known = _measured.setdefault(shape, {})
    if threshold not in known:
        known[threshold] = ShapeMeasures.of(shape, lowest=threshold)
    return known[threshold]


def columns_of(channels: int, microns: bool) -> list[str]:
    """The table's columns, in order."""
    return [
        *("id", *SHAPE_COLUMNS, *(MICRON_COLUMNS if microns else ())),
        *(*NUMBERS[-1:], *NUMBERS[:-1], *FRAME, "touches_border", "merged_from"),
        *(f"intensity_mean-{channel}" for channel in range(channels)),
        *("overlap", "disagreement", "doubt"),
    ]


def shape_columns(
    rows: pd.DataFrame, members: pd.DataFrame, group: np.ndarray, shape: ShapeMLP, threshold: float
) -> pd.DataFrame:
    """``SHAPE_COLUMNS`` of instances in closed form, of merged ones by their union.

    Args:
        rows: (n) candidates, one a nucleus.
        members: (m) candidates of the merged ones, nucleus by nucleus.
        group: (m,) rising: the nucleus, as a position in ``rows``, of each of them.
        shape: the canonical shape.
        threshold: of p(s) · p(z).
    """
    levels = levels_of(shape, threshold)
    size = float(rows["tile_size"].iloc[0]) if len(rows) else 1.0
    y, x = (rows[name].to_numpy(np.float64) for name in ("tile_y", "tile_x"))
    values = measure(*parameters(rows), levels, size, y, x, threshold)
    if len(members):
        merged, number = np.unique(group, return_inverse=True)
        lower, t, p = parameters(members)
        # all in the head's frame: X = X' + 2 · (x' − x) / size, so t moves by L times that
        apart = [x[group] - members["tile_x"].to_numpy(), y[group] - members["tile_y"].to_numpy()]
        t = t + np.einsum("nij,nj->ni", lower.astype(np.float64), np.stack(apart, axis=1) * 2 / size)
        place = np.full(len(merged), size), y[merged], x[merged], threshold
        unions = group_measures(lower, t, p, number, FusedShape(shape), levels, *place)
        for name in SHAPE_COLUMNS:
            values[name][merged] = unions[name]
    return pd.DataFrame({name: values[name] for name in SHAPE_COLUMNS})


def micron_columns(shapes: pd.DataFrame, pixel_size: tuple[float, float]) -> pd.DataFrame:
    """``MICRON_COLUMNS`` from ``SHAPE_COLUMNS``; pixels need not be square.

    Args:
        shapes: in px.
        pixel_size: height and width of a pixel in µm.
    """
    y, x = pixel_size
    row, column = shapes["centroid-0"].to_numpy() * y, shapes["centroid-1"].to_numpy() * x
    angle = shapes["orientation"].to_numpy()
    large, small = ((shapes[f"axis_{name}_length"].to_numpy() / 4) ** 2 for name in ("major", "minor"))
    # the orientation turns from the row axis towards the column axis
    sine, cosine = np.sin(angle), np.cos(angle)
    covariance = np.empty((len(shapes), 2, 2))
    covariance[:, 0, 0] = (large * sine**2 + small * cosine**2) * x * x
    covariance[:, 1, 1] = (large * cosine**2 + small * sine**2) * y * y
    covariance[:, 0, 1] = covariance[:, 1, 0] = (large - small) * sine * cosine * x * y
    values = ellipse_measures(row, column, shapes["area"].to_numpy() * x * y, covariance)
    return pd.DataFrame({um: values[px] for um, px in zip(MICRON_COLUMNS, SHAPE_COLUMNS, strict=True)})
