"""TIFF: round trips of what microscopes and other programs write, with every compression in use."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from canonuclei.data.reader import read_picture, to_rgb8
from canonuclei.errors import InputError
from pictures import COLOUR8, COLOUR16, FLOAT, GREY8, GREY16, NAME, tiff


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


@pytest.mark.parametrize("compression", ["lzw", "lzma", "zstd", "packbits", "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
@pytest.mark.parametrize("data", [COLOUR8, COLOUR16], ids=["colour8", "colour16"])
def test_packed_colours_keep_their_bits_and_their_planes(
    tmp_path, data, planarconfig, byteorder, compression
):
    stored = np.moveaxis(data, -1, 0) if planarconfig == "separate" else data
    how = {"photometric": "rgb", "planarconfig": planarconfig, "byteorder": byteorder}
    picture = read_picture(tiff(tmp_path, stored, compression=compression, **how))
    assert picture.pixels.dtype == data.dtype and picture.channels == ("red", "green", "blue")
    np.testing.assert_array_equal(picture.pixels, data)


@pytest.mark.parametrize("data", [GREY8, GREY16], ids=["grey8", "grey16"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_packed_with_white_as_zero(tmp_path, data, byteorder):
    path = tiff(tmp_path, ~data, photometric="miniswhite", byteorder=byteorder, compression="lzw")
    np.testing.assert_array_equal(read_picture(path).pixels[..., 0], data)


def test_jpeg_in_tiff(tmp_path):
    smooth = np.repeat((np.indices((64, 80)).sum(0)[..., None]).astype(np.uint8), 3, -1)
    picture = read_picture(tiff(tmp_path, smooth, photometric="rgb", compression="jpeg"))
    assert np.abs(picture.pixels.astype(int) - smooth).max() < 6
    assert picture.channels == ("red", "green", "blue")


def test_fax_masks(tmp_path):
    Image.fromarray(GREY8 > 99).save(tmp_path / "m.tif", compression="group4")
    picture = read_picture(tmp_path / "m.tif", mask=True)
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY8 > 99)


def test_a_compression_that_nobody_undoes(tmp_path):
    path = tiff(tmp_path, GREY8, compression="lzw")
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["Compression"].overwrite(34661)
    with pytest.raises(InputError, match=r"compression cannot be undone .*JBIG") as caught:
        read_picture(path)
    assert "without compression" in caught.value.remedy


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


def test_three_planes_that_are_called_colours_are_told(tmp_path):
    path = tmp_path / "planes.tif"
    planes = np.random.default_rng(0).integers(0, 4000, (3, 64, 80)).astype(np.uint16)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate")
    picture = read_picture(path)
    assert picture.channels == ("red", "green", "blue")
    assert any("if they are not, choose a channel" in note for note in picture.notes)
