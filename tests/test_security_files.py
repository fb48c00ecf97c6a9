"""Hostile files: refused before they write, allocate or pretend; each is made here, as small as it can be."""

import json
import re
import stat
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tifffile
import torch

from canonuclei.data import zip_files
from canonuclei.data.archives import Archive
from canonuclei.data.reader import read_picture
from canonuclei.errors import InputError
from canonuclei.nuclei import gzip_text
from canonuclei.segmentation.model import load_model
from canonuclei.segmentation.places import DEFAULT_MODEL
from canonuclei.tensor_files import read_tensors, save_tensors
from conftest import REPOSITORY
from pictures import GREY8, tiff
from png_files import png, write_zip

IMAGE = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
SOUND = {
    "a/images/a.png": png(IMAGE),
    "a/masks/m.png": png(np.pad(np.full((2, 2), 255, np.uint8), ((2, 2), (3, 3)))),
}


def read_archive(folder):
    with Archive(folder, "stage1_train") as archive:
        return [archive.read(each) for each in archive.ids]


@pytest.mark.parametrize(
    "name",
    [
        *("../x.png", "a/../../x.png", "..", "/x.png", "//server/x.png"),
        *("C:\\x.png", "C:x/images/x.png", "a\\..\\x.png", "x/\x1b[2J/y"),
    ],
)
def test_members_that_would_lie_elsewhere(tmp_path, name):
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    write_zip(folder / "stage1_train.zip", SOUND | {name: b"x"})
    with pytest.raises(InputError, match=r"points out of the archive|control characters") as caught:
        read_archive(folder)
    assert str(caught.value).isprintable()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "in", "stage1_train.zip"]


def test_links_in_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "stage1_train.zip", "w") as archive:
        for name, data in SOUND.items():
            archive.writestr(name, data)
        link = zipfile.ZipInfo("b/images/b.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match=r"b/images/b\.png: member is a link"):
        read_archive(tmp_path)


def bomb(path, declared, real=2**28):
    """An archive whose one image declares another size than it unpacks to."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/masks/m.png", SOUND["a/masks/m.png"])
        with archive.open("a/images/a.png", "w") as member:
            for _ in range(real // 2**20):
                member.write(bytes(2**20))
    content = bytearray(path.read_bytes())
    for at in (content.rindex(b"PK\1\2") + 24, content.rindex(b"PK\3\4") + 22):
        content[at : at + 4] = declared.to_bytes(4, "little")
    path.write_bytes(content)


def peak(code, *arguments):
    """Peak memory in MiB of a process that runs code, beyond what importing takes."""
    program = (
        "import resource, sys\nsys.path[:0] = sys.argv[1:3]\n"
        "from canonuclei.errors import InputError\nfrom canonuclei.data.archives import Archive\n"
        "from canonuclei.data.reader import read_picture\n"
        "from canonuclei.nuclei.gzip_text import read_gzip\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"try:\n    {code}\nexcept InputError as error:\n    print(error, file=sys.stderr)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    call = [
        sys.executable,
        "-c",
        program,
        REPOSITORY / "workflow" / "scripts",
        REPOSITORY / "tests",
        *arguments,
    ]
    done = subprocess.run(call, capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout), done.stderr


def test_an_archive_that_unpacks_to_more_than_it_says(tmp_path):
    bomb(tmp_path / "stage1_train.zip", 1000)
    taken, said = peak("Archive(sys.argv[3], 'stage1_train').read('a')", tmp_path)
    assert taken < 60 and "a/images/a.png" in said


@pytest.mark.parametrize(("bound", "value", "problem"), [
    ("MAX_BYTES", 100, "unpacks to"), ("MAX_MEMBERS", 1, "2 members, more than 1"),
    ("MAX_LIST_BYTES", 50, "list of members"), ("MAX_MEMBER_BYTES", 50, "more than 50"),
])  # fmt: skip
def test_archives_have_bounds(tmp_path, monkeypatch, bound, value, problem):
    write_zip(tmp_path / "stage1_train.zip", SOUND)
    monkeypatch.setattr(zip_files, bound, value)
    with pytest.raises(InputError, match=problem):
        read_archive(tmp_path)


def test_archives_in_archives_stay_closed(tmp_path):
    write_zip(tmp_path / "inner.zip", {"b/images/b.png": b"x"})
    write_zip(tmp_path / "stage1_train.zip", SOUND | {"nested.zip": (tmp_path / "inner.zip").read_bytes()})
    assert [one.image_id for one in read_archive(tmp_path)] == ["a"]


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_ways_of_packing_without_a_bound(tmp_path, packed):
    with zipfile.ZipFile(tmp_path / "stage1_train.zip", "w", packed) as archive:
        for name, data in SOUND.items():
            archive.writestr(name, data)
    with pytest.raises(InputError, match="packed in another way"):
        read_archive(tmp_path)


def test_gzip_that_unpacks_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(gzip_text, "MOST_TEXT", 1000)
    gzip_text.write_gzip(tmp_path / "x.gz", "x" * 1001)
    with pytest.raises(InputError, match="unpacks to more than"):
        gzip_text.read_gzip(tmp_path / "x.gz", "again")
    gzip_text.write_gzip(tmp_path / "x.gz", "x" * 1000)
    assert len(gzip_text.read_gzip(tmp_path / "x.gz", "again")) == 1000


def test_a_changed_byte_in_a_png_is_found_out(tmp_path):
    data = bytearray(png(np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)))
    place = data.index(b"IDAT") + 400
    data[place] ^= 4
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(InputError, match="wrong checksum"):
        read_picture(tmp_path / "x.png")


def chain(path, pages, ring=False):
    """A TIFF with many directories and next to nothing in them."""
    size = 2 + 12 + 4
    content = bytearray(b"II*\0" + (8).to_bytes(4, "little"))
    for page in range(pages):
        after = 8 if ring else 8 + (page + 1) * size
        content += (
            (1).to_bytes(2, "little")
            + bytes([0, 1, 3, 0, 1, 0, 0, 0, 9, 0, 0, 0])
            + after.to_bytes(4, "little")
        )
    path.write_bytes(content)
    return path


OME = '<?xml version="1.0"?>{}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image>'
OME += "<Pixels {}>{}</Pixels></Image></OME>"
SIZES = 'DimensionOrder="XYZCT" Type="uint8" SizeX="50" SizeY="40" SizeZ="{}" SizeC="1" SizeT="1"'
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


@pytest.mark.parametrize("xml", [
    OME.format("", SIZES.format(10**9), '<TiffData IFD="0" PlaneCount="1"/>'),
    OME.format("", SIZES.format(1), '<TiffData IFD="0" PlaneCount="1000000000"/>'),
    OME.format("", SIZES.format(1), f'<TiffData FirstZ="{10**12}"/>'),
    OME.format("", SIZES.format(1), '<TiffData IFD="0"/>' * 2000),
    OME.format(ENTITIES, SIZES.format(1), "<TiffData/>&i;"),
    OME.format("", SIZES.format(1), '<TiffData/><x><ModuloAlongZ Start="0" Step="1e-9" End="9"/></x>'),
], ids=["planes", "count", "first", "parts", "entities", "modulo"])  # fmt: skip
def test_ome_xml_that_asks_for_the_memory(tmp_path, xml):
    path = tiff(tmp_path, GREY8, metadata=None, description=xml)
    taken, said = peak("read_picture(sys.argv[3])", path)
    assert taken < 100 and re.search("stack|entities", said)


def test_other_files_named_in_ome_xml_are_not_read(tmp_path):
    xml = OME.format("", SIZES.format(2), "".join(
        f'<TiffData FirstZ="{n}" IFD="0" PlaneCount="1"><UUID FileName="{name}">uuid:{n}</UUID></TiffData>'
        for n, name in enumerate(("x.ome.tif", "../secret.tif"))))  # fmt: skip
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "secret.tif", GREY8 // 2, metadata=None)
    path = tiff(tmp_path / "in", GREY8, "x.ome.tif", metadata=None, description=xml)
    found = read_picture(path)
    np.testing.assert_array_equal(found.pixels[..., 0], GREY8)


@pytest.mark.parametrize("ring", [False, True])
def test_tiff_directories_without_end(tmp_path, ring):
    taken, said = peak(
        "read_picture(sys.argv[3])", chain(tmp_path / "x.tif", 200_000 if not ring else 3, ring)
    )
    assert taken < 60 and "stack, not one plane" in said


def test_a_jpeg_larger_than_its_segment(tmp_path):
    smooth = np.zeros((64, 64, 3), np.uint8)
    path = tiff(tmp_path, smooth, photometric="rgb", compression="jpeg")
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = (3000).to_bytes(2, "big") * 2
    path.write_bytes(content)
    taken, said = peak("read_picture(sys.argv[3])", path)
    assert taken < 100 and "3000 x 3000 px in a segment of 64 x 64" in said


def test_tiles_larger_than_the_image(tmp_path):
    path = tiff(tmp_path, np.zeros((64, 64), np.uint8), tile=(16, 16), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for name in ("TileWidth", "TileLength"):
            tif.pages[0].tags[name].overwrite(2**16 - 16)
    taken, said = peak("read_picture(sys.argv[3])", path)
    assert taken < 100 and "tiles of" in said


def test_changed_weights_are_found_out(tmp_path):
    path = tmp_path / "w.safetensors"
    save_tensors(path, {"a": torch.arange(4.0)}, {"told": "x"})
    tensors, told = read_tensors(path)
    assert tensors["a"].tolist() == [0, 1, 2, 3] and told == {"told": "x"}
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="has changed"):
        read_tensors(path)


def test_the_default_models_digest_is_checked(tmp_path):
    described = json.loads(DEFAULT_MODEL.with_suffix(".json").read_text())
    content = bytearray(DEFAULT_MODEL.read_bytes())
    content[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    (tmp_path / "model.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="not the weights"):
        load_model(tmp_path)
