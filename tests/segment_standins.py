"""A network that puts discs at known places of an image whose pixels tell where they are."""

from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from canonuclei.inputs import MIDDLE, SPREAD
from canonuclei.models.canonical import Instances
from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.fused import FusedShape
from canonuclei.segmentation.model import Model
from canonuclei.segmentation.segmenter import Segmenter

SIZE = 128


def coordinates(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8 whose red and green are the low bytes of row and column, and blue the high ones."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows & 255, columns & 255, (rows >> 8) << 4 | columns >> 8], axis=-1).astype(np.uint8)


class Places:
    """Instances for all discs whose centre is in the tile, which it reads off the tile's first pixel.

    Args:
        discs: (n, 4) row, column, radius in px, p(z).
    """

    def __init__(self, discs: np.ndarray) -> None:
        self.discs, self.shape = np.asarray(discs, np.float64), ShapeMLP(noise=0.0)

    def predict(self, images: torch.Tensor) -> Instances:
        pixels = ((images.float() * SPREAD + MIDDLE) * 255).round().long()
        found = []
        for red, green, blue in pixels[:, :, 0, 0].tolist():
            y, x = red + 256 * (blue >> 4), green + 256 * (blue & 15)
            near = (np.abs(self.discs[:, :2] - [y, x] - SIZE / 2) < SIZE / 2 + 4).all(axis=1)
            found.append(self.discs[near] - [y, x, 0, 0])
        return instances(found)


class Bright:
    """Instances for the bright components of a tile, with their centres and areas."""

    def __init__(self) -> None:
        self.shape = ShapeMLP(noise=0.0)

    def predict(self, images: torch.Tensor) -> Instances:
        found = []
        for tile in images.float().numpy()[:, 0]:
            labels, count = ndimage.label(tile > 0)
            index = np.arange(count) + 1
            centres = np.array(ndimage.center_of_mass(labels > 0, labels, index)).reshape(-1, 2)
            radius = np.sqrt(ndimage.sum_labels(labels > 0, labels, index) / np.pi)
            found.append(np.column_stack([centres, radius.reshape(-1), np.full(count, 0.9999)]))
        return instances(found)


def instances(found: list[np.ndarray]) -> Instances:
    """Discs (row, column, radius, p) of each tile, in its pixels, as the network gives them."""
    most = max(1, *(len(discs) for discs in found))
    lower, t = np.tile(np.eye(2), (len(found), most, 1, 1)), np.zeros((len(found), most, 2))
    logit = np.full((len(found), most), -20.0)
    for k, discs in enumerate(found):
        lower[k, : len(discs)] *= (0.5 * SIZE / 2 / discs[:, 2])[:, None, None]
        t[k, : len(discs)] = -lower[k, : len(discs), :1, 0] * ((2 * discs[:, 1::-1] + 1) / SIZE - 1)
        logit[k, : len(discs)] = np.log(discs[:, 3] / (1 - discs[:, 3]))
    return Instances(*(torch.tensor(part, dtype=torch.float32) for part in (lower, t, logit)))


def segmenter(network: object) -> Segmenter:
    """A segmenter with a network of the above."""
    settings = {
        "input": {"normalization": "none", "percentiles": [1.0, 99.8]},
        "training": {"precision": "fp32"},
        "network": {"initial_radius": 8.0},
    }
    described = {"model": "canonical", "encoder": "none", "settings": settings, "run": "stand-in"}
    return Segmenter(Model(network, FusedShape(network.shape), settings, described, Path("none"), "0" * 64))


def lattice(height: int, width: int, spacing: float = 24, radius: float = 8.1, seed: int = 0) -> np.ndarray:
    """(n, 4) discs on a jittered lattice that do not touch, some cut by the image's border; p(z) near 1."""
    random = np.random.default_rng(seed)
    places = [(y, x) for y in np.arange(2, height, spacing) for x in np.arange(3, width, spacing)]
    places = np.array(places) + random.uniform(-1, 1, (len(places), 2)) * (spacing / 2 - radius - 1.5)
    discs = np.column_stack([places, np.full(len(places), radius), np.full(len(places), 1 - 1e-6)])
    inside = ((places > -0.4) & (places < [height - 0.6, width - 0.6])).all(axis=1)
    return discs[inside]


def disc_masks(discs: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n, H, W) bool."""
    rows, columns = np.mgrid[:height, :width]
    return np.array([np.hypot(rows - y, columns - x) <= radius for y, x, radius, _ in discs], bool)
