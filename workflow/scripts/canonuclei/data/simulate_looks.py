"""How simulated nuclei look: white on black under fluorescence, or purple in stained tissue.

Both follow the physics that gives real images their look. Under fluorescence light adds up, is blurred by
the microscope and counted by the camera. In stained tissue (haematoxylin and eosin) the stains absorb: their
optical densities add up (Beer-Lambert), with the colours of Ruifrok and Johnston (2001).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from .simulate_nuclei import Field, Nucleus, draw_outline, place_outline

# Optical density per unit of stain, in red, green, blue (Ruifrok and Johnston 2001), normalized
HAEMATOXYLIN = np.array([0.65, 0.70, 0.29])
EOSIN = np.array([0.07, 0.99, 0.11])


def render_fluorescence(rng: np.random.Generator, nuclei: Field) -> np.ndarray:
    """Draw the nuclei as a fluorescence microscope sees them.

    Args:
        rng: random numbers.
        nuclei: what is in the image.

    Returns:
        (H, W) float64 grey values, 0 ... 255, black ground.
    """
    height, width = nuclei.labels.shape
    light = np.zeros((height, width))
    grain, spots = rng.uniform(0.08, 0.3), rng.random() < 0.35
    for nucleus in nuclei.nuclei:
        brightness = np.exp(rng.normal(0, 0.3)) * (1.6 if rng.random() < 0.06 else 1.0)
        light[nucleus.window] += brightness * _glow(rng, nucleus, grain, spots)
    light += _fluorescent_debris(rng, height, width)
    light = gaussian_filter(light, rng.uniform(0.7, 1.5))  # the microscope's point spread
    light = light + rng.uniform(0.03, 0.12) * gaussian_filter(light, 9)  # light from out of focus
    light *= _illumination(rng, height, width, rng.uniform(0.1, 0.45))
    ground = rng.uniform(0.02, 0.08) * _illumination(rng, height, width, 0.5)
    photons = rng.uniform(60, 400)  # at full brightness: the fewer, the noisier
    counted = rng.poisson(np.maximum(light + ground, 0) * photons) / photons
    counted += rng.normal(0, rng.uniform(0.003, 0.012), counted.shape)
    # exposure: the typical nucleus takes from a third of the range to nearly all of it
    return np.clip(counted * rng.uniform(60, 165) + rng.uniform(1, 6), 0, 255)


def render_tissue(rng: np.random.Generator, nuclei: Field) -> np.ndarray:
    """Draw the nuclei as stained tissue: purple on pink, violet or white, textured ground.

    Args:
        rng: random numbers.
        nuclei: what is in the image.

    Returns:
        (H, W, 3) float64 red, green, blue, 0 ... 255.
    """
    height, width = nuclei.labels.shape
    # from white over lavender (as most of BBBC038's tissue) to pink
    eosin = rng.choice([0.04, 0.1, 0.18, 0.28]) * _fibres(rng, height, width)
    empty = _smooth(rng, (height, width), rng.uniform(14, 30)) > rng.uniform(0.3, 1.6)
    for nucleus in nuclei.nuclei:  # a nucleus has its cell around it: no hole in the tissue there
        empty[nucleus.window] &= nucleus.depth > 1.25
    eosin *= 1 - 0.9 * gaussian_filter(empty.astype(float), 1.5)
    haematoxylin = rng.uniform(0.02, 0.2) * _fibres(rng, height, width)
    haematoxylin *= 1 - 0.8 * gaussian_filter(empty.astype(float), 1.5)
    strength, pale = rng.uniform(0.5, 0.95), rng.uniform(0.0, 0.7)
    for nucleus in nuclei.nuclei:
        stain = strength * np.exp(rng.normal(0, 0.2))
        haematoxylin[nucleus.window] += stain * _chromatin(rng, nucleus, rng.random() < pale)
        eosin[nucleus.window] += np.where(nucleus.inside, 0.3 * stain, 0)
    _tissue_debris(rng, haematoxylin, eosin)
    blur = rng.uniform(0.5, 1.0)
    haematoxylin, eosin = gaussian_filter(haematoxylin, blur), gaussian_filter(eosin, blur)
    # batches differ: a redder haematoxylin gives the purple of most of BBBC038's tissue
    purple = HAEMATOXYLIN * rng.uniform((0.7, 0.95, 0.7), (1.0, 1.1, 1.1))
    density = haematoxylin[..., None] * purple + eosin[..., None] * EOSIN * (1, rng.uniform(0.6, 0.9), 1)
    lamp = rng.uniform(222, 248) * rng.uniform((0.97, 0.95, 0.92), (1.0, 1.0, 1.0))
    image = lamp * 10.0 ** -np.maximum(density, 0)
    image *= _illumination(rng, height, width, rng.uniform(0.02, 0.12))[..., None]
    return np.clip(image + rng.normal(0, rng.uniform(1, 3.5), image.shape), 0, 255)


def _glow(rng: np.random.Generator, nucleus: Nucleus, grain: float, spots: bool) -> np.ndarray:
    """Light of one nucleus: thicker in the middle, with grainy chromatin, perhaps bright spots."""
    shape = nucleus.depth.shape
    dome = 0.55 + 0.45 * np.sqrt(np.clip(1 - nucleus.depth**2, 0, 1))
    light = dome * (1 + grain * _smooth(rng, shape, 1.6)).clip(0.3)
    if spots:  # chromocentres, as in cells of the mouse
        light = light + 0.5 * np.clip(_smooth(rng, shape, 1.3) - 1.1, 0, 1.5)
    tilt = rng.normal(0, 0.12, 2)  # one side brighter
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.where(nucleus.inside, np.clip(light * (1 + tilt[0] * rows + tilt[1] * columns), 0, None), 0)


def _chromatin(rng: np.random.Generator, nucleus: Nucleus, pale: bool) -> np.ndarray:
    """Haematoxylin in one nucleus: dense and even, or pale with a dark rim, clumps and a nucleolus."""
    shape, depth = nucleus.depth.shape, nucleus.depth
    clumps = _smooth(rng, shape, 1.5)
    if not pale:
        return np.where(nucleus.inside, (0.95 + 0.14 * clumps - 0.15 * depth**4).clip(0), 0)
    rim = np.exp(-(((depth - 0.9) / 0.14) ** 2))
    stain = 0.42 + 0.45 * rim + 0.25 * np.clip(clumps, -0.8, 2)
    return np.where(nucleus.inside, stain.clip(0.12), 0)


def _fluorescent_debris(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Bright specks of a pixel or two, and faint smears far out of focus; nobody annotates them."""
    light = np.zeros((height, width))
    area = height * width / 256**2
    for _ in range(rng.poisson(4 * area)):
        row, column = rng.integers(height), rng.integers(width)
        light[row : row + rng.integers(1, 4), column : column + rng.integers(1, 4)] += rng.uniform(0.3, 2.0)
    for _ in range(rng.poisson(1.2 * area)):
        outline = draw_outline(rng, 22, 1.0)
        ghost = place_outline(outline, rng.uniform((0, 0), (height, width)), height, width)
        if ghost is not None:
            smear = np.zeros((height, width))
            smear[ghost.window] = rng.uniform(0.08, 0.22) * ghost.inside
            light += gaussian_filter(smear, rng.uniform(3, 6, 2))
    return light


def _tissue_debris(rng: np.random.Generator, haematoxylin: np.ndarray, eosin: np.ndarray) -> None:
    """Smears of stain, dark specks and red blood cells, added in place; nobody annotates them."""
    height, width = eosin.shape
    area = height * width / 256**2
    for _ in range(rng.poisson(2 * area)):
        cell = place_outline(draw_outline(rng, 13, 0.1), rng.uniform((0, 0), (height, width)), height, width)
        if cell is not None:  # a red blood cell: thinner in the middle
            eosin[cell.window] += np.where(cell.inside, 0.25 + 0.2 * cell.depth**2, 0)
    for _ in range(rng.poisson(1.5 * area)):
        smear = place_outline(draw_outline(rng, 18, 1.0), rng.uniform((0, 0), (height, width)), height, width)
        if smear is not None:
            stain = np.zeros((height, width))
            stain[smear.window] = smear.inside * (0.7 + 0.4 * _smooth(rng, smear.depth.shape, 1.5)).clip(0)
            haematoxylin += rng.uniform(0.12, 0.25) * gaussian_filter(stain, 2.5)
    for _ in range(rng.poisson(3 * area)):
        row, column = rng.integers(height), rng.integers(width)
        speck = np.s_[row : row + rng.integers(1, 4), column : column + rng.integers(1, 4)]
        haematoxylin[speck] += rng.uniform(0.3, 1)


def _fibres(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Texture of the ground around 1: wavy fibres along one direction, over broad clouds."""
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    bend = 9 * _smooth(rng, (height, width), 25)
    angle = rng.uniform(0, np.pi)
    across = rows * np.cos(angle) + columns * np.sin(angle) + bend
    along = columns * np.cos(angle) - rows * np.sin(angle)
    noise = np.stack([rng.normal(size=512), rng.normal(size=512)])
    noise = gaussian_filter(noise, (0, 1.0)) / 0.53
    lines = np.interp(across % 511, np.arange(512), noise[0]) * np.cos(along / 60 + rng.uniform(0, 6))
    lines += np.interp((across + along / 9) % 511, np.arange(512), noise[1]) * np.sin(along / 45)
    fine, blotches, clouds = (_smooth(rng, (height, width), sigma) for sigma in (1.0, 4.0, 18.0))
    return (1 + 0.09 * lines + 0.1 * fine + 0.12 * blotches + 0.2 * clouds).clip(0.15)


def _illumination(rng: np.random.Generator, height: int, width: int, amount: float) -> np.ndarray:
    """Uneven light: brightest somewhere in the image, falling by up to about ``amount`` from there."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    row, column = rng.uniform(0.1, 0.9, 2)
    return 1 - amount * ((rows - row) ** 2 + (columns - column) ** 2) / 0.8


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Noise of mean 0 and standard deviation 1 with details of about ``sigma`` px."""
    pad = int(2 * sigma) + 1
    noise = gaussian_filter(rng.normal(size=tuple(n + 2 * pad for n in shape)), sigma)
    # the deviation that a white field has after the filter, so that small windows need no estimate
    return noise[tuple(slice(pad, -pad) for _ in shape)] * (2 * np.sqrt(np.pi) * sigma)
