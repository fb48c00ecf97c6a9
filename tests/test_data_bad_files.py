"""Every bad image file for real: refused in one line, before memory is taken for it."""

import struct
import zlib

import numpy as np
import pytest
import tifffile

from canonuclei.data.reader import MIN_SIDE, read_picture
from canonuclei.errors import InputError
from pictures import COLOUR8, FLOAT, GREY8, png, tiff


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
