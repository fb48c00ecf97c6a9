"""Reading any microscopy image: round trips of what microscopes write, and every bad file for real."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from canonuclei.data.reader import (
    MIN_SIDE,
    percentiles,
    picture_files,
    picture_stem,
    read_picture,
    rescaled,
    to_rgb8,
)
from canonuclei.errors import InputError

RNG = np.random.default_rng(0)
GREY8 = RNG.integers(0, 256, (40, 50), np.uint8)
GREY16 = RNG.integers(0, 4096, (40, 50), np.uint16)
COLOUR8 = RNG.integers(0, 256, (40, 50, 3), np.uint8)
COLOUR16 = RNG.integers(0, 65536, (40, 50, 3), np.uint16)
FLOAT = RNG.normal(size=(40, 50)).astype(np.float32)
# A name that breaks what goes by spaces or by ASCII
NAME = "Zellkerne Über 1.µ"


def tiff(folder, data, name=f"{NAME}.tif", **how):
    path = folder / name
    tifffile.imwrite(path, data, **how)
    return path


def png(folder, data, mode=None, **how):
    path = folder / f"{NAME}.png"
    image = data if isinstance(data, Image.Image) else Image.fromarray(data)
    (image.convert(mode) if mode else image).save(path, **how)
    return path


@pytest.mark.parametrize("data", [GREY8, GREY16, COLOUR8], ids=["grey8", "grey16", "colour8"])
def test_png_round_trip(tmp_path, data):
    picture = read_picture(png(tmp_path, data))
    assert picture.pixels.dtype == data.dtype
    np.testing.assert_array_equal(picture.pixels.squeeze(), data)
    assert picture.channels == (("red", "green", "blue") if data.ndim == 3 else ("",))
    assert picture.pixel_size is None and picture.notes == ()


@pytest.mark.parametrize("data", [GREY8, GREY16, COLOUR8, COLOUR16, FLOAT])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_round_trip(tmp_path, data, compression, byteorder):
    how = {"compression": compression, "byteorder": byteorder}
    how["photometric"] = "rgb" if data.ndim == 3 else "minisblack"
    picture = read_picture(tiff(tmp_path, data, **how))
    assert picture.pixels.dtype == data.dtype
    np.testing.assert_array_equal(picture.pixels.squeeze(), data)


@pytest.mark.parametrize("data", [GREY8, GREY16, COLOUR8], ids=["grey8", "grey16", "colour8"])
@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits"])
def test_tiff_packed_as_other_programs_do(tmp_path, data, compression):
    path = tmp_path / "a.tif"
    Image.fromarray(data).save(path, compression=compression)
    np.testing.assert_array_equal(read_picture(path).pixels.squeeze(), data)


def test_white_is_zero_is_turned_with_either_decoder(tmp_path):
    path = tiff(tmp_path, 255 - GREY8, photometric="miniswhite")
    np.testing.assert_array_equal(read_picture(path).pixels[..., 0], GREY8)
    image = Image.fromarray(GREY8)
    image.save(tmp_path / "b.tif", compression="tiff_lzw", tiffinfo={262: 0})
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert tif.pages[0].photometric == 0
    np.testing.assert_array_equal(
        read_picture(tmp_path / "b.tif").pixels[..., 0], np.asarray(Image.open(tmp_path / "b.tif"))
    )


def test_bigtiff_and_signed_and_wide_integers(tmp_path):
    wide = GREY16.astype(np.uint32)
    np.testing.assert_array_equal(read_picture(tiff(tmp_path, wide, bigtiff=True)).pixels[..., 0], GREY16)
    signed = GREY16.astype(np.int16) - 100
    picture = read_picture(tiff(tmp_path, signed))
    assert picture.pixels.dtype == np.float32
    np.testing.assert_array_equal(picture.pixels[..., 0], signed)
    assert read_picture(tiff(tmp_path, FLOAT.astype(np.float64))).pixels.dtype == np.float32


def test_planar_and_channel_first(tmp_path):
    planar = np.moveaxis(COLOUR8, -1, 0)
    path = tiff(tmp_path, planar, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(to_rgb8(read_picture(path)), COLOUR8)
    stack = np.stack([GREY16, GREY16[::-1]])
    for how in ({"metadata": {"axes": "CYX"}}, {"imagej": True, "metadata": {"axes": "CYX"}}, {}):
        picture = read_picture(tiff(tmp_path, stack, photometric="minisblack", **how))
        np.testing.assert_array_equal(picture.pixels, np.moveaxis(stack, 0, -1))


def test_ome_channels_by_name_and_pixel_size(tmp_path):
    stack = np.stack([GREY8, GREY8[::-1], GREY8[:, ::-1]])
    metadata = {
        "axes": "CYX",
        "Channel": {"Name": ["DAPI", "GFP & Co", "RFP"]},
        "PhysicalSizeX": 325.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    path = tiff(tmp_path, stack, f"{NAME}.ome.tif", metadata=metadata)
    picture = read_picture(path)
    assert picture.channels == ("DAPI", "GFP & Co", "RFP")
    assert picture.pixel_size == pytest.approx((0.5, 0.325))
    np.testing.assert_array_equal(to_rgb8(picture, 1), np.repeat(stack[1][..., None], 3, -1))
    np.testing.assert_array_equal(to_rgb8(picture, "RFP")[..., 0], stack[2])
    with pytest.raises(InputError, match=r"3 channels \(0 DAPI, 1 GFP & Co, 2 RFP\) and none chosen"):
        to_rgb8(picture)
    for wrong in (3, -1, "dapi"):
        with pytest.raises(InputError, match=r"no channel .*0 DAPI, 1 GFP & Co, 2 RFP"):
            to_rgb8(picture, wrong)


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


def bad_png(width, height, depth=8):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def cut(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


def huge_tiff(folder, width, height):
    path = tiff(folder, GREY8, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(width)
        tif.pages[0].tags["ImageLength"].overwrite(height)
        tif.pages[0].tags["RowsPerStrip"].overwrite(height)
    return path


def written(folder, content, name="x.png"):
    (folder / name).write_bytes(content)
    return folder / name


NAN = np.where(FLOAT > 2, np.nan, FLOAT)
INF = np.where(FLOAT > 2, np.inf, FLOAT)
GREY_STACK = np.stack([GREY8] * 12)
BAD = {
    "missing": (lambda d: d / "none.png", "missing"),
    "folder": (lambda d: d, "cannot be read"),
    "empty": (lambda d: written(d, b""), "empty file"),
    "text": (lambda d: written(d, b"not an image at all"), "neither PNG nor TIFF"),
    "half a PNG": (lambda d: cut(png(d, GREY8), 0.5), "cut short"),
    "PNG header": (lambda d: written(d, bad_png(20, 20)[:20]), "cut short"),
    "wide PNG": (lambda d: written(d, bad_png(100_000, 1000)), "100000 x 1000 px cannot be in"),
    "giant PNG": (lambda d: written(d, bad_png(100_000, 100_000)), "more than"),
    "half a TIFF": (lambda d: cut(tiff(d, COLOUR8), 0.5), "cut short"),
    "half a packed TIFF": (lambda d: cut(tiff(d, COLOUR8, compression="zlib"), 0.5), "cut short"),
    "TIFF header": (lambda d: written(d, b"II*\0\x08\0\0\0", "x.tif"), "TIFF"),
    "TIFF that ends": (lambda d: cut(tiff(d, GREY8), 0.02), "TIFF"),
    "wide TIFF": (lambda d: huge_tiff(d, 100_000, 40), "cut short"),
    "giant TIFF": (lambda d: huge_tiff(d, 100_000, 100_000), "more than"),
    "small PNG": (lambda d: png(d, GREY8[: MIN_SIDE - 1]), "too small .*at least 16"),
    "small TIFF": (lambda d: tiff(d, GREY8[:, : MIN_SIDE - 1]), "too small .*at least 16"),
    "one bit PNG": (lambda d: png(d, GREY8 > 9), "1 bit a pixel, as masks"),
    "one bit TIFF": (lambda d: tiff(d, GREY8 > 9), "1 bit a pixel, as masks"),
    "NaN": (lambda d: tiff(d, NAN), "NaN or infinite"),
    "infinite": (lambda d: tiff(d, INF), "NaN or infinite"),
    "complex": (lambda d: tiff(d, FLOAT.astype(np.complex64)), "pixels of type complex"),
    "z-stack": (lambda d: tiff(d, GREY_STACK, metadata={"axes": "ZYX"}, photometric="minisblack"), "Z 12"),
    "time": (
        lambda d: tiff(d, GREY_STACK, imagej=True, metadata={"axes": "TYX"}, photometric="minisblack"),
        "axes TYX with T 12 .time series",
    ),
    "4D": (
        lambda d: tiff(
            d,
            GREY_STACK.reshape(2, 3, 2, 40, 50),
            "s.ome.tif",
            metadata={"axes": "TZCYX"},
            photometric="minisblack",
        ),
        "axes TZCYX with T 2 .time series., Z 3 .z-stack., C 2",
    ),
    "unnamed stack": (lambda d: tiff(d, GREY_STACK, photometric="minisblack"), "Q 12"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_one_line_with_file_and_remedy(tmp_path, case):
    make, problem = BAD[case]
    path = make(tmp_path)
    with pytest.raises(InputError, match=problem) as caught:
        read_picture(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and len(caught.value.remedy) > 5


def test_declared_size_is_checked_before_memory_is_taken(tmp_path):
    path = png(tmp_path, GREY8)
    with pytest.raises(InputError, match="50 x 40 px, more than 1999 pixels"):
        read_picture(path, max_pixels=1999)
    assert read_picture(path, max_pixels=2000).pixels.shape == (40, 50, 1)


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
