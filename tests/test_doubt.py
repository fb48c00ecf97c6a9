"""Doubt: exact under turns, 0 for what does not change, and said in words that a biologist understands."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from canonuclei.models.shape import ShapeMLP
from canonuclei.models.transform import grid_points
from canonuclei.nuclei.fused import FusedShape
from canonuclei.nuclei.measures import ShapeMeasures, measure
from canonuclei.segmentation.doubt import words
from canonuclei.segmentation.turns import TURNS, Ellipses, best_iou, disagreement, turned, turned_back

SIZE = 64


def lopsided() -> ShapeMLP:
    """A shape that is no disc, and not centred."""
    torch.manual_seed(1)
    shape = ShapeMLP(noise=0.0)
    with torch.no_grad():
        shape.layer3.weight[0, 4] = 2.0
        shape.layer3.weight[0, 5] = -1.5
    return shape


def instances(count: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L, t, p(z) of ellipses apart from each other in one tile."""
    generator = np.random.default_rng(3)
    lower = np.zeros((count, 2, 2))
    lower[:, 0, 0], lower[:, 1, 1] = generator.uniform(2.2, 3.5, (2, count))
    lower[:, 1, 0] = generator.uniform(-1, 1, count)
    centre = np.array([[-0.5, -0.5], [0.5, -0.4], [-0.4, 0.5], [0.45, 0.5]])[:count]
    return lower, -np.einsum("nij,nj->ni", lower, centre), np.full(count, 0.95)


def table(lower: np.ndarray, t: np.ndarray, p: np.ndarray, shape: ShapeMLP, **frame: float) -> pd.DataFrame:
    return pd.DataFrame(measure(lower, t, p, ShapeMeasures.of(shape), **{"tile_size": SIZE, **frame}))


def tile(y: float = 0, x: float = 0, size: float = SIZE) -> pd.DataFrame:
    cell = {"cell_y0": y, "cell_x0": x, "cell_y1": y + size, "cell_x1": x + size}
    return pd.DataFrame([{"tile_y": y, "tile_x": x, **cell}])


@pytest.mark.parametrize("turn", TURNS)
def test_the_matrix_of_a_turn_is_what_it_does_to_pixels(turn: tuple[bool, bool, bool]):
    lower, t, _ = instances(1)
    shape, points = FusedShape(lopsided(), np.float64), grid_points(SIZE, SIZE).double().numpy().T
    there = shape.logit(lower[0] @ points + t[0][:, None]).reshape(1, SIZE, SIZE)
    # L Bᵀ is no longer triangular; drawn here, the instance is what was drawn there, turned back
    here = shape.logit(lower[0] @ turned_back(turn).T @ points + t[0][:, None]).reshape(1, SIZE, SIZE)
    assert np.allclose(turned(here, turn), there)


class Network:
    """Finds the same instances however the tile is turned, as a perfect network would."""

    def __init__(self, shape: ShapeMLP, blind: int | None = None) -> None:
        self.shape, self.blind, self.calls = shape, blind, 0

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        turn = TURNS[self.calls % len(TURNS)]
        self.calls += 1
        lower, t, p = instances()
        # a round shape: L B = (lower) (rotation), and the rotation is dropped
        turned_lower = lower @ turned_back(turn)
        root = np.linalg.cholesky(np.linalg.inv(turned_lower.transpose(0, 2, 1) @ turned_lower))
        centre = np.linalg.solve(turned_lower, -t[..., None])[..., 0]
        lower = np.linalg.inv(root)
        if self.blind is not None:
            p[self.blind] = 0.1
        return lower[None], -np.einsum("nij,nj->ni", lower, centre)[None], p[None]


def disc() -> ShapeMLP:
    return ShapeMLP(noise=0.0)


@pytest.mark.parametrize("frame", [(0.0, 0.0, 64.0), (31.5, 200.25, 96.0)])
def test_what_turns_with_the_image_is_certain(frame: tuple[float, float, float]):
    y, x, size = frame
    nuclei = table(*instances(), disc(), tile_size=size, tile_y=y, tile_x=x)
    pixels = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    found = disagreement(nuclei, [(tile(y, x, size), pixels)], Network(disc()), disc(), size)
    assert found == pytest.approx(np.zeros(4), abs=0.02)


def test_what_is_not_found_again_is_doubtful_and_nothing_else():
    pixels = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    found = disagreement(
        table(*instances(), disc()), [(tile(), pixels)], Network(disc(), blind=2), disc(), SIZE
    )
    assert found[2] > 0.9
    assert np.delete(found, 2) == pytest.approx(np.zeros(3), abs=0.02)


def test_instances_of_a_neighbours_cell_do_not_count():
    pixels, elsewhere = np.zeros((1, SIZE, SIZE, 3), np.uint8), tile()
    elsewhere[["cell_y0", "cell_y1"]] += SIZE
    found = disagreement(table(*instances(), disc()), [(elsewhere, pixels)], Network(disc()), disc(), SIZE)
    assert (found == 1).all()


def test_without_nuclei_or_tiles_nothing_fails():
    none = table(*(part[:0] for part in instances()), disc())
    pixels = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    assert len(disagreement(none, [(tile(), pixels)], Network(disc()), disc(), SIZE)) == 0
    assert np.isnan(disagreement(table(*instances(), disc()), [], Network(disc()), disc(), SIZE)).all()


@pytest.mark.parametrize(("shift", "factor"), [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (0.0, 2.0), (3.0, 1.0)])
def test_iou_of_circles_is_that_of_geometry(shift: float, factor: float):
    def circle(x: float, radius: float) -> Ellipses:
        return Ellipses(np.array([[x, 0.0]]), np.eye(2)[None] * radius**2 / 4)

    small, large = math.pi, math.pi * factor**2
    shared = min(small, large)
    if factor == 1:
        half = min(shift / 2, 1)
        shared = 2 * math.acos(half) - 2 * half * math.sqrt(1 - half**2)
    expected = shared / (small + large - shared)
    found = best_iou(circle(0, 10), circle(10 * shift, 10 * factor))
    assert found[0] == pytest.approx(expected, abs=0.02)
    assert best_iou(circle(10 * shift, 10 * factor), circle(0, 10))[0] == pytest.approx(expected, abs=0.02)


def test_the_best_of_several_counts_and_broken_ellipses_are_no_number():
    own = Ellipses(np.array([[0.0, 0.0], [np.nan, 0.0]]), np.stack([np.diag([9.0, 4.0])] * 2))
    others = Ellipses(
        np.array([[1.0, 0], [0, 0], [40, 0]]), np.stack([np.eye(2), np.diag([9.0, 4]), np.eye(2)])
    )
    found = best_iou(own, others)
    assert found[0] == pytest.approx(1, abs=0.01) and np.isnan(found[1])


def test_words_name_each_reason_once_and_nothing_where_all_is_well():
    nuclei = pd.DataFrame({"p": [0.99, 0.55, 0.99, 0.99, 0.6], "overlap": [0.0, 0.0, 0.55, 0.4, 0.5]})
    nuclei["disagreement"] = [0.2, 0.2, np.nan, 0.95, 0.6]
    found = words(nuclei)
    assert found[0] == ""
    assert found[1] == "the network is unsure (p = 0.55)"
    assert found[2] == "shares 55% of its pixels with other nuclei"
    assert found[3] == "not found again when the image is turned"
    assert len(found[4].split("; ")) == 3
    assert words(nuclei.drop(columns="disagreement"))[3] == ""
    assert words(nuclei.iloc[:0]) == []
