"""The summary of the training data: sizes are right although tiles cut nuclei, and K is not peeked at."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage.draw import disk

from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import Tiles, cut_tiles, read_tiles
from canonuclei.training.summary import describe_training


def image(name: str, diameter: float, side: int = 512, step: int = 44, grey: int = 200) -> AnnotatedImage:
    """Discs at random places that do not touch."""
    moves = np.random.default_rng(0)
    labels = np.zeros((side, side), np.int32)
    for number, (y, x) in enumerate(np.ndindex(side // step, side // step), start=1):
        dy, dx = moves.uniform(-0.5, 0.5, 2) * (step - diameter - 2)
        centre = (y + 0.5) * step + dy, (x + 0.5) * step + dx
        spot = disk(centre, diameter / 2, shape=labels.shape)
        labels[spot] = number
    rgb = np.full((side, side, 3), 10, np.uint8)
    rgb[labels > 0] = grey
    return AnnotatedImage(name, "stage1_train", rgb, labels)


@pytest.fixture
def tiles(tmp_path: Path) -> Tiles:
    cut_tiles([image("a", 16), image("b", 30), image("c", 24)], tmp_path, size=64)
    return read_tiles(tmp_path)


@pytest.mark.parametrize("counts", [True, False])
def test_diameters_are_those_of_whole_nuclei(tiles: Tiles, counts: bool):
    summary = describe_training(tiles, counts)
    quantiles = summary["quantiles"]["diameter"]
    assert quantiles["0"] == pytest.approx(16, rel=0.1)
    assert quantiles["50"] == summary["diameter_median"] == pytest.approx(24, rel=0.1)
    assert quantiles["100"] == pytest.approx(30, rel=0.1)
    assert summary["diameter_from"] == ("counts" if counts else "components")


def test_every_image_counts_once(tiles: Tiles):
    summary = describe_training(tiles, True)
    assert (summary["images"], summary["tiles"], summary["tile_size"]) == (3, 192, 64)
    assert summary["looks"] == {"fluorescence": 1.0, "tissue": 0.0, "brightfield": 0.0}
    assert summary["quantiles"]["contrast"]["50"] == 190


def test_the_scale_of_the_images_is_told(tiles: Tiles):
    assert describe_training(tiles, False)["scale"] == 1.0
    rescaled = replace(tiles, table=tiles.table.assign(scale=0.25))
    assert describe_training(rescaled, False)["scale"] == 0.25


def test_a_run_that_is_not_told_k_does_not_learn_it(tiles: Tiles):
    lied = replace(tiles, table=tiles.table.assign(k=1))
    assert describe_training(lied, False) == describe_training(tiles, False)
    assert describe_training(lied, True) != describe_training(tiles, True)


def test_images_without_k_fall_back_on_components(tiles: Tiles):
    k = tiles.table["k"].astype(float).mask(tiles.table["image_id"] == "a")
    summary = describe_training(replace(tiles, table=tiles.table.assign(k=k)), True)
    assert summary["quantiles"]["diameter"]["0"] == pytest.approx(16, rel=0.1)


def test_without_a_nucleus_there_is_no_diameter(tiles: Tiles):
    empty = replace(tiles, masks=np.zeros_like(tiles.masks), table=tiles.table.assign(k=0))
    assert describe_training(empty, True)["diameter_median"] is None


def test_masks_are_needed(tiles: Tiles):
    with pytest.raises(ValueError, match="masks"):
        describe_training(Tiles(tiles.images, pd.DataFrame()), True)
