"""Images of every depth and colour come out as the same RGB; broken ones are told in a line."""

import numpy as np
import pytest

from canonuclei.data.images import decode_mask, decode_rgb
from canonuclei.data.looks import look
from canonuclei.errors import InputError
from png_files import huge_png, png, raw_png

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (7, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (7, 5, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (7, 5, 1), dtype=np.uint8)
NOISE = RNG.integers(0, 256, (50, 50, 3), dtype=np.uint8)
AS_RGB = np.repeat(GREY[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (png(GREY), AS_RGB),
        (raw_png(np.concatenate([GREY[..., None], ALPHA], -1)), AS_RGB),
        (png(COLOUR), COLOUR),
        (png(np.concatenate([COLOUR, ALPHA], -1)), COLOUR),
        (png(GREY // 16 * 16, "P"), AS_RGB // 16 * 16),
        (png(np.where(GREY > 99, 255, 0).astype(np.uint8), "1"), np.where(AS_RGB > 99, 255, 0)),
    ],
    ids=["grey", "grey+alpha", "rgb", "rgba", "palette", "1-bit"],
)
def test_eight_bit(data, wanted):
    rgb = decode_rgb(data, "file")
    assert rgb.dtype == np.uint8 and rgb.shape == (7, 5, 3) and rgb.flags.c_contiguous
    np.testing.assert_array_equal(rgb, wanted)


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_is_stretched_from_all_its_bits(channels, filtered):
    samples = RNG.integers(1000, 1300, (9, 6, channels), dtype=np.uint16)  # nearly all in the low bytes
    colours = samples[..., : 1 if channels < 3 else 3].astype(float)
    wanted = np.rint((colours - colours.min()) / (colours.max() - colours.min()) * 255)
    rgb = decode_rgb(raw_png(samples, filtered), "file")
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, np.broadcast_to(wanted, (9, 6, 3)))


def test_constant_sixteen_bit_is_black():
    assert not decode_rgb(raw_png(np.full((3, 3, 1), 4000, np.uint16)), "file").any()


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "P"])
def test_mask_of_any_kind(mode):
    wanted = GREY > 128
    np.testing.assert_array_equal(decode_mask(png(wanted.astype(np.uint8) * 255, mode), "mask"), wanted)


def test_mask_of_sixteen_bit():
    wanted = GREY > 128
    np.testing.assert_array_equal(decode_mask(raw_png(wanted[..., None].astype(np.uint16)), "mask"), wanted)


@pytest.mark.parametrize("decode", [decode_rgb, decode_mask])
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (png(NOISE)[:-300], "cut short"),
        (png(COLOUR)[:20], "cut short"),
        (raw_png(NOISE.astype(np.uint16))[:-300], "cut short"),
        (b"GIF89a", "not a PNG"),
        (b"", "not a PNG"),
        (huge_png(9000, 9000), "more than"),
        (huge_png(2_000_000, 2_000_000), "more than"),
    ],
    ids=["half", "header", "sixteen", "other", "empty", "big", "bomb"],
)
def test_broken_is_one_line_with_its_place(decode, data, problem):
    with pytest.raises(InputError, match=problem) as caught:
        decode(data, "a.zip, x.png")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("a.zip, x.png:")


def test_size_is_refused_by_the_header_alone(monkeypatch):
    from PIL import ImageFile

    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("pixels were decoded"))
    with pytest.raises(InputError, match="more than 10 pixels"):
        decode_rgb(png(COLOUR), "file", max_pixels=10)


def painted(background, foreground, share=0.2):
    """An image of background with a share of its rows in the foreground's colour, a little uneven."""
    image = np.empty((100, 100, 3))
    image[:] = background
    image[: int(100 * share)] = foreground
    return np.clip(image + RNG.normal(0, 2, (100, 100, 1)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (painted((10, 10, 10), (200, 200, 200)), "fluorescence"),
        (painted((0, 5, 40), (40, 60, 220)), "fluorescence"),
        (painted((240, 240, 240), (60, 60, 60)), "brightfield"),
        (painted((240, 238, 242), (120, 70, 150)), "tissue"),
        (painted((225, 220, 190), (120, 70, 150)), "tissue"),
        (painted((190, 130, 190), (90, 50, 140)), "tissue"),
        (np.zeros((1, 1, 3), np.uint8), "fluorescence"),
    ],
)
def test_look(image, wanted):
    assert look(image) == wanted
