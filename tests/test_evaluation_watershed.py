"""References by image processing, and moment ellipses, on shapes whose answer is known."""

import numpy as np
import pytest
from skimage.draw import ellipse
from skimage.measure import regionprops

from canonuclei.evaluation.ellipses import moment_ellipses
from canonuclei.evaluation.watershed import Basins, components, distance_watershed, otsu_mask


def discs(*centres: tuple[int, int], radius: int = 10, size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.any([(y - a) ** 2 + (x - b) ** 2 <= radius**2 for a, b in centres], axis=0)


TOUCHING = discs((20, 20), (20, 38), (50, 50))


def test_components_do_not_join_at_corners() -> None:
    assert components(np.eye(3, dtype=bool)).max() == 3
    assert components(TOUCHING).max() == 2


def test_watershed_parts_touching_discs() -> None:
    labels = distance_watershed(TOUCHING, 5)
    assert labels.max() == 3 and ((labels > 0) == TOUCHING).all()
    assert labels[20, 20] != labels[20, 38]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_count_watershed_makes_as_many_basins_as_asked(count: int) -> None:
    assert len(np.unique(Basins(TOUCHING).by_count(count))) - 1 == count


def test_watersheds_of_an_empty_and_of_a_full_mask() -> None:
    for method in (components, lambda m: distance_watershed(m, 5), lambda m: Basins(m).by_count(1)):
        assert method(np.zeros((16, 16), bool)).max() == 0
        assert method(np.ones((16, 16), bool)).max() == 1
    assert Basins(TOUCHING).by_count(0).max() == 0


@pytest.mark.parametrize("bright", [True, False])
def test_otsu_finds_either_polarity(bright: bool) -> None:
    grey = np.where(TOUCHING, 200, 40) if bright else np.where(TOUCHING, 40, 200)
    found = otsu_mask(np.repeat(grey[..., None], 3, axis=-1).astype(np.uint8))
    assert (found ^ TOUCHING).mean() < 0.02
    assert not otsu_mask(np.full((8, 8, 3), 7, np.uint8)).any()


def test_ellipse_of_an_ellipse_is_itself() -> None:
    labels = np.zeros((80, 80), np.uint16)
    labels[ellipse(40.3, 38.6, 20, 9, rotation=0.6)] = 5
    drawn = moment_ellipses(labels).toarray().reshape(80, 80).astype(bool)
    assert (drawn & (labels > 0)).sum() / (drawn | (labels > 0)).sum() > 0.97
    true, ours = regionprops(labels)[0], regionprops(drawn.astype(np.uint8))[0]
    assert ours.centroid == pytest.approx(true.centroid, abs=0.1)
    assert ours.orientation == pytest.approx(true.orientation, abs=0.02)


def test_ellipses_of_single_pixels_lines_and_nothing() -> None:
    labels = np.zeros((6, 6), np.uint16)
    labels[0, 0], labels[3, :] = 1, 2
    drawn = moment_ellipses(labels).toarray().reshape(2, 6, 6)
    assert drawn[0].sum() == 1 and drawn[0, 0, 0] == 1 and drawn[1, 3].sum() == 6
    assert moment_ellipses(np.zeros((4, 4), int)).shape == (0, 16)
