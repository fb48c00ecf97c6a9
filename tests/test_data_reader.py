"""Reading any microscopy image: what is in a picture, and what the networks see of it."""

import numpy as np
import pytest
from PIL import Image

from canonuclei.data.reader import percentiles, picture_files, picture_stem, read_picture, rescaled, to_rgb8
from canonuclei.errors import InputError
from pictures import COLOUR8, GREY8, GREY16, png, tiff


@pytest.mark.parametrize("data", [GREY8, GREY16, COLOUR8], ids=["grey8", "grey16", "colour8"])
def test_png_round_trip(tmp_path, data):
    picture = read_picture(png(tmp_path, data))
    assert picture.pixels.dtype == data.dtype
    np.testing.assert_array_equal(picture.pixels.squeeze(), data)
    assert picture.channels == (("red", "green", "blue") if data.ndim == 3 else ("",))
    assert picture.pixel_size is None and picture.notes == ()


def test_pixel_size_of_imagej_tags_and_png(tmp_path):
    path = tiff(tmp_path, GREY8, imagej=True, resolution=(4.0, 2.0), metadata={"unit": "um"})
    assert read_picture(path).pixel_size == pytest.approx((0.5, 0.25))
    path = tiff(tmp_path, GREY8, imagej=True, resolution=(4.0, 2.0), metadata={"unit": "pixel"})
    assert read_picture(path).pixel_size is None
    path = tiff(tmp_path, GREY8, resolution=(20000, 20000), resolutionunit="CENTIMETER")
    assert read_picture(path).pixel_size == pytest.approx((0.5, 0.5))
    assert read_picture(tiff(tmp_path, GREY8, resolution=(72, 72), resolutionunit="INCH")).pixel_size is None
    assert read_picture(png(tmp_path, GREY8, dpi=(50800, 25400))).pixel_size == pytest.approx((1, 0.5), 1e-3)
    assert read_picture(png(tmp_path, GREY8, dpi=(72, 72))).pixel_size is None


@pytest.mark.parametrize("dpi", [600, 1200, 4800])
def test_a_printers_resolution_is_no_pixel_size(tmp_path, dpi):
    for path in (
        png(tmp_path, GREY8, dpi=(dpi, dpi)),
        tiff(tmp_path, GREY8, resolution=(dpi, dpi), resolutionunit="INCH"),
        tiff(tmp_path, GREY8, "c.tif", imagej=True, resolution=(dpi, dpi), metadata={"unit": "inch"}),
    ):
        picture = read_picture(path)
        assert picture.pixel_size is None, path
        assert f"{dpi} dpi" in picture.notes[0] and "pixel size unknown" in picture.notes[0]
    # who calibrates is believed
    path = tiff(tmp_path, GREY8, imagej=True, resolution=(0.1, 0.1), metadata={"unit": "um"})
    assert read_picture(path).pixel_size == pytest.approx((10, 10))


def test_alpha_is_dropped_and_said(tmp_path, caplog):
    with_alpha = np.dstack([COLOUR8, np.full((40, 50), 7, np.uint8)])
    for path in (
        png(tmp_path, with_alpha),
        tiff(tmp_path, with_alpha, photometric="rgb", extrasamples=["unassalpha"]),
        tiff(tmp_path, with_alpha, "b.tif", photometric="rgb", extrasamples=["unspecified"]),
    ):
        caplog.clear()
        picture = read_picture(path)
        np.testing.assert_array_equal(picture.pixels, COLOUR8)
        assert "alpha channel is dropped" in picture.notes[0]
        assert str(path) in caplog.text and "alpha" in caplog.text
    grey_alpha = np.dstack([GREY8, GREY8])
    path = tiff(tmp_path, grey_alpha, photometric="minisblack", extrasamples=["assocalpha"])
    np.testing.assert_array_equal(read_picture(path).pixels[..., 0], GREY8)


def test_palettes_become_colours(tmp_path):
    image = Image.fromarray(COLOUR8).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_picture(png(tmp_path, image)).pixels, expected)
    image.save(tmp_path / "p.tif")
    np.testing.assert_array_equal(read_picture(tmp_path / "p.tif").pixels, expected)


def test_deep_images_are_stretched_without_falling_for_hot_pixels(tmp_path):
    hot = np.tile(np.linspace(100, 1100, 50).astype(np.uint16), (200, 1))
    hot[0, 0] = 65535
    seen = to_rgb8(read_picture(tiff(tmp_path, hot)))
    assert seen.dtype == np.uint8 and seen.shape == (200, 50, 3)
    assert seen[1, 0, 0] == 0 and seen[1, -1, 0] == 255 and abs(int(seen[1, 25, 0]) - 130) < 4
    as_float = to_rgb8(read_picture(tiff(tmp_path, hot.astype(np.float32))))
    assert np.abs(as_float.astype(int) - seen).max() <= 1
    np.testing.assert_array_equal(to_rgb8(read_picture(png(tmp_path, GREY8)))[..., 2], GREY8)


def test_percentiles_of_integers_are_values_of_the_image():
    values = np.arange(1000, dtype=np.uint16).reshape(100, 10, 1)
    assert percentiles(values, (0.1, 99.9)) == (0.0, 998.0)
    assert percentiles(values, (0, 100)) == (0.0, 999.0)


def test_constant_image_is_a_warning(tmp_path, caplog):
    for path in (
        png(tmp_path, np.full((20, 20), 9, np.uint8)),
        tiff(tmp_path, np.full((20, 20), 9, np.float32)),
    ):
        picture = read_picture(path)
        assert "all pixels are 9" in picture.notes[0] and "all pixels are 9" in caplog.text
        assert len(np.unique(to_rgb8(picture))) == 1


def test_rescaled_smooths_what_it_shrinks():
    fine = np.indices((64, 64)).sum(0).astype(np.uint8) % 2 * 255
    shrunk = rescaled(np.repeat(fine[..., None], 3, -1), 0.25)
    assert shrunk.shape == (16, 16, 3) and np.abs(shrunk[2:-2, 2:-2].astype(int) - 127).max() < 6
    assert rescaled(COLOUR8, 1.5).shape == (60, 75, 3)
    assert rescaled(COLOUR8, 1.0) is COLOUR8


def test_an_image_as_large_as_ours_is_read_whole(tmp_path):
    # 90 million pixels are where Pillow itself would warn
    path = png(tmp_path, np.zeros((9500, 9500), np.uint8), compress_level=1)
    assert read_picture(path).pixels.shape == (9500, 9500, 1)


def test_pictures_of_a_folder(tmp_path):
    with pytest.raises(InputError, match="no image in this folder"):
        picture_files(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        picture_files(tmp_path / "none")
    for name in ("b.PNG", "a é.tif", "c.ome.tiff", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in picture_files(tmp_path)] == ["a é.tif", "b.PNG", "c.ome.tiff"]
    (tmp_path / "c.png").touch()
    with pytest.raises(InputError, match=r"c.ome.tiff and c.png have the same name"):
        picture_files(tmp_path)


def test_stems():
    assert picture_stem("x/a b.ome.tif") == "a b" and picture_stem("a.1.png") == "a.1"
    assert picture_stem("a.ome.png") == "a" and picture_stem("e\u0301.tif") == "\u00e9"
    assert picture_stem("plain") == "plain"
