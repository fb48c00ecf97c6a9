"""95 % intervals of the differences that the text claims, by paired bootstrap over images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from ..data.looks import LOOKS
from .density import DENSITIES, density_of
from .pixels import dice, f1, iou, ratio
from .scores import PIXELS, TP, summable

COLUMNS = ["approach_a", "approach_b", "encoder", "seed", "seed_b", "scope", "grid_a", "grid_b", "metric"]
COLUMNS += ["difference", "low", "high", "images"]
MATCHES = ["true_nuclei", "predicted_nuclei", *TP]
COUNTS = ["count_error", "counted"]
SUMS = [*PIXELS, *MATCHES, *COUNTS]
# Metrics by what they are made of: an image that lacks it (without instance labels, say) has no part in them
GROUPS = (
    (("iou", "dice"), PIXELS),
    (("f1_50", "f1_mean_9", "f1_mean_10"), MATCHES),
    (("count_mae",), COUNTS),
)
FULL = "Mask R-CNN"  # is told every nucleus
RIVALS = ("Semantic+WS", "DeepLabV3+WS", "Otsu+WS", FULL)
# The paper's own measure of what weak supervision costs: F1@0.5 as a share of full supervision's
RATIO = "f1_50_ratio"


def pooled_metrics(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Pooled scores from sums.

    Args:
        sums: (..., len(SUMS)) sums over tiles or images, ordered as ``SUMS``; NaN what was not predicted.

    Returns:
        Metric of ``GROUPS`` → (...) fractions in 0…1; ``count_mae`` in nuclei a tile (or image).
    """
    part = dict(zip(SUMS, np.moveaxis(np.asarray(sums, dtype=float), -1, 0), strict=True))
    scores = np.stack([f1(part[name], part["true_nuclei"], part["predicted_nuclei"]) for name in TP])
    return {
        "iou": iou(part["intersection"], part["union"]),
        "dice": dice(part["intersection"], part["true_pixels"], part["predicted_pixels"]),
        "f1_50": scores[4],
        "f1_mean_9": scores[:9].mean(axis=0),
        "f1_mean_10": scores.mean(axis=0),
        "count_mae": ratio(part["count_error"], part["counted"]),
    }


def differences(scores: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """The table of differences a − b between all claimed pairs whose two sides are there.

    Each resample draws images with replacement, the same for both sides, and pools again; the interval is
    from the 2.5th to the 97.5th percentile. It speaks of other images like these, not of other seeds. One
    image alone has no interval.

    Args:
        scores: the table of scores.
        resamples: number of them.
        seed: of the draws.

    Returns:
        Columns ``COLUMNS``, in fractions; of ``count_mae`` in nuclei (a lower one is better); ``seed`` is
        that of a, ``seed_b`` that of b; ``images``: how many have what the metric is made of, on both sides.
        Beside ``FULL`` there is also ``RATIO``, whose "difference" and interval are those of the ratio a / b
        of F1@0.5.
    """
    rows = []
    for head, *sums in paired_sums(summable(scores), SUMS):
        for metrics, made_of in GROUPS:
            of_these = [SUMS.index(name) for name in made_of]
            known = np.all([np.isfinite(side[:, of_these]).all(axis=1) for side in sums], axis=0)
            compared = {metric: (np.subtract, metric) for metric in metrics}
            if head[1] == FULL and "f1_50" in metrics:
                compared[RATIO] = (ratio, "f1_50")
            sides = (side[known] for side in sums)
            found = paired_intervals(*sides, pooled_metrics, compared, resamples, seed)
            rows += [(*head, metric, *numbers, known.sum()) for metric, numbers in found.items()]
    return difference_table(rows)


def difference_table(rows: Iterable[tuple]) -> pd.DataFrame:
    """Rows of ``COLUMNS`` as a table, whole numbers as such."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(("grid_a", "grid_b", "seed", "seed_b"), "Int64"))


def paired_sums(
    table: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[tuple, np.ndarray, np.ndarray]]:
    """Each claimed pair: what ``COLUMNS`` begin with, and the sums of both sides, image by image.

    Args:
        table: with approach, encoder, grid, seed, scope and image; empty in references what they have not.
        columns: to sum over the rows of an image.

    Yields:
        The head, then two (images, columns) arrays of the images that both have; NaN what is not known.
    """
    keys = ["approach", "encoder", "grid", "seed", "scope"]
    numbers = table.assign(
        encoder=table["encoder"].fillna(""), grid=table["grid"].fillna(0), seed=table["seed"].fillna(-1)
    )
    per_image = numbers.groupby([*keys, "image"])[list(columns)].sum(min_count=1)
    present = dict(tuple(per_image.groupby(level=keys)))
    for a, b in claimed_pairs(list(present)):
        first, second = (present[key].droplevel(keys) for key in (a, b))
        both = first.index.intersection(second.index)
        head = (a[0], b[0], a[1], a[3], b[3] if b[3] >= 0 else None, a[4], a[2] or None, b[2] or None)
        yield head, *(side.loc[both].to_numpy(dtype=float, na_value=np.nan) for side in (first, second))


def differences_by_look(scores: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """``differences`` over the tiles of each look by itself, ``look`` first; no row where there is one."""
    tiles = scores[scores["scope"] == "tile"]
    return _by_part(tiles, "look", LOOKS, resamples, seed)


def differences_by_density(scores: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """``differences`` over the tiles of each range of K by itself, the range ``k`` first (``density``).

    No row where all tiles are of one range, or nobody counted their nuclei. An image is drawn with those of
    its tiles that are of the range.
    """
    tiles = scores[(scores["scope"] == "tile") & scores["true_nuclei"].notna()]
    names = [DENSITIES[place] for place in density_of(tiles["true_nuclei"])]
    return _by_part(tiles.assign(k=names), "k", DENSITIES, resamples, seed)


def _by_part(
    tiles: pd.DataFrame, column: str, order: Sequence[str], resamples: int, seed: int
) -> pd.DataFrame:
    """``differences`` over the tiles of each value of a column, in an order of the values."""
    values = [value for value in order if (tiles[column] == value).any()]
    if len(values) < 2:
        return pd.DataFrame(columns=[column, *COLUMNS])
    parts = [
        differences(tiles[tiles[column] == value], resamples, seed).assign(**{column: value})
        for value in values
    ]
    return pd.concat(parts)[[column, *COLUMNS]].reset_index(drop=True)


def paired_intervals(
    a: np.ndarray,
    b: np.ndarray,
    measured: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    compared: Mapping[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], str]],
    resamples: int,
    seed: int,
) -> dict[str, tuple[float, ...]]:
    """Name → value, low, high of two (images, sums) arrays; undefined ones are left out.

    Args:
        a, b: sums of each image; NaN only where no metric of ``compared`` needs them.
        measured: metrics of (…, sums) sums, by name, as ``pooled_metrics`` gives them.
        compared: name → how the metric of the two sides is compared, and which.
        resamples, seed: of the draws.
    """
    if not len(a):
        return {}
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(a), np.full(len(a), 1 / len(a)), size=resamples).astype(float)
    whole = [measured(side.sum(axis=0)) for side in (a, b)]
    spread = [measured(drawn @ side) for side in (a, b)]
    found = {}
    for name, (compare, metric) in compared.items():
        value = float(compare(whole[0][metric], whole[1][metric]))
        if np.isfinite(value) and len(a) == 1:
            found[name] = (value, np.nan, np.nan)
        elif np.isfinite(value):
            low, high = np.nanpercentile(compare(spread[0][metric], spread[1][metric]), [2.5, 97.5])
            found[name] = (value, float(low), float(high))
    return found


Key = tuple[str, str, int, int, str]  # approach, encoder, grid (0: none), seed (-1: none), scope


def claimed_pairs(keys: list[Key]) -> Iterator[tuple[Key, Key]]:
    """Pairs to compare, of one encoder, seed and scope (references have neither encoder nor seed).

    For every label X of a canonical model, on its finest grid (128): X+P against X; X against itself on a
    coarser grid (32); X against Ours and X+P against Ours+P; both against each of the rivals; X against
    DeepLabV3 (pixels); a label of the user's own that ends with +L_cnt, and its X+P, against Ours+L_cnt and
    its X+P. A rival that was trained with one seed only stands against every seed of ours.
    """
    there = set(keys)
    grids: dict[tuple, set[int]] = {}
    seeds: dict[tuple, set[int]] = {}
    for approach, encoder, grid, seed, scope in keys:
        grids.setdefault((approach, encoder, seed, scope), set()).add(grid)
        seeds.setdefault((approach, encoder, scope), set()).add(seed)
    for approach, encoder, grid, seed, scope in keys:
        own = grids[approach, encoder, seed, scope]
        if grid == 0 or grid < max(own):
            continue
        label, merged = approach.removesuffix("+P"), approach.endswith("+P")
        if merged:
            others = [(label, grid)]
        else:
            others = [*((approach, coarse) for coarse in sorted(own - {grid})), ("DeepLabV3", 0)]
        others += [(rival, 0) for rival in RIVALS]
        alike = ["Ours", "Ours+L_cnt"] if label.endswith("+L_cnt") else ["Ours"]
        others += [(other + "+P" * merged, grid) for other in alike if other != label]
        for other, other_grid in others:
            trained = seeds.get((other, encoder, scope), set())
            other_seed = next(iter(trained)) if other_grid == 0 and len(trained) == 1 else seed
            for key in ((other, encoder, other_grid, other_seed, scope), (other, "", other_grid, -1, scope)):
                if key in there:
                    yield (approach, encoder, grid, seed, scope), key
