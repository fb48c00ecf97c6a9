"""How good predicted nuclei are as measurements: area, axes, orientation and centre beside the truth's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from skimage.measure import regionprops_table

# As regionprops names them; px, px², radians
PROPERTIES = ("centroid", "area", "axis_major_length", "axis_minor_length", "orientation", "eccentricity")
MEASURED = ("centroid-0", "centroid-1", *PROPERTIES[1:])
# An orientation means something from this eccentricity of the true nucleus on (axes 1 : 0.8)
ELONGATED = 0.6
ERRORS = ["measure", "unit", "nuclei", "bias", "median_error", "spread", "correlation"]


def mask_measures(
    masks: csr_array, shape: tuple[int, int], rows: Sequence[int] | None = None
) -> pd.DataFrame:
    """``regionprops`` of masks that may overlap.

    Args:
        masks: (n, height · width), none empty.
        shape: height and width, px.
        rows: which of them; None: all.

    Returns:
        ``MEASURED``, a row a mask: centroid as row and column, px; orientation in (−π/2, π/2].
    """
    found = []
    for row in range(masks.shape[0]) if rows is None else rows:
        pixels = masks.indices[masks.indptr[row] : masks.indptr[row + 1]]
        y, x = np.divmod(pixels, shape[1])
        corner = y.min(), x.min()
        window = np.zeros((y.max() - corner[0] + 1, x.max() - corner[1] + 1), np.uint8)
        window[y - corner[0], x - corner[1]] = 1
        table = regionprops_table(window, properties=PROPERTIES)
        one = {name: float(table[name][0]) for name in MEASURED}
        found.append(one | {f"centroid-{axis}": one[f"centroid-{axis}"] + corner[axis] for axis in (0, 1)})
    return pd.DataFrame(found, columns=list(MEASURED), dtype=float)


def measurement_errors(pairs: pd.DataFrame) -> pd.DataFrame:
    """How far the measures of matched nuclei are off.

    Args:
        pairs: a row a matched nucleus, with ``true_`` and ``predicted_`` before each of ``MEASURED``.

    Returns:
        ``ERRORS``, a row a measure. Areas and axes are compared as ratios predicted / true − 1, in %;
        orientations as angles between the axes, in degrees, of nuclei with a true eccentricity ≥
        ``ELONGATED``; centres by their distance in px. ``bias`` is the median of the signed error (empty
        for a distance), ``median_error`` that of its amount, ``spread`` half the distance between the 16th
        and the 84th percentile, ``correlation`` Pearson's (empty for centre and orientation).
    """
    rows = []
    for name in ("area", "axis_major_length", "axis_minor_length"):
        true, predicted = (pairs[f"{side}_{name}"].to_numpy(float) for side in ("true", "predicted"))
        known = true > 0  # a nucleus of one pixel has no minor axis
        error = 100 * (predicted[known] / true[known] - 1)
        rows.append(_summary(name, "%", error) | {"correlation": _correlation(true, predicted)})
    long = pairs[pairs["true_eccentricity"] >= ELONGATED]
    turn = np.degrees((long["predicted_orientation"] - long["true_orientation"]).to_numpy(float))
    rows.append(_summary("orientation", "degrees", (turn + 90) % 180 - 90))
    along = [(pairs[f"predicted_centroid-{i}"] - pairs[f"true_centroid-{i}"]).to_numpy(float) for i in (0, 1)]
    rows.append(_summary("centroid", "px", np.hypot(*along)) | {"bias": np.nan})
    return pd.DataFrame(rows, columns=ERRORS)


def _summary(name: str, unit: str, error: np.ndarray) -> dict[str, object]:
    row: dict[str, object] = {"measure": name, "unit": unit, "nuclei": len(error)}
    if len(error) == 0:
        return row
    low, high = np.percentile(error, [16, 84])
    return row | {
        "bias": float(np.median(error)),
        "median_error": float(np.median(np.abs(error))),
        "spread": float(high - low) / 2,
    }


def _correlation(true: np.ndarray, predicted: np.ndarray) -> float:
    if len(true) < 2 or true.std() == 0 or predicted.std() == 0:
        return float("nan")
    return float(np.corrcoef(true, predicted)[0, 1])
