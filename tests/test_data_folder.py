"""A lab's own folder: every mismatch told, and from simulated binary masks to tiles."""

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from canonuclei.data.folder import COLUMNS, index_folder, open_source, read_annotated
from canonuclei.data.folder_remarks import stitching_note
from canonuclei.data.folder_tables import default_split, read_counts, read_split
from canonuclei.data.listing import listed_files, matched
from canonuclei.data.manifest import read_table, write_table
from canonuclei.data.placement import cells, place
from canonuclei.data.scaling import largest_whole_nucleus, scale_factor
from canonuclei.data.simulate import simulate_subset
from canonuclei.data.tiles import cut_tiles, read_tiles
from canonuclei.errors import InputError

SCRIPTS = Path(__file__).resolve().parent.parent / "workflow" / "scripts"


def settings(folder: Path, **more):
    base = {"kind": "folder", "images": str(folder / "meine Bilder"), "masks": str(folder / "Masken é")}
    empty = dict.fromkeys(("counts", "split", "channel", "nucleus_diameter", "scale"))
    return {**base, **empty, **more}


def lab(folder: Path, number: int = 5, mask=lambda labels: (labels > 0).astype(np.uint8) * 255) -> list:
    """Images and masks of the simulator under names that people give; returns the simulated images."""
    images, masks = folder / "meine Bilder", folder / "Masken é"
    images.mkdir()
    masks.mkdir()
    made = list(simulate_subset(2, "stage1_train", number, (150, 190)))
    for index, one in enumerate(made):
        name = f"Zelle {index} µ[x]"
        pixels = one.pixels if one.pixels.ndim == 2 else one.pixels[..., :3]
        if index % 2:
            tifffile.imwrite(images / f"{name}.tif", pixels[..., 0].astype(np.uint16) * 100)
        else:
            Image.fromarray(pixels).save(images / f"{name}.png")
        tifffile.imwrite(masks / f"{name}_mask.tif", mask(one.labels))
    return made


def test_matching(tmp_path):
    images, masks = tmp_path / "i", tmp_path / "m"
    images.mkdir()
    masks.mkdir()
    for name in ("a b.tif", "ü.ome.tif", "c_mask.png"):
        (images / name).touch()
    # the decomposed form of ü, as a Mac writes it
    for name in ("a b_Mask.png", "u\u0308.png", "c_mask.tif"):
        (masks / name).touch()
    assert sorted(matched(images, masks)) == ["a b", "c_mask", "ü"]
    (masks / "a b.png").touch()
    with pytest.raises(InputError, match="two masks for the image a b"):
        matched(images, masks)
    (masks / "a b.png").rename(masks / "d.png")
    with pytest.raises(InputError, match=r"masks without an image: d\.png"):
        matched(images, masks)
    for index in range(8):
        (images / f"x{index}.png").touch()
    with pytest.raises(InputError, match=r"no mask for x0\.png, x1\.png, .* and 3 more"):
        matched(images, masks)


def test_images_and_masks_in_one_folder(tmp_path):
    for name in ("a.tif", "a_mask.png", "b.png", "b-labels.tif"):
        (tmp_path / name).touch()
    pairs = matched(tmp_path, tmp_path)
    assert {stem: mask.name for stem, (_, mask) in pairs.items()} == {"a": "a_mask.png", "b": "b-labels.tif"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("picture,number\na,1\n", "no columns image and count"),
        ("image,count\na,1\n", "no count for b c"),
        ("image,count\na,1\nb c,2\nz,3\n", "no such image in the folder: z"),
        ("image,count\na,1\na.tif,1\nb c,2\n", "twice"),
        ("image,count\na,-1\nb c,2\n", "below 0"),
        ("image,count\na,1.5\nb c,2\n", "not a whole number"),
        ("image,count\na,many\nb c,2\n", "not a number"),
        ("image,count\na,\nb c,2\n", "not a number"),
        ("image,count\na,nan\nb c,2\n", "not a number"),
    ],
)
def test_bad_counts(tmp_path, text, problem):
    (tmp_path / "counts.csv").write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        read_counts(tmp_path / "counts.csv", ["a", "b c"])
    assert "counts.csv" in str(caught.value)


def test_counts_as_excel_writes_them(tmp_path):
    (tmp_path / "c.csv").write_text("\ufeffimage;count\r\na.tif;3\r\nb c;4.0\r\n;\r\n", encoding="utf-8")
    assert read_counts(tmp_path / "c.csv", ["a", "b c"]) == {"a": 3, "b c": 4}
    with pytest.raises(InputError, match="missing"):
        read_counts(tmp_path / "none.csv", ["a"])


def test_split_by_table_and_by_hash(tmp_path):
    (tmp_path / "s.csv").write_text("image,split\na,train\nb,val\nc.png,test\n")
    assert read_split(tmp_path / "s.csv", ["a", "b", "c"]) == {"a": "train", "b": "val", "c": "test"}
    (tmp_path / "s.csv").write_text("image,split\na,train\nb,val\nc,held\n")
    with pytest.raises(InputError, match=r"c: split is 'held' .write train, val or test"):
        read_split(tmp_path / "s.csv", ["a", "b", "c"])
    (tmp_path / "s.csv").write_text("image,split\na,train\nb,val\nc,val\n")
    with pytest.raises(InputError, match="no image for test"):
        read_split(tmp_path / "s.csv", ["a", "b", "c"])
    names = [f"Bild {index}" for index in range(10)]
    split = default_split(names, "x")
    assert sorted(split.values()) == ["test"] * 2 + ["train"] * 6 + ["val"] * 2
    assert default_split(reversed(names), "x") == split
    assert sorted(default_split(["a", "b", "c"], "x").values()) == ["test", "train", "val"]
    with pytest.raises(InputError, match=r"2 images, but .* need one each"):
        default_split(["a", "b"], "data.images")


def test_sizes_that_differ_and_counts_that_contradict(tmp_path):
    made = lab(tmp_path)
    counts = tmp_path / "counts.csv"
    rows = [(f"Zelle {index} µ[x]", one.labels.max()) for index, one in enumerate(made)]

    def write(first):
        counts.write_text(
            "image,count\n" + "\n".join(f"{name},{n}" for name, n in [(rows[0][0], first), *rows[1:]])
        )

    write(0)
    with pytest.raises(InputError, match="count is 0, but the mask has"):
        index_folder(settings(tmp_path, counts=str(counts)))
    write(1)
    _, notes = index_folder(settings(tmp_path, counts=str(counts)))
    assert any("separate regions, but a count of 1" in note for note in notes)
    with pytest.raises(InputError, match=r"no label image, but data\.counts is labels"):
        index_folder(settings(tmp_path, counts="labels"))
    with pytest.raises(InputError, match="no channel 5"):
        index_folder(settings(tmp_path, channel=5))
    mask = next((tmp_path / "Masken é").iterdir())
    tifffile.imwrite(mask, np.zeros((50, 60), np.uint8))
    with pytest.raises(InputError, match="mask of 60 x 50 px for an image of"):
        index_folder(settings(tmp_path))


def tiles_of(folder: Path, **more):
    """Through index, split and tiles, as the scripts do it."""
    how = settings(folder, **more)
    rows, notes = index_folder(how)
    write_table(folder / "images.csv", rows, COLUMNS)
    read = read_table(folder / "images.csv", COLUMNS)
    cut_tiles(read_annotated(how, read), folder / "tiles", size=128)
    return read, read_tiles(folder / "tiles", instances=True), notes


def test_binary_masks_and_counts_become_tiles(tmp_path):
    made = lab(tmp_path)
    counts = tmp_path / "counts.csv"
    rows = "\n".join(f"Zelle {index} µ[x],{one.labels.max()}" for index, one in enumerate(made))
    counts.write_text(f"image,count\n{rows}\n", encoding="utf-8")
    index, tiles, _ = tiles_of(tmp_path, counts=str(counts))
    assert [row["count"] for row in index] == [str(one.labels.max()) for one in made]
    assert {row["nuclei"] for row in index} == {""} and {row["truth"] for row in index} == {"mask"}
    table = tiles.table
    assert set(table.truth) == {"mask"} and set(table.k_source) == {"counts"} and set(table.scale) == {1}
    np.testing.assert_array_equal(tiles.instances, tiles.masks)
    true = []
    for row in table.itertuples():
        labels = made[int(row.image_id.split()[1])].labels[row.tile_y :, row.tile_x :][:128, :128]
        np.testing.assert_array_equal(
            tiles.masks[row.Index][: labels.shape[0], : labels.shape[1]], labels > 0
        )
        true.append(np.count_nonzero(np.unique(labels)))
    assert np.abs(table.k - true).mean() < 1 and (table.k[np.array(true) == 0] == 0).all()
    # an image no larger than a tile keeps its count
    small = table[(table.image_height <= 128) & (table.image_width <= 128)]
    for row in small.itertuples():
        assert row.k == made[int(row.image_id.split()[1])].labels.max()


@pytest.mark.parametrize(("counts", "source"), [(None, "none"), ("components", "components")])
def test_without_counts(tmp_path, counts, source):
    lab(tmp_path, 3)
    index, tiles, notes = tiles_of(tmp_path, counts=counts)
    assert set(tiles.table.k_source) == {source}
    assert tiles.table.k.isna().all() if counts is None else (tiles.table.k >= 0).all()
    assert any("a lower bound" in note for note in notes) == (counts == "components")
    assert {row["count"] for row in index} == {""}


def test_label_images_serve_evaluation_and_counts_only_where_asked(tmp_path):
    made = lab(tmp_path, 3, lambda labels: labels.astype(np.uint16))
    index, tiles, notes = tiles_of(tmp_path)
    assert any("training sees their union only (no count of them)" in note for note in notes)
    assert set(tiles.table.truth) == {"instances"} and set(tiles.table.k_source) == {"none"}
    assert tiles.masks.max() == 1 and tiles.instances.max() > 1 and tiles.table.k.isna().all()
    assert [int(row["nuclei"]) for row in index] == [one.labels.max() for one in made]
    _, tiles, notes = tiles_of(tmp_path, counts="labels")
    assert set(tiles.table.k_source) == {"instances"}
    assert list(tiles.table.k) == [len(np.unique(each[each > 0])) for each in tiles.instances]
    assert any("their counts too" in note for note in notes)


def test_images_are_brought_to_scale(tmp_path):
    made = lab(tmp_path, 3)
    index, tiles, _ = tiles_of(tmp_path, nucleus_diameter=32)
    assert set(tiles.table.scale) == {0.5}
    assert [(int(row["height"]), int(row["width"])) for row in index] == [
        tuple(round(side / 2) for side in one.labels.shape) for one in made
    ]
    area = sum(np.count_nonzero(one.labels) for one in made)
    own = sum(int(mask.sum()) for mask in tiles.masks[tiles.table.tile_x + tiles.table.tile_y == 0])
    assert own <= area / 4 * 1.1


def test_scale_and_the_largest_whole_nucleus():
    none = {"nucleus_diameter": None, "scale": None}
    assert scale_factor(none) == 1 and scale_factor({**none, "scale": 0.25}) == 0.25
    assert scale_factor({**none, "nucleus_diameter": 40}) == 0.4
    assert largest_whole_nucleus(64) == 64 and largest_whole_nucleus(65, 0.5) == 128
    assert "up to 128 px across" in stitching_note(64, 0.5)
    # every pixel of a cell has half the overlap of its tile around it, or the image ends before
    for length in (128, 129, 200, 700):
        for overlap in (63, 64):
            origins = place(length, 128, overlap)
            for origin, (start, end) in zip(origins, cells(origins, length, 128, overlap), strict=True):
                reach = largest_whole_nucleus(overlap) / 2
                assert start - origin >= reach or origin == 0
                assert origin + 128 - end >= reach or origin + 128 >= length


def test_scripts_from_folder_to_tiles(tmp_path):
    lab(tmp_path)
    how = settings(tmp_path, counts="components")

    def script(name):
        spec = importlib.util.spec_from_file_location(f"{name}_script", SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    script("index").own(how, tmp_path / "images.csv")
    script("split").main(str(tmp_path / "images.csv"), "folder", None, tmp_path / "split.csv")
    with open(tmp_path / "split.csv", newline="", encoding="utf-8") as file:
        split = list(csv.DictReader(file))
    assert {row["split"] for row in split} == {"train", "val", "test"} and len(split) == 5
    tiles = script("tiles")
    parts = tiles.read_split(tmp_path / "split.csv")
    cutting = {"size": 128, "whole_overlap": 64, "border": "shift"}
    for name in ("train", "val", "test", "whole"):
        found = tiles.own_images(how, tmp_path / "images.csv", parts, name)
        tiles.main(found, name, tmp_path / name, cutting, [1.0, 99.8])
        side = "test" if name == "whole" else name
        expected = {row["image_id"] for row in split if row["split"] == side}
        assert set(read_tiles(tmp_path / name).table.image_id) == expected


def test_inputs_of_the_workflow_are_all_files(tmp_path):
    lab(tmp_path, 3)
    (tmp_path / "counts.csv").touch()
    files = listed_files(settings(tmp_path, counts=str(tmp_path / "counts.csv")))
    assert len(files) == 7 and all(Path(path).is_file() for path in files)
    assert len(listed_files(settings(tmp_path, counts="components"))) == 6
    assert json.dumps(sorted(open_source(settings(tmp_path)).pairs))
    # Snakemake takes them for wildcards
    for folder in (tmp_path / "meine Bilder", tmp_path / "Masken é"):
        path = sorted(folder.iterdir())[0]
        path.rename(folder / path.name.replace("[x]", "{x}"))
    with pytest.raises(InputError, match=r"\{x\}.*braces in the name"):
        listed_files(settings(tmp_path))


def test_names_that_tables_take_for_something_else(tmp_path):
    lab(tmp_path, 3)
    for folder in (tmp_path / "meine Bilder", tmp_path / "Masken é"):
        for old, new in zip(sorted(folder.iterdir()), ("001", "NA", "null"), strict=True):
            old.rename(folder / f"{new}{old.suffix}")
    _, tiles, _ = tiles_of(tmp_path)
    assert sorted(set(tiles.table.image_id)) == ["001", "NA", "null"]
