"""Tables of numbers from the table of scores: pooled, mean over images, by look, and over thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..data.looks import LOOKS
from .bootstrap import SUMS, pooled_metrics
from .density import DENSITIES, density_of
from .frames import LOOSE_THRESHOLDS
from .matching import THRESHOLDS
from .pixels import f1, ratio
from .scores import KEYS, TP, summable

METRIC_COLUMNS = ["iou", "dice", "f1_50", "f1_mean_9", "f1_mean_10", "tp", "fp", "fn", "count_mae"]
CURVE_COLUMNS = [*KEYS, "iou_threshold", "tp", "fp", "fn", "f1"]
READING_COLUMNS = [*KEYS, "f1_mean_9", "f1_mean_10", "f1_mean_10_loose", "f1_mean_10_tiles", "f1_50_tiles"]
# Rows stand in this order; labels of other variants follow the canonical ones, other tools come last
APPROACHES = ("Ours", "Ours+P", "Ours+L_cnt", "Ours+L_cnt+P", "DeepLabV3", "DeepLabV3+CC", "DeepLabV3+WS",
              "Semantic+CC", "Semantic+WS", "Mask R-CNN", "Otsu+WS", "Oracle mask+CC", "Oracle mask+WS",
              "Oracle mask+K", "Oracle ellipse")  # fmt: skip


def pooled(scores: pd.DataFrame, by: Sequence[str] = KEYS) -> pd.DataFrame:
    """Scores pooled over tiles (or images): sums of pixels and of matches first, then the ratios.

    ``f1_mean_9`` and ``f1_mean_10`` are means of the pooled F1 at IoU 0.1 … 0.9 and 0.1 … 1.0;
    tp, fp and fn are counted at 0.5; ``count_mae`` is the mean over tiles of |predicted − true nuclei|.
    Where there are no instance labels, F1 and its counts are empty, and so is the count error of tiles.

    Args:
        scores: rows of one scope.
        by: columns that tell the rows of the result apart.

    Returns:
        ``by`` and ``METRIC_COLUMNS``; empty where nuclei were not predicted, or nothing was there to score.
    """
    sums = summable(scores).groupby(list(by), dropna=False, sort=False)[SUMS].sum(min_count=1)
    table = pd.DataFrame(pooled_metrics(sums.to_numpy(dtype=float, na_value=np.nan)), index=sums.index)
    table["tp"] = sums["tp_5"]
    table["fp"] = sums["predicted_nuclei"] - sums["tp_5"]
    table["fn"] = sums["true_nuclei"] - sums["tp_5"]
    return in_order(table.reset_index(), [*by, *METRIC_COLUMNS])


def mean_over_images(scores: pd.DataFrame) -> pd.DataFrame:
    """Each image's tiles pooled, then the mean over images of every column, tp, fp and fn among them.

    An image where a score is undefined (neither truth nor prediction) is left out of that score's mean.
    """
    per_image = pooled(scores, [*KEYS, "image"])
    table = per_image.astype(dict.fromkeys(METRIC_COLUMNS, "Float64"))
    means = table.groupby(KEYS, dropna=False, sort=False)[METRIC_COLUMNS].mean().reset_index()
    return in_order(means, [*KEYS, *METRIC_COLUMNS])


def by_look(scores: pd.DataFrame) -> pd.DataFrame:
    """Pooled scores of each look apart, ``look`` after ``approach``; looks without images have no row."""
    table = pooled(scores, ["approach", "look", *KEYS[1:]])
    rank = table["look"].map({look: rank for rank, look in enumerate(LOOKS)})
    return table.iloc[np.argsort(rank.to_numpy(), kind="stable")].reset_index(drop=True)


def by_density(scores: pd.DataFrame) -> pd.DataFrame:
    """Pooled scores by the nuclei K of the tile: ``k``, a range of ``DENSITIES``, stands after ``approach``.

    Tiles whose nuclei nobody counted have no row.
    """
    known = scores[scores["true_nuclei"].notna()]
    table = pooled(known.assign(k=density_of(known["true_nuclei"])), ["approach", "k", *KEYS[1:]])
    table = table.iloc[np.argsort(table["k"].to_numpy(), kind="stable")].reset_index(drop=True)
    return table.assign(k=[DENSITIES[place] for place in table["k"]])


def f1_curves(scores: pd.DataFrame) -> pd.DataFrame:
    """Pooled F1 at each of the ten thresholds, of the approaches and tiles where nuclei were matched."""
    scores = summable(scores[scores[TP[0]].notna()])
    sums = in_order(scores.groupby(KEYS, dropna=False, sort=False)[SUMS].sum().reset_index())
    parts = []
    for tenths in THRESHOLDS:
        part, tp = sums[KEYS].copy(), sums[f"tp_{tenths}"]
        part["iou_threshold"] = tenths / 10
        part["tp"], part["fp"], part["fn"] = tp, sums["predicted_nuclei"] - tp, sums["true_nuclei"] - tp
        part["f1"] = f1(
            *(sums[name].to_numpy(float) for name in (tp.name, "true_nuclei", "predicted_nuclei"))
        )
        parts.append(part)
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)[CURVE_COLUMNS]


def mean_f1_readings(scores: pd.DataFrame) -> pd.DataFrame:
    """The readings of the paper's mean F1, side by side.

    ``f1_mean_10_loose``: below IoU 0.5 every true and every predicted nucleus with any partner counts
    (precision and recall from the two); ``f1_mean_10_tiles``: the mean over tiles of each tile's F1, where a
    tile with neither truth nor prediction counts 1, and ``f1_50_tiles`` the same of F1 at IoU 0.5, which that
    mean is to be compared with. The other two are as in ``pooled``.
    """
    scores = scores[scores[TP[0]].notna()]
    groups = scores.groupby(KEYS, dropna=False, sort=False)
    sums = groups.sum(numeric_only=True).astype(float)
    loose = [f1(sums[name], sums["true_nuclei"], sums["predicted_nuclei"]) for name in TP]
    for tenths in LOOSE_THRESHOLDS:
        precision = ratio(sums[f"any_predicted_{tenths}"], sums["predicted_nuclei"])
        recall = ratio(sums[f"any_true_{tenths}"], sums["true_nuclei"])
        harmonic = ratio(2 * precision * recall, precision + recall)
        # no match at all is 0, as with f1; undefined only where there is nothing to find and nothing found
        found = (sums["true_nuclei"] + sums["predicted_nuclei"]).to_numpy(float) > 0
        loose[tenths - 1] = np.where(found & np.isnan(harmonic), 0.0, harmonic)
    counts = scores[[*TP, "true_nuclei", "predicted_nuclei"]].to_numpy(float)
    tiles = np.nan_to_num(f1(counts[:, :10], counts[:, 10:11], counts[:, 11:]), nan=1.0)
    found = pooled(scores).set_index(KEYS)[["f1_mean_9", "f1_mean_10"]]
    extra = pd.DataFrame({"f1_mean_10_loose": np.mean(loose, axis=0)}, index=sums.index)
    of_tiles = {"f1_mean_10_tiles": tiles.mean(axis=1), "f1_50_tiles": tiles[:, THRESHOLDS.index(5)]}
    tile_means = scores.assign(**of_tiles).groupby(KEYS, dropna=False, sort=False)[list(of_tiles)].mean()
    extra[list(of_tiles)] = tile_means
    return in_order(found.join(extra).reset_index(), READING_COLUMNS)


def in_order(table: pd.DataFrame, columns: list[str] | None = None) -> pd.DataFrame:
    """Rows in the order of ``APPROACHES``, then by grid, encoder and seed; chosen ``columns``.

    Args:
        table: with ``approach``, ``grid``, ``encoder`` and ``seed``.
        columns: all where None.
    """
    known = {name: float(rank) for rank, name in enumerate(APPROACHES)}
    last_ours = known["Ours+L_cnt+P"] + 0.5
    other = np.where(table["grid"].notna(), last_ours, len(APPROACHES))
    rank = table["approach"].map(known).fillna(pd.Series(other, index=table.index))
    name = table["approach"].where(~table["approach"].isin(APPROACHES), "")
    order = table.assign(_rank=rank, _name=name).sort_values(
        ["_rank", "_name", "grid", "encoder", "seed"], kind="stable", na_position="first"
    )
    return order[columns or list(table.columns)].reset_index(drop=True)
