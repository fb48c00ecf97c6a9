"""Archives of the published layout, sound and broken."""

import zipfile

import numpy as np
import pytest

from canonuclei.data import archives, zip_files
from canonuclei.data.rle import encode
from canonuclei.errors import InputError
from png_files import png, write_zip

IMAGE = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
HEADER = "ImageId,EncodedPixels,Height,Width,Usage\n"


def mask(rows, columns):
    pixels = np.zeros((6, 8), np.uint8)
    pixels[rows, columns] = 255
    return pixels


LEFT, RIGHT = mask(slice(0, 3), slice(0, 3)), mask(slice(3, 6), slice(4, 8))


def train(**masks):
    return {"a/images/a.png": png(IMAGE), **{f"a/masks/{name}.png": png(one) for name, one in masks.items()}}


def read_train(folder, members):
    write_zip(folder / "stage1_train.zip", members)
    return list(archives.read_subset(folder, "stage1_train"))


def test_image_with_its_masks(tmp_path):
    (one,) = read_train(tmp_path, train(x=LEFT, y=RIGHT) | {"a/": b"", "a/masks/": b"", "README.md": b""})
    assert (one.image_id, one.subset) == ("a", "stage1_train")
    np.testing.assert_array_equal(one.rgb, IMAGE)
    assert one.labels.dtype == np.int32
    np.testing.assert_array_equal(one.labels, (LEFT > 0) + 2 * (RIGHT > 0))
    with archives.Archive(tmp_path, "stage1_train") as archive:
        again = archive.read("a")
    np.testing.assert_array_equal(again.labels, one.labels)


def test_sorted_by_id(tmp_path):
    members = {}
    for name in "cab":
        members |= {f"{name}/images/{name}.png": png(IMAGE), f"{name}/masks/m.png": png(LEFT)}
    assert [one.image_id for one in read_train(tmp_path, members)] == ["a", "b", "c"]


@pytest.mark.parametrize("swap", [False, True])
def test_small_nucleus_in_a_big_one_survives(tmp_path, swap):
    big, small = mask(slice(0, 5), slice(0, 5)), mask(slice(1, 2), slice(1, 3))
    (one,) = read_train(tmp_path, train(x=small, y=big) if swap else train(x=big, y=small))
    assert sorted(np.bincount(one.labels.ravel())[1:]) == [2, 23]


def test_nucleus_marked_twice_is_one(tmp_path):
    (one,) = read_train(tmp_path, train(x=LEFT, y=LEFT, z=RIGHT))
    assert one.labels.max() == 2 and (one.labels > 0).sum() == 21


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        (train(), "stage1_train.zip, a: image without masks"),
        (train(x=LEFT[:5]), "a/masks/x.png: mask of 8 x 5 px for an image of 8 x 6 px"),
        (train(x=LEFT * 0), "a/masks/x.png: mask without a pixel"),
        (train(x=LEFT) | {"a/images/b.png": png(IMAGE)}, "stage1_train.zip, a: duplicate id"),
        (train(x=LEFT) | {"b/masks/b.png": png(LEFT)}, "stage1_train.zip, b: masks without an image"),
        (train(x=LEFT) | {"../b/images/b.png": png(IMAGE)}, "points out of the archive"),
        (train(x=LEFT) | {"/b/images/b.png": png(IMAGE)}, "points out of the archive"),
        (train(x=LEFT) | {"a/masks/y.png": png(LEFT)[:40]}, "a/masks/y.png: .*cut short"),
        ({"README.md": b""}, "no image"),
    ],
)
def test_faults_are_named(tmp_path, members, problem):
    with pytest.raises(InputError, match=problem) as caught:
        read_train(tmp_path, members)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["stage1_train.zip"], "something was extracted"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_that_is_there_twice(tmp_path):
    with pytest.raises(InputError, match=r"a/images/a\.png: duplicate id"):
        read_train(tmp_path, [*train(x=LEFT).items(), ("a/images/a.png", png(IMAGE))])


def test_missing_archive_names_source_and_address(tmp_path):
    with pytest.raises(InputError, match=r"stage1_train\.zip: missing.*`source`.*https://data\.broad"):
        list(archives.read_subset(tmp_path, "stage1_train"))


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_archive_cut_short(tmp_path, keep):
    path = write_zip(tmp_path / "stage1_train.zip", train(x=LEFT))
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    with pytest.raises(InputError, match=r"stage1_train\.zip: cut short"):
        list(archives.read_subset(tmp_path, "stage1_train"))


def test_member_with_wrong_checksum(tmp_path):
    path = write_zip(tmp_path / "stage1_train.zip", train(x=LEFT))
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 8] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a/images/a\.png: cannot be read"):
        list(archives.read_subset(tmp_path, "stage1_train"))


def test_member_too_big_is_not_read(tmp_path, monkeypatch):
    write_zip(tmp_path / "stage1_train.zip", train(x=LEFT))
    monkeypatch.setattr(zip_files, "MAX_MEMBER_BYTES", 50)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(InputError, match="more than 50"):
        list(archives.read_subset(tmp_path, "stage1_train"))


def write_test(folder, ids, rows, stage=1):
    names = {1: ("stage1_test.zip", "stage1_solution.csv"), 2: archives.FILES["stage2_test"]}[stage]
    write_zip(folder / names[0], {f"{name}/images/{name}.png": png(IMAGE) for name in ids})
    (folder / names[1]).write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return list(archives.read_subset(folder, "stage1_test" if stage == 1 else "stage2_test"))


def row(image_id, pixels, usage="Public"):
    return f"{image_id},{encode(pixels > 0)},6,8,{usage}"


def test_images_with_run_lengths(tmp_path):
    found = write_test(tmp_path, "ba", [row("b", LEFT), row("a", RIGHT), row("b", RIGHT)])
    assert [one.image_id for one in found] == ["a", "b"]
    np.testing.assert_array_equal(found[0].labels, RIGHT > 0)
    np.testing.assert_array_equal(found[1].labels, (LEFT > 0) + 2 * (RIGHT > 0))


def test_stage2_without_the_ignored(tmp_path):
    rows = [row("a", LEFT, "Private"), row("b", LEFT, "Ignored"), row("a", RIGHT, "Ignored")]
    (one,) = write_test(tmp_path, "abc", rows, stage=2)
    assert one.image_id == "a" and one.subset == "stage2_test"
    np.testing.assert_array_equal(one.labels, LEFT > 0)
    with (
        archives.Archive(tmp_path, "stage2_test") as archive,
        pytest.raises(InputError, match="b: no such annotated image"),
    ):
        archive.read("b")


@pytest.mark.parametrize(
    ("ids", "rows", "problem"),
    [
        ("a", [row("a", LEFT), row("b", LEFT)], r"stage1_test\.zip, b: in stage1_solution\.csv but not"),
        ("ab", [row("a", LEFT)], r"stage1_solution\.csv, b: image of the archive without a row"),
        ("a", ["a,1 2,8,6,Public"], "row 2, a: mask of another size"),
        ("a", ["a,48 2,6,8,Public"], "row 2, a: run out of range"),
    ],
)
def test_solution_that_does_not_fit(tmp_path, ids, rows, problem):
    with pytest.raises(InputError, match=problem):
        write_test(tmp_path, ids, rows)


def test_missing_solution(tmp_path):
    write_zip(tmp_path / "stage1_test.zip", {"a/images/a.png": png(IMAGE)})
    with pytest.raises(InputError, match=r"stage1_solution\.csv: missing"):
        list(archives.read_subset(tmp_path, "stage1_test"))
