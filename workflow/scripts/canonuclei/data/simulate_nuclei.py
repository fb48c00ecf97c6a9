"""Outlines of simulated nuclei and where they lie: the geometry behind ``simulate``.

A nucleus is a star-shaped outline, an ellipse whose radius is modulated by a few Fourier terms, so that
some are beans or lobed and no ellipse at all. Nuclei are placed one by one: apart, touching, or partly
under the one placed later, which then owns the pixels, as in the masks of BBBC038.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

DIAMETERS = (8.0, 36.0)  # px; what a nucleus may measure across
MEDIAN_DIAMETER = 16.0  # px; the median nucleus piece of BBBC038's 128-px tiles
MAX_COVERED = 0.3  # of a nucleus's area may lie under later ones
MIN_PIXELS = 12  # that remain visible
ANGLES = 128  # samples of an outline


@dataclass
class Nucleus:
    """One nucleus: its window in the image and its depth there.

    Attributes:
        window: rows and columns of its bounding box, clipped to the image.
        depth: (h, w) distance from the centre relative to the outline: 0 in the middle, 1 on the
            outline, more outside.
    """

    window: tuple[slice, slice]
    depth: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """(h, w) bool, the whole nucleus, also where another covers it."""
        return self.depth < 1


@dataclass
class Field:
    """The nuclei of one image.

    Attributes:
        labels: (H, W) int32, 0 background, 1 ... n the visible part of each nucleus.
        nuclei: nucleus i + 1 of ``labels`` at index i.
    """

    labels: np.ndarray
    nuclei: list[Nucleus] = field(default_factory=list)


def grow_field(rng: np.random.Generator, height: int, width: int) -> Field:
    """Place nuclei in an image until its own, random crowding is reached.

    Args:
        rng: random numbers; the same state gives the same field.
        height: of the image in px.
        width: of the image in px.

    Returns:
        At least one nucleus; visible parts are connected and hold MIN_PIXELS or more.
    """
    result = Field(np.zeros((height, width), np.int32))
    # over the median, since crowded images have the smaller nuclei and borders and overlaps hide parts
    typical = float(np.clip(1.2 * MEDIAN_DIAMETER * np.exp(rng.normal(0, 0.28)), 11, 30))
    coverage = rng.uniform(0.04, 0.22)
    clustering = rng.choice([0.05, 0.15, 0.45])
    lobed = rng.uniform(0.1, 0.4)
    target = coverage * height * width
    covered, tries, limit = 0.0, 0, int(40 + 8 * target / typical**2)
    while not result.nuclei or (covered < target and tries < limit):
        tries += 1
        outline = draw_outline(rng, typical, lobed)
        beside = bool(result.nuclei) and rng.random() < clustering
        centre = _beside(rng, result, outline) if beside else rng.uniform((0, 0), (height, width))
        nucleus = place_outline(outline, centre, height, width)
        gap = 0 if beside else 2
        if nucleus is not None and _fits(result.labels, nucleus, gap):
            result.nuclei.append(nucleus)
            result.labels[nucleus.window][nucleus.inside] = len(result.nuclei)
            covered += float(nucleus.inside.sum())
    return result


def draw_outline(rng: np.random.Generator, typical: float, lobed: float) -> np.ndarray:
    """Radii of one outline.

    Args:
        rng: random numbers.
        typical: diameter around which the image's nuclei vary, in px.
        lobed: chance of an outline that is no ellipse, 0 ... 1.

    Returns:
        (ANGLES,) radii in px at equally spaced angles from the x-axis; the area's equivalent diameter
        lies in DIAMETERS.
    """
    diameter = float(np.clip(typical * np.exp(rng.normal(0, 0.22)), *DIAMETERS))
    theta = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    stretch = rng.uniform(1.0, 1.9) if rng.random() < 0.7 else 1.0
    angle = rng.uniform(0, np.pi)
    radii = 1 / np.hypot(np.cos(theta - angle) / np.sqrt(stretch), np.sin(theta - angle) * np.sqrt(stretch))
    # every outline is a little irregular; beans (order 1 with 2) and lobes (2 to 4) strongly so
    strength = np.array([0.0, 0.02, 0.02, 0.012, 0.008])
    if rng.random() < lobed:
        strength = strength + np.array([0.08, 0.1, 0.08, 0.05, 0.0])
    for order, scale in enumerate(strength, start=1):
        radii = radii * (1 + scale * rng.normal() * np.cos(order * theta + rng.uniform(0, 2 * np.pi)))
    radii = np.maximum(radii, 0.35 * radii.mean())
    area = 0.5 * np.sum(radii**2) * 2 * np.pi / ANGLES
    return radii * (diameter / 2) / np.sqrt(area / np.pi)


def place_outline(
    outline: np.ndarray, centre: tuple[float, float] | np.ndarray, height: int, width: int
) -> Nucleus | None:
    """Rasterize an outline on the image's grid.

    Args:
        outline: (ANGLES,) radii in px.
        centre: row and column in px.
        height: of the image in px.
        width: of the image in px.

    Returns:
        The nucleus, or None if fewer than MIN_PIXELS of it lie in the image.
    """
    reach = float(outline.max()) + 1
    rows = slice(max(int(centre[0] - reach), 0), min(int(centre[0] + reach) + 2, height))
    columns = slice(max(int(centre[1] - reach), 0), min(int(centre[1] + reach) + 2, width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    y = np.arange(rows.start, rows.stop)[:, None] - centre[0]
    x = np.arange(columns.start, columns.stop)[None, :] - centre[1]
    samples = np.linspace(0, 2 * np.pi, ANGLES + 1)
    radius = np.interp(np.arctan2(y, x) % (2 * np.pi), samples, np.append(outline, outline[0]))
    nucleus = Nucleus((rows, columns), np.hypot(y, x) / radius)
    return nucleus if nucleus.inside.sum() >= MIN_PIXELS else None


def _beside(rng: np.random.Generator, nuclei: Field, outline: np.ndarray) -> np.ndarray:
    """A centre that makes the outline touch or overlap a nucleus that is already there."""
    neighbour = nuclei.nuclei[rng.integers(len(nuclei.nuclei))]
    rows, columns = np.nonzero(neighbour.inside)
    middle = np.array([rows.mean() + neighbour.window[0].start, columns.mean() + neighbour.window[1].start])
    angle = rng.uniform(0, 2 * np.pi)
    size = np.sqrt(len(rows) / np.pi)
    # 1: just touching if both were discs; below: overlapping
    distance = (size + outline.mean()) * rng.uniform(0.72, 1.08)
    return middle + distance * np.array([np.sin(angle), np.cos(angle)])


def _fits(labels: np.ndarray, nucleus: Nucleus, gap: int) -> bool:
    """Whether the nucleus may lie on top: it covers none too much, and leaves every one in one piece."""
    rows, columns = nucleus.window
    inside = nucleus.inside
    if gap:
        around = (
            slice(max(rows.start - gap, 0), rows.stop + gap),
            slice(max(columns.start - gap, 0), columns.stop + gap),
        )
        grown = np.zeros_like(labels[around], bool)
        offset = rows.start - around[0].start, columns.start - around[1].start
        grown[offset[0] : offset[0] + inside.shape[0], offset[1] : offset[1] + inside.shape[1]] = inside
        return not labels[around][ndimage.binary_dilation(grown, iterations=gap)].any()
    hit = np.unique(labels[nucleus.window][inside])
    hidden = np.count_nonzero(labels[nucleus.window][inside])
    if hidden > MAX_COVERED * inside.sum():
        return False
    for label in hit[hit > 0]:
        whole = labels == label
        rest = whole.copy()
        rest[nucleus.window] &= ~inside
        left, all_of_it = int(rest.sum()), int(whole.sum())
        if left < max((1 - MAX_COVERED) * all_of_it, MIN_PIXELS) or ndimage.label(rest)[1] != 1:
            return False
    return True
