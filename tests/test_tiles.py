"""Tiles: placement, cells that partition the image, the files, and the special cases."""

import importlib.util
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonuclei.data.archives import AnnotatedImage, Archive
from canonuclei.data.assemble import assemble
from canonuclei.data.simulate import write_source
from canonuclei.data.tiles import ARRAYS, COLUMNS, TABLE, cells, cut_tiles, place, read_tiles
from canonuclei.errors import InputError

SIZE = 128


def annotated(labels: np.ndarray, image_id: str = "a", seed: int = 0) -> AnnotatedImage:
    rgb = np.random.default_rng(seed).integers(0, 60, (*labels.shape, 3), dtype=np.uint8)
    rgb[labels > 0] += 100
    return AnnotatedImage(image_id, "stage1_train", rgb, labels.astype(np.int32))


def random_labels(height: int, width: int, seed: int = 0, number: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = np.zeros((height, width), np.int32)
    for label in range(1, number + 1):
        y, x = rng.integers(0, height), rng.integers(0, width)
        labels[max(y - 7, 0) : y + 7, max(x - 9, 0) : x + 9] = label
    return labels


def cut(folder: Path, *images: AnnotatedImage, overlap: int = 0, size: int = SIZE):
    cut_tiles(iter(images), folder, size=size, overlap=overlap)
    return read_tiles(folder, instances=True)


@pytest.mark.parametrize(
    ("length", "overlap", "origins", "own"),
    [
        (100, 0, [0], [(0, 100)]),
        (128, 0, [0], [(0, 128)]),
        (129, 0, [0, 1], [(0, 128), (128, 129)]),
        (256, 0, [0, 128], [(0, 128), (128, 256)]),
        (320, 0, [0, 128, 192], [(0, 128), (128, 256), (256, 320)]),
        (256, 64, [0, 64, 128], [(0, 96), (96, 160), (160, 256)]),
        (260, 64, [0, 64, 128, 132], [(0, 96), (96, 160), (160, 194), (194, 260)]),
        (128, 64, [0], [(0, 128)]),
    ],
)
def test_placement_as_documented(length, overlap, origins, own):
    assert place(length, SIZE, overlap) == origins
    assert cells(origins, length, SIZE, overlap) == own


def test_padded_border_keeps_the_grid_and_marks_what_is_no_image(tmp_path):
    labels = random_labels(200, 260)
    image = annotated(labels)
    for border, last in (("shift", (72, 132)), ("pad", (128, 256))):
        cut_tiles([image], tmp_path / border, size=SIZE, border=border)
        tiles = read_tiles(tmp_path / border, instances=True)
        assert len(tiles) == 6
        assert tuple(tiles.table.iloc[-1][["tile_y", "tile_x"]]) == last
        assert np.array_equal(assemble(tiles.table, tiles.instances), labels)
    assert tiles.valid.sum() == labels.size
    assert (tiles.valid[-1, :72, :4] == 1).all()
    assert not tiles.valid[-1, 72:].any()
    assert not tiles.instances[-1, :, 4:].any()


@given(length=st.integers(1, 3000), size=st.integers(1, 300), data=st.data())
@settings(max_examples=300, deadline=None)
def test_cells_partition_and_lie_in_their_tiles(length, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    # some thousand tiles would only make it slow
    if length // (size - overlap) > 2000:
        return
    origins = place(length, size, overlap)
    own = cells(origins, length, size, overlap)
    assert len(own) == len(origins)
    assert own[0][0] == 0 and own[-1][1] == length
    assert all(before[1] == after[0] for before, after in pairwise(own))
    for origin, (start, end) in zip(origins, own, strict=True):
        assert origin <= start < end <= origin + size
        assert origin + size <= max(length, size)


@pytest.mark.parametrize("overlap", [-1, 128, 200])
def test_overlap_out_of_range_is_one_line(overlap):
    with pytest.raises(InputError, match="overlap"):
        place(256, SIZE, overlap)


@given(height=st.integers(1, 90), width=st.integers(1, 90), overlap=st.integers(0, 31))
@settings(max_examples=25, deadline=None)
def test_every_pixel_counted_once_and_put_together_again(height, width, overlap, tmp_path_factory):
    image = annotated(random_labels(height, width, number=6))
    tiles = cut(tmp_path_factory.mktemp("tiles"), image, overlap=overlap, size=32)
    counted = np.zeros((height, width), int)
    for row in tiles.table.itertuples():
        counted[row.cell_y0 : row.cell_y1, row.cell_x0 : row.cell_x1] += 1
        y, x = row.tile_y, row.tile_x
        part = image.labels[y : y + 32, x : x + 32]
        valid = tiles.valid[row.tile].astype(bool)
        assert valid.sum() == part.size and valid[: part.shape[0], : part.shape[1]].all()
        assert np.array_equal(tiles.instances[row.tile][valid].reshape(part.shape), part)
        assert not tiles.instances[row.tile][~valid].any() and not tiles.masks[row.tile][~valid].any()
    assert (counted == 1).all()
    assert np.array_equal(assemble(tiles.table, tiles.instances), image.labels)


def test_files_are_as_the_other_rules_expect(tmp_path):
    image = annotated(random_labels(260, 347))
    tiles = cut(tmp_path, image)
    assert len(tiles) == 9 and tiles.size == SIZE and list(tiles.table.columns) == list(COLUMNS)
    assert tiles.table.tile.tolist() == list(range(9))
    for name, (dtype, more) in ARRAYS.items():
        array = getattr(tiles, name)
        assert isinstance(array, np.memmap) and array.dtype == dtype
        assert array.shape == (9, SIZE, SIZE, *more)
    row = tiles.table.iloc[8]
    assert (row.tile_y, row.tile_x, row.cell_y0, row.cell_x0) == (132, 219, 256, 256)
    assert np.array_equal(tiles.images[8], image.rgb[132:260, 219:347])
    assert np.array_equal(tiles.masks, (tiles.instances > 0).astype(np.uint8))
    of_image = [
        *np.percentile(image.rgb, [1.0, 99.8]),
        image.rgb.mean(dtype=float),
        image.rgb.std(dtype=float),
    ]
    assert np.allclose(row[["p_low", "p_high", "mean", "std"]].astype(float), of_image, rtol=1e-8)
    assert row.look == "fluorescence" and (row.image_height, row.image_width) == (260, 347)


def test_k_counts_masks_with_a_pixel_in_the_tile(tmp_path):
    labels = np.zeros((128, 256), int)
    labels[10:20, 10:20] = 3  # in the left tile
    labels[50:60, 120:129] = 7  # in both, with one column in the right one
    labels[127, 255] = 9  # a single pixel in the corner
    tiles = cut(tmp_path, annotated(labels))
    assert tiles.table.k.tolist() == [2, 2]
    assert set(np.unique(tiles.instances[0])) == {0, 3, 7}
    assert set(np.unique(tiles.instances[1])) == {0, 7, 9}  # the same label in both tiles


def test_one_nucleus_over_the_whole_tile(tmp_path):
    tiles = cut(tmp_path, annotated(np.ones((128, 128), int)))
    assert tiles.table.k.tolist() == [1] and tiles.masks.all() and tiles.valid.all()


def test_no_nuclei(tmp_path):
    tiles = cut(tmp_path, annotated(np.zeros((128, 200), int)))
    assert tiles.table.k.tolist() == [0, 0] and not tiles.masks.any()
    assert not assemble(tiles.table, tiles.instances).any()


@pytest.mark.parametrize(("height", "width"), [(128, 128), (100, 161), (161, 100), (1, 1)])
def test_small_images_are_padded_with_their_ground(tmp_path, height, width):
    image = annotated(random_labels(height, width, number=2))
    tiles = cut(tmp_path, image)
    assert tiles.valid[:, :height, :width].all()
    assert int(tiles.valid[0].sum()) == min(height, SIZE) * min(width, SIZE)
    outside = tiles.images[0][tiles.valid[0] == 0]
    assert (outside == np.median(image.rgb, axis=(0, 1)).astype(np.uint8)).all()


def test_weak_training_needs_no_instance_file(tmp_path):
    cut(tmp_path, annotated(random_labels(128, 128)))
    (tmp_path / "instances.npy").unlink()
    tiles = read_tiles(tmp_path)
    assert tiles.instances is None
    with pytest.raises(InputError, match="missing"):
        read_tiles(tmp_path, instances=True)


def test_the_same_images_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        cut(tmp_path / name, annotated(random_labels(300, 128)), annotated(random_labels(64, 64), "b"))
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_an_error_leaves_no_partial_files(tmp_path):
    def images():
        yield annotated(random_labels(128, 128))
        raise InputError("b", "broken", "mend it")

    with pytest.raises(InputError, match="broken"):
        cut_tiles(images(), tmp_path, size=SIZE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (AnnotatedImage("a", "s", np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8), np.int32)), "labels of"),
        (AnnotatedImage("a", "s", np.zeros((9, 9, 3), np.uint8), np.full((9, 9), 65536, np.int32)), "65535"),
    ],
)
def test_bad_images_are_one_line_errors(tmp_path, image, problem):
    with pytest.raises(InputError, match=problem):
        cut_tiles([image], tmp_path, size=SIZE)


def test_no_image_is_a_one_line_error(tmp_path):
    with pytest.raises(InputError, match="no image"):
        cut_tiles([], tmp_path, size=SIZE)


def test_broken_files_are_one_line_errors(tmp_path):
    cut(tmp_path, annotated(random_labels(128, 256)))
    whole = (tmp_path / "masks.npy").read_bytes()
    (tmp_path / "masks.npy").write_bytes(whole[:1000])
    with pytest.raises(InputError, match=r"masks\.npy"):
        read_tiles(tmp_path)
    np.save(tmp_path / "masks.npy", np.zeros((1, SIZE, SIZE), np.uint8))
    with pytest.raises(InputError, match=r"1 tiles, 2 in"):
        read_tiles(tmp_path)
    (tmp_path / TABLE).unlink()
    with pytest.raises(InputError, match="missing"):
        read_tiles(tmp_path)


def test_the_script_cuts_the_images_of_its_set(tmp_path, repository):
    spec = importlib.util.spec_from_file_location("rule", repository / "workflow" / "scripts" / "tiles.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    images = {"train": 2, "validation": 1, "test": 1}
    write_source(tmp_path, {"seed": 1, "images": images, "size": [128, 192]})
    rows = []
    for subset, split in (("stage1_train", "train"), ("stage1_test", "val"), ("stage2_test", "test")):
        with Archive(tmp_path, subset) as archive:
            rows += [(image_id, subset, split) for image_id in archive.ids]
    columns = ["image_id", "subset", "split"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "split.csv", index=False)
    expected = {"train": (2, 2 + 9), "val": (1, 2), "test": (1, 2), "whole": (1, 2)}
    for name, (images, tiles) in expected.items():
        settings = {"size": 128, "border": "shift", "whole_overlap": 64}
        chosen = script.images_of(tmp_path, script.read_split(tmp_path / "split.csv"), name)
        script.main(chosen, name, tmp_path / name, settings, [1.0, 99.8])
        table = read_tiles(tmp_path / name).table
        assert (table.image_id.nunique(), len(table)) == (images, tiles)


def test_describing_a_large_image_copies_it_in_no_wider_type(tmp_path):
    image = annotated(np.zeros((1000, 1200), np.int32))
    tracemalloc.start()
    try:
        (tiles,) = [cut(tmp_path, image)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Copies of 64-bit floats would be 8 times the image each; padded tiles and labels are 4 times
    assert peak < 7 * image.rgb.nbytes, f"{peak / image.rgb.nbytes:.1f} times the image"
    assert tiles.table["mean"][0] == pytest.approx(image.rgb.mean(), rel=1e-8)
    assert tiles.table["std"][0] == pytest.approx(image.rgb.std(), rel=1e-8)
