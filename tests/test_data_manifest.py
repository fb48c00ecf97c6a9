"""Indexing, what an index must hold, and the split."""

from collections import Counter

import numpy as np
import pytest
import yaml

from canonuclei.data import manifest, split
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.index import index_row, index_subset
from canonuclei.data.rle import encode
from canonuclei.errors import InputError
from index import main as index_main
from png_files import png, write_zip
from split import main as split_main

RNG = np.random.default_rng(3)
IMAGES = {name: RNG.integers(0, 50, (10, 12, 3), dtype=np.uint8) for name in "abcd"}
NUCLEUS = np.zeros((10, 12), np.uint8)
NUCLEUS[2:5, 3:6] = 255


@pytest.fixture
def source(tmp_path):
    """A data set of two training images and one in each test set."""
    folder = tmp_path / "source"
    folder.mkdir()
    members = {f"{name}/images/{name}.png": png(IMAGES[name]) for name in "ab"}
    members |= {f"{name}/masks/m.png": png(NUCLEUS) for name in "ab"}
    write_zip(folder / "stage1_train.zip", members)
    for name, archive, table in (
        ("c", "stage1_test.zip", "stage1_solution.csv"),
        ("d", "stage2_test_final.zip", "stage2_solution_final.csv"),
    ):
        write_zip(folder / archive, {f"{name}/images/{name}.png": png(IMAGES[name])})
        rows = f"ImageId,EncodedPixels,Height,Width,Usage\n{name},{encode(NUCLEUS > 0)},10,12,Private\n"
        (folder / table).write_text(rows, encoding="utf-8")
    return folder


def expect(folder, rows=None, **subsets):
    """A file of expected counts, with a manifest of ``rows`` if there are any."""
    content = {"subsets": subsets}
    if rows is not None:
        manifest.write_table(folder / "manifest.csv", rows)
        content["manifest"] = "manifest.csv"
    path = folder / "expected.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_row_of_an_image():
    labels = np.zeros((10, 12), np.int32)
    labels[0, :4] = [1, 2, 0, 3]
    row = index_row(AnnotatedImage("a", "stage1_train", IMAGES["a"], labels))
    digest = manifest.pixel_digest(IMAGES["a"])
    assert row == {
        "image_id": "a", "subset": "stage1_train", "width": 12, "height": 10, "nuclei": 3,
        "digest": digest, "look": "fluorescence", "mosaic": "",
    }  # fmt: skip
    assert tuple(row) == manifest.COLUMNS
    assert digest != manifest.pixel_digest(IMAGES["a"] ^ 1) and len(digest) == 64


def test_digest_is_of_c_order():
    turned = np.asfortranarray(IMAGES["a"])
    assert manifest.pixel_digest(turned) == manifest.pixel_digest(IMAGES["a"])


def test_index_and_split_scripts(source, tmp_path):
    index_main(source, "official", None, tmp_path / "images.csv")
    rows = manifest.read_table(tmp_path / "images.csv")
    assert [(row["image_id"], row["nuclei"], row["mosaic"]) for row in rows] == [
        (name, "1", "") for name in "cabd"
    ]
    split_main(tmp_path / "images.csv", "official", None, tmp_path / "split.csv")
    sides = {
        row["image_id"]: row["split"] for row in manifest.read_table(tmp_path / "split.csv", split.COLUMNS)
    }
    assert sides == {"a": "train", "b": "train", "c": "val", "d": "test"}


def test_stage1_needs_no_stage2(source, tmp_path):
    (source / "stage2_test_final.zip").unlink()
    (source / "stage2_solution_final.csv").unlink()
    index_main(source, "stage1", None, tmp_path / "images.csv")
    assert len(manifest.read_table(tmp_path / "images.csv")) == 3


def test_nothing_is_written_on_a_fault(source, tmp_path):
    expected = expect(tmp_path, stage1_train={"images": 3})
    with pytest.raises(InputError, match="stage1_train: 2 annotated images instead of 3"):
        index_main(source, "stage1", expected, tmp_path / "images.csv")
    assert not (tmp_path / "images.csv").exists()


def test_manifest_gives_the_mosaic(source, tmp_path):
    rows = index_subset(source, "stage1_train")
    listed = [{**row, "mosaic": "7"} for row in rows] + [
        {**rows[0], "image_id": "z", "subset": "stage2_test"}
    ]
    expected = expect(tmp_path, listed, stage1_train={"images": 2, "nuclei": 2})
    assert manifest.check_index(rows, source, expected) == []
    assert [row["mosaic"] for row in rows] == ["7", "7"]
    assert manifest.expected_files(expected) == [str(expected), str(tmp_path / "manifest.csv")]
    assert manifest.expected_files(None) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"digest": "0" * 64}, "stage1_train, a: digest is .*, not 000"),
        ({"nuclei": 2}, "stage1_train, a: nuclei is 1, not 2"),
        ({"width": 99}, "stage1_train, a: width is 12, not 99"),
        ({"image_id": "y"}, "stage1_train, a: image is not in the manifest"),
    ],
)
def test_image_that_differs(source, tmp_path, change, problem):
    rows = index_subset(source, "stage1_train")
    expected = expect(tmp_path, [{**rows[0], **change}, rows[1]])
    with pytest.raises(InputError, match=problem):
        manifest.check_index(rows, source, expected)


def test_image_that_is_missing_is_named(source, tmp_path):
    rows = index_subset(source, "stage1_train")
    expected = expect(tmp_path, rows)
    with pytest.raises(InputError, match="stage1_train, b: image of the manifest is missing"):
        manifest.check_index(rows[:1], source, expected)


def test_nuclei_of_stage2_only_warn(source, tmp_path):
    rows = index_subset(source, "stage2_test")
    expected = expect(tmp_path, stage2_test={"images": 1, "nuclei": 3717, "warn_only": ["nuclei"]})
    (warning,) = manifest.check_index(rows, source, expected)
    assert warning.endswith("stage2_test: 1 annotated nuclei instead of 3717")
    with pytest.raises(InputError, match="1 annotated images instead of 106"):
        manifest.check_index(rows, source, expect(tmp_path, stage2_test={"images": 106}))


def test_id_in_two_subsets(source, tmp_path):
    rows = index_subset(source, "stage1_train")
    with pytest.raises(InputError, match="a: duplicate id, in stage1_train and stage1_test"):
        manifest.check_index([*rows, {**rows[0], "subset": "stage1_test"}], source, None)


def test_bad_expected_file(tmp_path):
    for content in ("[1, 2]", "a: [", "subsets: 3"):
        (tmp_path / "e.yaml").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"split\.expected"):
            manifest.load_expected(tmp_path / "e.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        manifest.load_expected(tmp_path / "none.yaml")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"stage1_train\.zip: missing .*`source`.*https://"):
        manifest.check_present([tmp_path / "stage1_train.zip"])


ROWS = [{"image_id": name, "subset": subset} for name, subset in zip("abc", split.OFFICIAL, strict=True)]


def listing(path, *lines):
    path.write_text("image_id,subset,split\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_split_by_list(tmp_path):
    listed = listing(tmp_path / "l.csv", "a,stage1_train,val", "b,stage1_test,test", "c,stage2_test,train")
    rows = split.make_split(ROWS, "stage1", listed)
    assert [(row["image_id"], row["split"]) for row in rows] == [("a", "val"), ("b", "test"), ("c", "train")]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["a,stage1_train,train", "b,stage1_test,test"], "c: image of the data is not listed"),
        (["a,stage1_test,train"], "a: not in stage1_test of the data"),
        (["z,stage1_train,train"], "z: not in stage1_train of the data"),
        (["a,stage1_train,training"], "a: split is 'training'"),
        (["a,stage1_train,train", "a,stage1_train,test"], "a: duplicate id"),
        ([f"{row['image_id']},{row['subset']},train" for row in ROWS], "no image for val"),
    ],
)
def test_bad_lists(tmp_path, lines, problem):
    with pytest.raises(InputError, match=problem):
        split.make_split(ROWS, "stage1", listing(tmp_path / "l.csv", *lines))


def test_stage1_without_a_list():
    with pytest.raises(InputError, match=r"split\.list: missing"):
        split.make_split(ROWS, "stage1", None)


@pytest.fixture(scope="module")
def committed(repository):
    """The committed manifest and list."""
    config = repository / "config"
    return (
        manifest.read_table(config / "manifests" / "bbbc038.csv"),
        manifest.read_table(config / "splits" / "bbbc038-stage1.csv", split.COLUMNS),
    )


def test_committed_list_is_made_again(committed, repository, tmp_path):
    manifest.write_table(tmp_path / "list.csv", split.stage1_list(committed[0]), split.COLUMNS)
    assert (tmp_path / "list.csv").read_bytes() == (
        repository / "config" / "splits" / "bbbc038-stage1.csv"
    ).read_bytes()


def test_committed_list_keeps_its_promises(committed):
    rows, listed = committed
    sides = {row["image_id"]: row["split"] for row in listed}
    assert Counter((row["subset"], row["split"]) for row in listed) == {
        ("stage1_train", "train"): 605, ("stage1_train", "val"): 65, ("stage1_test", "test"): 65,
    }  # fmt: skip
    train = [row for row in rows if row["subset"] == "stage1_train"]
    of_mosaic = {}
    for row in train:
        if row["mosaic"]:
            of_mosaic.setdefault(row["mosaic"], set()).add(sides[row["image_id"]])
    assert len(of_mosaic) == 436 and all(len(found) == 1 for found in of_mosaic.values())
    unknown = [sides[row["image_id"]] for row in train if not row["mosaic"]]
    assert unknown == ["train"] * 6
    looks = Counter(row["look"] for row in train)
    held_out = Counter(row["look"] for row in train if sides[row["image_id"]] == "val")
    for look, number in looks.items():
        assert abs(held_out[look] - 65 * number / 670) < 1


def test_another_seed_gives_another_list(committed):
    rows = committed[0]
    one, other = (split.stage1_list(rows, seed=seed) for seed in (0, 1))
    assert one != other and Counter(row["split"] for row in one) == Counter(row["split"] for row in other)


def test_committed_manifest_has_the_expected_counts(committed, repository):
    path = repository / "config" / "expected" / "bbbc038.yaml"
    rows = [dict(row) for row in committed[0]]
    assert manifest.check_index(rows, "manifest", path) == []
    assert manifest.load_expected(path)["subsets"]["stage2_test"]["images"] == 106
    assert len({row["digest"] for row in rows}) == 735
