"""What is said of a whole image: nothing was found, its scale, and in what it is unlike the training data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from ..data.looks import look
from .tiling import Grid, histogram, percentiles

NOTHING = "no nucleus was found"
UNKNOWN = "the model does not tell what it was trained on: whether the image is like that is not known"
# Highest p(z), as a share of the threshold, under which no threshold worth trying is near. p(z) starts at 0.1
_FAR = 0.5
PERCENTILES = (1.0, 99.8)  # of p_low and p_high in tiles.csv
RARE = 0.02  # share of the training images below which a look is rare
_LOOKS = {
    "fluorescence": "fluorescence (bright on dark)",
    "tissue": "stained tissue",
    "brightfield": "brightfield (dark on bright, no colour)",
}
_OWN = "look at the overlay before you use the numbers, or train on images of your own (config/README.md)"
# Size: beyond the training's 5 and 95 % by this factor. 8 % of BBBC038's own images are called so; made three
# times as small, 97 % are
_SLACK = 1.1
# A network copes with sizes that are a little off, and rescaling costs sharpness: advised from this factor on
_WORTH_SCALING = 2.0
# By which the median image's objects come out too narrow, on BBBC038; half of the images then lie within 6 %
_WIDTH_TO_DIAMETER = 1.1
_SMALLEST = 4.0  # px; narrower objects are noise
_WINDOW, _WINDOWS = 512, 3  # px, and a side: what is looked at of a large image


def nothing_found(
    candidates: pd.DataFrame, threshold: float, keep: float, model: Mapping[str, Any]
) -> list[str]:
    """Why an image has no nucleus, as far as p(z) tells, and what can be done.

    A model that has hardly learned, or that sees something else than it learned from, gives no place a p(z)
    near the threshold.

    Args:
        candidates: all of the image's, with ``p``.
        threshold: of p(s) · p(z).
        keep: the least p(z) of candidates.
        model: the metadata's entry: its ``steps`` are told, if known.

    Returns:
        One sentence.
    """
    highest = float(candidates["p"].max()) if len(candidates) else None
    seen = f"under {keep:g}" if highest is None else f"{highest:.3g}"
    said = f"{NOTHING}: the highest p(z) in the image is {seen}, the threshold {threshold:g}"
    if highest is not None and highest >= _FAR * threshold:
        return [f"{said}; try a lower --threshold"]
    steps = model.get("steps")
    trained = f" (trained for {steps:,} steps)" if steps else ""
    return [
        f"{said}, far above: either the model{trained} has hardly learned yet (train it longer, or try a "
        "lower --threshold), or the image is not like those it learned from, or has no nuclei"
    ]


def small_when_scaled(grid: Grid, usual: float, diameter: float) -> list[str]:
    """Whether a scale that was asked for leaves the network less than a tile to see, where it need not.

    Args:
        grid: the image's tiles.
        usual: the model's own scale.
        diameter: of the nuclei that the model is made for, px of the rescaled image.

    Returns:
        A sentence, or none.
    """
    height, width = grid.scaled_height, grid.scaled_width
    # half of a small image's side: 90 px seen as 80 are no mistake
    if min(height, width) >= min(grid.size, usual * min(grid.height, grid.width) / 2):
        return []
    return [
        f"at the scale {grid.scale:.2g} the network sees only {width} x {height} px, less than one of its "
        f"tiles ({grid.size} px), and looks for nuclei about {diameter / grid.scale:.0f} px wide: check "
        "--diameter or --scale"
    ]


def unlike_training(
    rgb: np.ndarray, nuclei: pd.DataFrame, training: Mapping[str, Any] | None, scale: float = 1.0
) -> list[str]:
    """In what an image differs from what the model learned from, each with what can be done.

    Args:
        rgb: (H, W, 3) uint8, before it was rescaled for the network.
        nuclei: found in it, with ``area`` in px of the image.
        training: ``training_data`` of the model (``training.summary``); None or empty: nothing is said, which
            is not the same as that all is well (``UNKNOWN``).
        scale: by which the sides were multiplied for the network.

    Returns:
        Sentences; none where nothing is unlike.
    """
    if not training:
        return []
    found = [_look(rgb, training), *_grey(rgb, training["quantiles"]), _size(rgb, nuclei, training, scale)]
    return [sentence for sentence in found if sentence]


def _look(rgb: np.ndarray, training: Mapping[str, Any]) -> str:
    step = max(1, int(np.sqrt(rgb.shape[0] * rgb.shape[1] / 1e6)))
    seen = look(rgb[::step, ::step])
    share = training["looks"].get(seen, 0.0)
    if share >= RARE:
        return ""
    known = f"only {share:.1%}" if share else "none"
    return f"the image looks like {_LOOKS[seen]}, and {known} of the training images did: {_OWN}"


def _grey(rgb: np.ndarray, quantiles: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Contrast, brightness and spread beyond what any training image had (contrast: all but 1 %)."""
    counts = histogram(rgb)
    values = np.arange(256)
    mean = float(counts @ values / counts.sum())
    spread = float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()))
    low, high = percentiles(counts, PERCENTILES)
    found = []
    # a tenth of room here as below: of few training images the extremes say little
    if high - low < quantiles["contrast"]["1"] * 0.9:
        found.append(
            f"the image has little contrast ({high - low:.0f} of 255 grey values; 99 % of the training "
            f"images have more than {quantiles['contrast']['1']:.0f}): noise may be taken for nuclei; use "
            "a channel or an exposure that shows them better, if there is one"
        )
    for name, value, less, more in (
        ("mean", mean, "darker", "brighter"),
        ("std", spread, "more even", "harsher"),
    ):
        least, most = quantiles[name]["0"], quantiles[name]["100"]
        if not least * 0.9 <= value <= most * 1.1 and not (name == "std" and found):
            how = less if value < least else more
            found.append(f"the image is {how} than every training image: {_OWN}")
    return found


def _size(rgb: np.ndarray, nuclei: pd.DataFrame, training: Mapping[str, Any], scale: float) -> str:
    """Sizes as the image tells them: those that are found are what the network learned, whatever is there."""
    quantiles = training["quantiles"]["diameter"]
    seen = object_diameter(rgb)
    if seen is None or quantiles["50"] is None:
        return ""
    ratio, remedy = seen * scale / quantiles["50"], f"try --diameter {seen:.0f}"
    if 1 / _WORTH_SCALING < ratio < _WORTH_SCALING:
        remedy = "see in the overlay whether the outlines fit"
    if seen * scale > quantiles["95"] * _SLACK:
        return f"nuclei seem about {ratio:.1f} times as wide as in training ({seen:.0f} px): {remedy}"
    if seen * scale < quantiles["5"] / _SLACK:
        return f"nuclei seem only {ratio:.1f} times as wide as in training ({seen:.0f} px): {remedy}"
    if not len(nuclei):
        return ""  # objects of a usual size, and no size to compare them with
    width = float(np.nanmedian(2 * np.sqrt(nuclei["area"].to_numpy(np.float64) / np.pi)))
    if seen > 2 * width:
        return (
            f"the nuclei found are {width:.0f} px wide, objects in the image about {seen:.0f} px: they "
            f"may be parts of larger ones; {remedy}"
        )
    return ""


def object_diameter(rgb: np.ndarray) -> float | None:
    """Diameter of the objects that stand out from the ground, without any model; px.

    Twice the distance from the middle of an object to its edge, by Otsu's threshold: where objects touch, it
    stays that of one. Each counts by its area.

    Args:
        rgb: (H, W, 3) uint8. Of a large image nine windows are looked at.

    Returns:
        None for stained tissue, where a threshold on grey values finds no nuclei, and where nothing
        stands out.
    """
    from skimage.filters import threshold_otsu

    parts = [ndimage.gaussian_filter(part.mean(axis=-1, dtype=np.float32), 1) for part in _windows(rgb)]
    seen = look(np.concatenate([part.reshape(-1, 1, 3) for part in _windows(rgb)]))
    pixels = np.concatenate([part.ravel() for part in parts])
    if seen == "tissue" or pixels.min() == pixels.max():
        return None
    level = threshold_otsu(pixels)
    radii = []
    for part in parts:
        distance = ndimage.distance_transform_edt(part > level if seen == "fluorescence" else part < level)
        smooth = ndimage.gaussian_filter(distance, 1)
        middle = (smooth == ndimage.maximum_filter(smooth, 7)) & (distance > 1.5)
        radii.append(distance[middle])
    radius = np.concatenate(radii)
    if not len(radius):
        return None
    diameter = 2 * _WIDTH_TO_DIAMETER * float(np.average(radius, weights=radius**2))
    return diameter if diameter >= _SMALLEST else None


def _windows(rgb: np.ndarray) -> list[np.ndarray]:
    """The image, or windows spread evenly over a large one."""
    spans = []
    for length in rgb.shape[:2]:
        if length <= _WINDOWS * _WINDOW:
            spans.append([slice(0, length)])
        else:
            starts = np.linspace(0, length - _WINDOW, _WINDOWS).astype(int).tolist()
            spans.append([slice(start, start + _WINDOW) for start in starts])
    return [rgb[rows, columns] for rows in spans[0] for columns in spans[1]]
