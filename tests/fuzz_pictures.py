"""Archives, PNG and TIFF to be spoiled, and what must hold of what is read of them."""

import hashlib
import io
import struct
import zipfile
import zlib
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import tifffile
from PIL import Image

from canonuclei.data import archives
from canonuclei.data.masks import read_mask
from canonuclei.data.reader import MIN_SIDE, read_picture, to_rgb8
from canonuclei.data.rle import encode
from fuzz_child import Reader
from fuzz_mutations import spoiled, with_checksums
from png_files import png, raw_png

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (24, 20), np.uint8)
DEEP = RNG.integers(0, 4096, (24, 20), np.uint16)
COLOUR = RNG.integers(0, 256, (24, 20, 3), np.uint8)
DISC = ((np.indices((24, 20)) - 10) ** 2).sum(0) < 40


def digest(*arrays: np.ndarray) -> str:
    """Of arrays with their types and shapes."""
    told = "".join(f"{each.dtype} {each.shape}" for each in arrays).encode()
    return hashlib.sha256(told + b"".join(each.tobytes() for each in arrays)).hexdigest()


def zipped(members: dict[str, bytes], **how) -> bytes:
    """An archive of members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how.get("packed", zipfile.ZIP_DEFLATED)) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = how.get("attributes", 0)
            archive.writestr(info, data, how.get("packed", zipfile.ZIP_DEFLATED))
    return file.getvalue()


def _members() -> dict[str, bytes]:
    left, right = np.zeros((24, 20), np.uint8), np.zeros((24, 20), np.uint8)
    left[2:9, 1:8] = right[12:20, 9:18] = 255
    return {
        "a/images/a.png": png(COLOUR),
        **{f"a/masks/{name}.png": png(mask) for name, mask in (("x", left), ("y", right))},
        "b/images/b.png": raw_png(np.repeat(DEEP[..., None], 3, -1)),
        "b/masks/z.png": png(left),
    }


@cache
def sound_archives() -> list[bytes]:
    """Packed and unpacked."""
    return [zipped(_members()), zipped(_members(), packed=zipfile.ZIP_STORED)]


def spoiled_archive(random: Random) -> tuple[bytes, int | None]:
    """Bytes of an archive, of a member within a sound one, or its members' names and kinds."""
    number = random.randrange(2)
    if random.random() < 0.6:
        return spoiled(sound_archives()[number], random), number
    members = _members()
    name = random.choice(list(members))
    data = members.pop(name)
    odd = random.choice(
        ("../" + name, "/" + name, "C:\\" + name, "a/../../" + name, name + "\0", "\x1b[2J/images/x.png", "")
    )
    if (kind := random.randrange(5)) == 0:
        members[odd] = data
    elif kind == 1:
        members[name] = spoiled(data, random)
    elif kind == 2:
        members[name] = spoiled_png(random)[0]
    elif kind == 3:
        return zipped(members | {name: data}, attributes=0o120777 << 16), None
    else:
        members[name] = zipped({name: data})
    return zipped(members, packed=random.choice((0, 8, 12, 14))), None


def read_archive(path: Path) -> str:
    """All images of an archive of stage1_train."""
    found = []
    with archives.Archive(path.parent, "stage1_train") as archive:
        for image_id in archive.ids:
            one = archive.read(image_id)
            assert one.rgb.dtype == np.uint8 and one.rgb.ndim == 3 and one.rgb.shape[2] == 3
            assert one.labels.shape == one.rgb.shape[:2] and one.labels.dtype == np.int32
            assert one.labels.max() >= 1 and np.bincount(one.labels.ravel())[1:].all()
            found.append(f"{image_id} {digest(one.rgb, one.labels)}")
    assert found and [each.name for each in path.parent.iterdir()] == [path.name], "something was extracted"
    return " ".join(found)


@cache
def sound_solution() -> list[bytes]:
    """A table of run lengths."""
    rows = [f"{name},{encode(mask)},24,20,{usage}" for name, mask, usage in (
        ("a", DISC, "Public"), ("a", ~DISC, "Private"), ("b", DISC, "Ignored"))]  # fmt: skip
    return [("ImageId,EncodedPixels,Height,Width,Usage\n" + "\n".join(rows) + "\n").encode()]


def spoiled_solution(random: Random) -> tuple[bytes, int | None]:
    """Cells, numbers within them, or bytes."""
    from fuzz_mutations import spoiled_text

    text = sound_solution()[0].decode()
    return spoiled_text(text, random, random.choice((",", " "))), None


def read_solution(path: Path) -> str:
    """Rows of the table, and the pixels of each."""
    for rows in archives.rle.read_rows(path).values():
        for pixels in archives.rle.image_pixels(path, rows, (24, 20)):
            assert pixels.size and pixels.dtype == np.int64 and pixels.min() >= 0 and pixels.max() < 480
            assert (np.diff(pixels) > 0).all()
    return ""


def checked_picture(path: Path) -> str:
    """An image, and what the networks would see of it."""
    found = read_picture(path)
    height, width, channels = found.pixels.shape
    assert found.pixels.dtype in (np.uint8, np.uint16, np.float32) and min(height, width) >= MIN_SIDE
    assert len(found.channels) == channels >= 1 and np.isfinite(found.pixels).all()
    assert found.pixel_size is None or all(0.001 <= each <= 50 for each in found.pixel_size)
    rgb = to_rgb8(found, 0 if channels > 1 and found.channels != ("red", "green", "blue") else None)
    assert rgb.shape == (height, width, 3) and rgb.dtype == np.uint8
    return digest(found.pixels)


def checked_mask(path: Path) -> str:
    """A mask of either kind."""
    found = read_mask(path)
    assert found.labels.ndim == 2 and found.labels.dtype == np.int32 and found.labels.min() >= 0
    assert found.kind in ("binary", "instances", "either")
    return digest(found.labels)


@cache
def sound_pngs() -> list[bytes]:
    """Of every kind that there is."""
    palette = io.BytesIO()
    Image.fromarray(COLOUR).quantize(9).save(palette, "PNG", dpi=(100, 100))
    alpha = np.dstack([COLOUR, GREY])
    deep = raw_png(np.repeat(DEEP[..., None], 3, -1), filtered=True)
    return [png(GREY), png(COLOUR), png(alpha), raw_png(DEEP[..., None]), deep, palette.getvalue()]


def spoiled_png(random: Random) -> tuple[bytes, int | None]:
    """With checksums as they were, or put right again."""
    number = random.randrange(len(sound_pngs()))
    sound = sound_pngs()[number]
    if (kind := random.random()) < 0.3:
        return spoiled(sound, random), number
    if kind < 0.6:
        return with_checksums(spoiled(sound, random)), None
    if kind < 0.8:
        # size, depth, colours, interlacing
        header = sound[:16] + spoiled(sound[16:29], random)[:13].ljust(13, b"\0") + sound[29:]
        return with_checksums(header), None
    at = sound.index(b"IDAT")
    (length,) = struct.unpack(">I", sound[at - 4 : at])
    lines = zlib.compress(spoiled(zlib.decompress(sound[at + 4 : at + 4 + length]), random))
    data = sound[: at - 4] + struct.pack(">I", len(lines)) + b"IDAT" + lines + sound[at + 4 + length :]
    return with_checksums(data), None


def tiff(data: np.ndarray, **how) -> bytes:
    """A TIFF by tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, data, **how)
    return file.getvalue()


@cache
def sound_tiffs() -> list[bytes]:
    """Of many layouts, compressions and dialects."""
    stack = np.stack([GREY, GREY[::-1]])
    smooth = np.repeat(np.indices((24, 20)).sum(0)[..., None].astype(np.uint8), 3, -1)
    ome = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}, "PhysicalSizeX": 0.3, "PhysicalSizeY": 0.3}
    return [
        tiff(GREY), tiff(DEEP, byteorder=">"), tiff(GREY.astype(np.float32)), tiff(DEEP, bigtiff=True),
        tiff(COLOUR, photometric="rgb", compression="zlib", tile=(16, 16)),
        tiff(DEEP, compression="lzw", predictor=True, rowsperstrip=5), tiff(GREY, compression="zstd"),
        tiff(COLOUR, photometric="rgb", compression="packbits"),
        tiff(smooth, photometric="rgb", compression="jpeg"),
        tiff(stack, photometric="minisblack", metadata=ome, ome=True),
        tiff(stack, imagej=True, metadata={"axes": "CYX", "unit": "um"}, resolution=(3, 3)),
        tiff(np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate", compression="lzma"),
    ]  # fmt: skip


def spoiled_tiff(random: Random) -> tuple[bytes, int | None]:
    """Bytes anywhere, or a tag's type, count or value."""
    data = random.choice(sound_tiffs())
    if random.random() < 0.5 or data[2:4] in (b"+\0", b"\0+"):
        return spoiled(data, random), None
    order, content = "<" if data[:2] == b"II" else ">", bytearray(data)
    (place,) = struct.unpack(order + "I", data[4:8])
    (tags,) = struct.unpack(order + "H", data[place : place + 2])
    for _ in range(random.choice((1, 1, 2, 3))):
        tag = place + 2 + 12 * random.randrange(tags)
        value = random.choice(
            (0, 1, 2, 3, 7, 8, 16, 32, 255, 65535, 2**31, 2**32 - 1, len(data), place, random.getrandbits(17))
        )
        at, size = random.choice(((tag, 2), (tag + 2, 2), (tag + 4, 4), (tag + 8, 4), (tag + 8, 2)))
        content[at : at + size] = struct.pack(order + {2: "H", 4: "I"}[size], value % 2 ** (8 * size))
    return bytes(content), None


@cache
def sound_masks() -> list[bytes]:
    """Two-valued, labels, in alpha alone, of one bit."""
    labels = np.zeros((24, 20), np.uint16)
    labels[2:9, 1:8], labels[12:20, 9:18] = 1, 2
    alpha = np.dstack([np.zeros((24, 20, 3), np.uint8), DISC.astype(np.uint8) * 255])
    fax = io.BytesIO()
    Image.fromarray(DISC).save(fax, "TIFF", compression="group4")
    return [png(DISC.astype(np.uint8) * 255), tiff(labels, compression="zlib"), png(alpha), fax.getvalue()]


def spoiled_mask(random: Random) -> tuple[bytes, int | None]:
    """Bytes of a mask; of PNG with checksums put right."""
    return with_checksums(spoiled(random.choice(sound_masks()), random)), None


READERS = {
    "archive": Reader(spoiled_archive, sound_archives, read_archive, "stage1_train.zip"),
    "run lengths": Reader(spoiled_solution, sound_solution, read_solution, "stage1_solution.csv"),
    "PNG": Reader(spoiled_png, sound_pngs, checked_picture, "image.png"),
    "TIFF": Reader(spoiled_tiff, sound_tiffs, checked_picture, "image.tif"),
    "mask": Reader(spoiled_mask, sound_masks, checked_mask, "mask.png"),
}
