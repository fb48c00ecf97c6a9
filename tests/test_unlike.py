"""What is said of whole images: unlike the training data, nothing found, seen too small."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from skimage.draw import disk

from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles, read_tiles
from canonuclei.segmentation.tiling import Grid
from canonuclei.segmentation.unlike import (
    NOTHING,
    nothing_found,
    object_diameter,
    small_when_scaled,
    unlike_training,
)
from canonuclei.training.summary import describe_training


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
    # where nothing was found, objects of a usual size are no reason to say so
    assert about_size(discs(20)[0], sized(9).iloc[:0], training) == []


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


def candidates(*p: float) -> pd.DataFrame:
    return pd.DataFrame({"p": p})


def test_an_image_without_nuclei_is_told_by_how_much_p_falls_short():
    (near,) = nothing_found(candidates(0.1, 0.42), 0.5, 0.05, {"steps": 400})
    assert near.startswith("no nucleus was found: the highest p(z) in the image is 0.42, the threshold 0.5;")
    assert near.endswith("try a lower --threshold")
    for far in (candidates(0.06, 0.12), candidates()):
        (said,) = nothing_found(far, 0.5, 0.05, {"steps": 1400})
        assert said.startswith(NOTHING) and "--diameter" not in said
        assert "trained for 1,400 steps" in said and "train it longer" in said and "--threshold" in said
    assert "is under 0.05" in said
    assert "steps" not in nothing_found(candidates(), 0.5, 0.05, {})[0]


def grid(side: int, scale: float) -> Grid:
    return Grid(side, side, round(side * scale), round(side * scale), scale, 128, 64)


def test_a_scale_that_leaves_less_than_a_tile_is_told_with_what_it_implies():
    (said,) = small_when_scaled(grid(512, 19 / 300), 1.0, 19.0)
    assert "scale 0.063" in said and "32 x 32 px" in said and "128 px" in said and "300 px wide" in said
    # a whole tile; the model's own scale; an image that is small anyway
    for side, scale, usual in ((512, 0.25, 1.0), (200, 0.5, 0.5), (90, 0.9, 1.0)):
        assert small_when_scaled(grid(side, scale), usual, 19.0) == []
