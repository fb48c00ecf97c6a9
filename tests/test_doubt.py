"""Doubt: exact under turns, 0 for what does not change, and said in words that a biologist understands."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.draw import disk

from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles, read_tiles
from canonuclei.models.shape import ShapeMLP
from canonuclei.models.transform import grid_points
from canonuclei.nuclei.fused import FusedShape
from canonuclei.nuclei.measures import ShapeMeasures, measure
from canonuclei.segmentation.doubt import object_diameter, unlike_training, words
from canonuclei.segmentation.turns import TURNS, Ellipses, best_iou, disagreement, turned, turned_back
from canonuclei.training.summary import describe_training

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
    nuclei = pd.DataFrame({"p": [0.99, 0.55, 0.99, 0.99, 0.6], "overlap": [0.0, 0.0, 0.45, 0.1, 0.5]})
    nuclei["disagreement"] = [0.2, 0.2, np.nan, 0.95, 0.6]
    found = words(nuclei)
    assert found[0] == ""
    assert found[1] == "the network is unsure (p = 0.55)"
    assert found[2] == "shares 45% of its pixels with other nuclei"
    assert found[3] == "not found again when the image is turned"
    assert len(found[4].split("; ")) == 3
    assert words(nuclei.drop(columns="disagreement"))[3] == ""
    assert words(nuclei.iloc[:0]) == []


def discs(diameter: float, side: int = 256, step: int = 48, ground: int = 12, light: int = 160) -> tuple:
    """Image and labels of discs on a lattice."""
    labels = np.zeros((side, side), np.int32)
    for number, (y, x) in enumerate(np.ndindex(side // step, side // step), start=1):
        labels[disk(((y + 0.5) * step, (x + 0.5) * step), diameter / 2, shape=labels.shape)] = number
    grey = gaussian_filter(np.where(labels > 0, light, ground).astype(float), 1)
    grey += np.random.default_rng(0).normal(0, 2, grey.shape)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, -1), labels


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The summary of images of discs 16 to 24 px wide."""
    folder = tmp_path_factory.mktemp("tiles")
    made = [(str(width), *discs(width, light=light)) for width, light in ((16, 120), (20, 160), (24, 200))]
    cut_tiles(
        [AnnotatedImage(name, "stage1_train", rgb, labels) for name, rgb, labels in made], folder, size=128
    )
    return describe_training(read_tiles(folder), True)


def about_size(*arguments: object, **more: float) -> list[str]:
    """What is said of sizes: larger discs make an image brighter, too."""
    return [said for said in unlike_training(*arguments, **more) if "px" in said]


def sized(diameter: float) -> pd.DataFrame:
    return pd.DataFrame({"area": [math.pi * diameter**2 / 4]})


def test_an_image_like_the_training_images_is_not_warned_of(training: dict):
    assert unlike_training(discs(19)[0], sized(19), training) == []


@pytest.mark.parametrize("diameter", [9, 12, 20, 40, 60])
def test_object_diameters_are_told_without_a_model(diameter: float):
    assert object_diameter(discs(diameter, step=72)[0]) == pytest.approx(diameter, rel=0.25)


def test_large_nuclei_are_named_with_the_remedy_though_the_model_finds_its_own_size(training: dict):
    (said,) = about_size(discs(60, step=72)[0], sized(20), training)
    assert "times as wide as in training" in said and "--diameter 6" in said
    # with the remedy taken, nothing is left to say
    assert about_size(discs(60, step=72)[0], sized(60), training, scale=20 / 60) == []


def test_small_nuclei_and_pieces_are_named(training: dict):
    (said,) = about_size(discs(8)[0], sized(16), training)
    assert "only 0.4 times" in said or "only 0.5 times" in said
    (said,) = about_size(discs(19)[0], sized(8), training)
    assert "parts of larger ones" in said
    (said,) = about_size(discs(20)[0], sized(9).iloc[:0], training)
    assert "no nucleus was found" in said


def test_another_look_and_another_contrast_are_named(training: dict):
    dark = 255 - discs(20)[0]
    assert any(
        "brightfield" in said and "none of the training" in said
        for said in unlike_training(dark, sized(20), training)
    )
    faint = discs(20, light=30)[0]
    assert any("little contrast" in said for said in unlike_training(faint, sized(20), training))
    assert any("brighter" in said for said in unlike_training(discs(20, ground=80)[0], sized(20), training))


def test_a_model_that_tells_nothing_is_compared_with_nothing():
    assert unlike_training(discs(60)[0], sized(20), None) == []
    assert unlike_training(discs(60)[0], sized(20), {}) == []


def test_even_and_large_images(training: dict):
    even = np.full((64, 64, 3), 7, np.uint8)
    assert object_diameter(even) is None
    assert any("contrast" in said for said in unlike_training(even, sized(20).iloc[:0], training))
    large = np.tile(discs(20, side=240)[0], (8, 8, 1))
    assert object_diameter(large) == pytest.approx(20, rel=0.2)
