"""The overlay: outlines where the nuclei are, doubtful ones told apart, a legend that says so."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from canonuclei.explain.data import encode_picture
from canonuclei.segmentation.overlay import DOUBTFUL, SURE, draw_overlay, picture_height


def discs(height: int, width: int, centres: list[tuple[int, int]], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    labels = np.zeros((height, width), np.int32)
    for number, (y, x) in enumerate(centres, start=1):
        labels[np.hypot(rows - y, columns - x) <= radius] = number
    return labels


def drawn(picture: Image.Image, colour: tuple[int, int, int], shape: tuple[int, int]) -> np.ndarray:
    """Where the image, without the legend, has a colour."""
    return (np.asarray(picture) == colour).all(axis=-1)[: picture_height(shape)]


def test_doubtful_nuclei_are_dashed_in_a_colour_of_their_own() -> None:
    labels = discs(600, 700, [(100, 100), (100, 400), (400, 200)], 40)
    rgb = np.zeros((600, 700, 3), np.uint8)
    plain, doubtful = draw_overlay(rgb, labels), draw_overlay(rgb, labels, doubtful=np.array([2]))
    assert plain.width == 700 and not drawn(plain, DOUBTFUL, labels.shape).any()
    outline, dashed = drawn(plain, SURE, labels.shape), drawn(doubtful, DOUBTFUL, labels.shape)
    np.testing.assert_array_equal(drawn(doubtful, SURE, labels.shape), outline & (labels != 2))
    # about half of the outline, in pieces all around
    whole = outline & (labels == 2)
    assert (dashed <= whole).all() and 0.4 < dashed.sum() / whole.sum() < 0.6
    for quarter in (np.s_[:100, :400], np.s_[:100, 400:], np.s_[100:, :400], np.s_[100:, 400:]):
        assert 0.3 < dashed[quarter].sum() / whole[quarter].sum() < 0.7


def test_the_legend_tells_only_what_there_is() -> None:
    labels = discs(600, 700, [(100, 100)], 40)
    rgb = np.full((600, 700, 3), 128, np.uint8)
    legends = [
        np.asarray(draw_overlay(rgb, labels, doubtful=ids))[600:]
        for ids in (None, np.array([], int), np.array([1]))
    ]
    assert all(len(legend) > 10 for legend in legends)
    told = [(legend == DOUBTFUL).all(axis=-1).any() for legend in legends]
    assert told == [False, False, True]
    # white words
    assert all((legend > 200).all(axis=-1).sum() > 20 for legend in legends)


@pytest.mark.parametrize("shape", [(16, 16), (40, 300), (512, 512), (2048, 100), (2049, 31), (4500, 2100)])
def test_images_of_all_sizes(shape: tuple[int, int]) -> None:
    labels = np.zeros(shape, np.int32)
    labels[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = 7
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    picture = draw_overlay(rgb, labels, (10.0, 200.0), np.array([7]))
    height = picture_height(shape)
    assert height <= picture.height <= height + 30
    assert max(picture.width, height) <= 2048
    assert height / picture.width == pytest.approx(shape[0] / shape[1], rel=0.1)
    assert drawn(picture, DOUBTFUL, shape).any()


def test_a_large_image_is_reduced_as_a_whole_would_be() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (4501, 2103, 3)).astype(np.uint8)
    picture = np.asarray(draw_overlay(rgb, np.zeros(rgb.shape[:2], np.int32)))[
        : picture_height(rgb.shape[:2])
    ]
    np.testing.assert_array_equal(picture, np.asarray(Image.fromarray(rgb).reduce(3)))


def test_the_page_s_picture_of_a_large_image_is_of_all_of_it() -> None:
    rgb = np.zeros((9700, 601, 3), np.uint8)
    rgb[4850:] = 200
    uri, size, exact = encode_picture(rgb, 10**7)
    assert size == (2400, 149) and not exact
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L"))
    assert shown.shape == size
    # the edge in the middle is where it is
    assert (shown[:1195] < 10).all() and (shown[1205:] > 190).all()


def test_inverted_limits_do_not_invert_the_picture() -> None:
    rgb = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 300, 3))
    none = np.zeros((256, 300), np.int32)
    one, other = (np.asarray(draw_overlay(rgb, none, limits)) for limits in ((20.0, 220.0), (220.0, 20.0)))
    np.testing.assert_array_equal(one, other)
    assert one[0, 0, 0] == 0 and one[255, 0, 0] == 255
