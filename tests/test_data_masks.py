"""Masks understood: two values, soft edges, labels of any numbers, colours, alpha; the rest is refused."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFilter

from canonuclei.data.masks import read_mask
from canonuclei.data.simulate import simulate_subset
from canonuclei.errors import InputError

FIELD = next(iter(simulate_subset(1, "stage1_train", 4, (160, 200))))
LABELS = FIELD.labels
INSIDE = LABELS > 0
COLOURS = np.random.default_rng(0).integers(30, 256, (LABELS.max() + 1, 3)).astype(np.uint8)
COLOURS[0] = 0
SOFT = np.asarray(Image.fromarray(INSIDE.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(0.8)))


def round_nuclei(values, radius=5) -> np.ndarray:
    """A disc of each value, in rows of five on an empty ground (int64)."""
    side = 4 * radius + 4
    y, x = np.indices((side, side)) - side // 2
    disc = (y**2 + x**2 <= radius**2).astype(int)
    rows = [list(values)[start : start + 5] for start in range(0, len(values), 5)]
    return np.vstack([np.hstack([value * disc for value in [*row, 0, 0, 0, 0][:5]]) for row in rows])


def drawn(path: Path, values: np.ndarray, **how) -> Path:
    tifffile.imwrite(path, values, photometric="rgb" if values.ndim == 3 else "minisblack", **how)
    return path


@pytest.mark.parametrize(
    "values",
    [
        INSIDE.astype(np.uint8) * 255,
        INSIDE.astype(np.uint8),
        INSIDE.astype(np.uint16) * 65535,
        INSIDE.astype(np.float32),
        INSIDE.astype(np.uint8) + 1,
        np.dstack([INSIDE * 200, INSIDE * 0, INSIDE * 0]).astype(np.uint8),
        np.dstack([INSIDE] * 3).astype(np.uint8) * 255,
    ],
    ids=["255", "1", "65535", "float", "1 and 2", "red", "white"],
)
def test_masks_of_two_values(tmp_path, values):
    mask = read_mask(drawn(tmp_path / "m.tif", values))
    assert mask.kind == "binary"
    np.testing.assert_array_equal(mask.labels, INSIDE)


def test_masks_of_one_bit_with_either_meaning_of_the_bit(tmp_path):
    Image.fromarray(INSIDE).save(tmp_path / "m.png")
    tifffile.imwrite(tmp_path / "bool.tif", INSIDE)
    Image.fromarray(INSIDE).save(tmp_path / "pil.tif")
    Image.fromarray(~INSIDE).save(tmp_path / "white.tif", tiffinfo={262: 0})
    for name in ("m.png", "bool.tif", "pil.tif"):
        np.testing.assert_array_equal(read_mask(tmp_path / name).labels, INSIDE)


@pytest.mark.parametrize(
    "values",
    [LABELS.astype(np.uint8), LABELS.astype(np.uint16), LABELS, LABELS.astype(np.float32), COLOURS[LABELS]],
    ids=["8", "16", "32", "float", "colours"],
)
def test_label_images_are_recognized(tmp_path, values):
    mask = read_mask(drawn(tmp_path / "m.tif", values))
    assert mask.kind == "instances" and mask.labels.max() == LABELS.max()
    np.testing.assert_array_equal(mask.labels > 0, INSIDE)


@pytest.mark.parametrize(
    "values",
    [range(25, 251, 25), np.linspace(100, 900, 30).astype(int), (2, 250), (1, 2, 3, 255)],
    ids=["steps of 25", "a crop of many", "two", "one far off"],
)
def test_labels_need_not_count_up(tmp_path, values):
    labels = round_nuclei(values)
    assert np.mean(labels == 0) > 0.8
    mask = read_mask(drawn(tmp_path / "m.tif", labels.astype(np.uint8 if max(values) < 256 else np.uint16)))
    assert mask.kind == "instances" and f"up to {max(values)}: taken for labels" in mask.notes[0]
    np.testing.assert_array_equal(mask.labels, np.searchsorted([0, *values], labels))


def test_labels_that_touch_in_clumps_are_not_cut_at_half(tmp_path):
    clumped = np.repeat(np.repeat(np.arange(1, 17).reshape(4, 4) * 15, 8, 0), 8, 1)
    labels = np.pad(clumped, 40)
    mask = read_mask(drawn(tmp_path / "m.tif", labels.astype(np.uint8)))
    assert mask.kind == "instances" and mask.labels.max() == 16


def test_lossy_noise_around_two_values_is_no_label(tmp_path):
    # patches of a value near by, as JPEG's blocks leave them
    patches = np.indices(INSIDE.shape)[1] % 16 < 3
    noisy = np.where(patches, np.where(INSIDE, 253, 1), np.where(INSIDE, 255, 0))
    mask = read_mask(drawn(tmp_path / "m.tif", noisy.astype(np.uint8)))
    np.testing.assert_array_equal(mask.labels, INSIDE)


@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_masks_drawn_in_alpha_alone(tmp_path, colour, suffix):
    path = tmp_path / f"m.{suffix}"
    rgba = np.dstack([np.full((*INSIDE.shape, 3), colour), INSIDE * 255])
    Image.fromarray(rgba.astype(np.uint8)).save(path)
    mask = read_mask(path)
    np.testing.assert_array_equal(mask.labels, INSIDE)
    assert "alpha channel alone" in mask.notes[0]


def test_an_opaque_empty_mask_is_empty(tmp_path):
    Image.new("RGBA", (40, 30), (0, 0, 0, 255)).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    assert not mask.labels.any() and mask.notes == ()


def test_smoothed_edges_are_no_labels(tmp_path):
    mask = read_mask(drawn(tmp_path / "m.tif", SOFT))
    assert mask.kind == "binary" and "cut at half" in mask.notes[0]
    assert np.mean((mask.labels > 0) == INSIDE) > 0.98


def test_one_nucleus_or_none_may_be_either(tmp_path):
    assert read_mask(drawn(tmp_path / "a.tif", (LABELS == 1).astype(np.uint8))).kind == "either"
    assert read_mask(drawn(tmp_path / "b.tif", np.zeros((30, 30), np.uint8))).kind == "either"
    # a crop of a label image keeps the nucleus's number; 255 is how a mask is drawn
    for number, kind in ((37, "either"), (255, "binary"), (65535, "binary")):
        mask = read_mask(drawn(tmp_path / "c.tif", (number * (LABELS == 1)).astype(np.uint16)))
        assert (mask.kind, mask.labels.max()) == (kind, 1)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.full((30, 30), 255, np.uint8), "no background"),
        (np.where(INSIDE, 1 + (np.indices(INSIDE.shape)[1] > 90), 0).astype(np.uint8), "classes"),
        (np.where(INSIDE, 100 * (1 + LABELS % 2), 0).astype(np.uint8), "values 0, 100, 200 .* classes"),
        # too small to be told from noise: cut at half, the lower ones would be lost
        (25 * round_nuclei(range(1, 11), radius=1), r"11 values \(0, 25, 50, 75, ...\)"),
        (np.random.default_rng(0).integers(0, 200, (40, 40)).astype(np.uint8), "neither"),
    ],
    ids=["full", "classes", "far apart", "tiny and far apart", "photo"],
)
def test_masks_that_mean_nothing(tmp_path, values, problem):
    with pytest.raises(InputError, match=problem) as caught:
        read_mask(drawn(tmp_path / "m.tif", values))
    assert "m.tif" in str(caught.value) and "\n" not in str(caught.value)


def test_inverted_masks_are_said(tmp_path):
    sparse = LABELS == 1
    assert "inverted" in read_mask(drawn(tmp_path / "m.tif", (~sparse).astype(np.uint8) * 255)).notes[0]
