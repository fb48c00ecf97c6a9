"""Tables of nuclei, the shape beside them, and run lengths: round trips and bad files."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from canonuclei.errors import InputError
from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.render import render_instances
from canonuclei.nuclei.rle_file import decode_masks, encode_masks, read_rle, rle_tile, tile_masks, write_rle
from canonuclei.nuclei.rows import COLUMNS, PARAMETERS, add_measures, nuclei_masks, nuclei_table
from canonuclei.nuclei.tables import read_nuclei, read_shape, write_nuclei, write_shape


@pytest.fixture
def predicted():
    """Three tiles of two images: a group of two in the first, an absent instance, and an empty tile."""
    torch.manual_seed(0)
    tiles = pd.DataFrame({"image_id": ["a", "a", "b"], "tile_y": [0, 0, 0], "tile_x": [0, 72, 0]})
    lower = torch.eye(2).repeat(3, 4, 1, 1) * torch.tensor([4.0, 7.0, 5.0, 6.0])[None, :, None, None]
    centres = torch.tensor([[0.0, 0.0], [0.05, 0.0], [0.6, 0.6], [1.05, -0.5]])
    t = -torch.einsum("bnij,nj->bni", lower, centres)
    p = torch.tensor([[0.9, 0.8, 0.3, 0.04], [0.2, 0.6, 1 / 3, 0.99], [0.01, 0.01, 0.0, 0.04]])
    return tiles, lower, t, p, ShapeMLP(noise=0.1)


def test_table_counts_ids_by_image_and_groups_by_tile(predicted) -> None:
    table = nuclei_table(*predicted)
    assert tuple(table.columns) == COLUMNS
    assert table["image"].tolist() == ["a"] * 7 and table["id"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert table["group"].fillna(0).tolist() == [1, 1, 0, 0, 5, 0, 7]
    assert table["area"].isna().tolist() == [False, False, True, True, False, True, False]
    assert table["centroid-1"][4] - 72 == pytest.approx(table["centroid-1"][1], abs=0.5)


def test_the_head_of_a_group_has_the_union_s_measures(predicted) -> None:
    tiles, lower, t, p, shape = predicted
    grouped = nuclei_table(*predicted)
    alone = nuclei_table(tiles, lower, t, p, shape, overlap=1.0)
    assert alone["group"].fillna(0).tolist() == [1, 1, 0, 0, 5, 0, 7]  # contained wholly
    lower = lower.clone()
    t = -torch.einsum(
        "bnij,nj->bni", lower, torch.tensor([[0.0, 0.0], [0.09, 0.0], [0.6, 0.6], [1.05, -0.5]])
    )
    grouped = nuclei_table(tiles, lower, t, p, shape)
    union = render_instances(lower[0], t[0], p[0], shape).any(axis=0)
    assert grouped["group"][1] == 1
    assert grouped["area"][0] == pytest.approx(union.sum(), rel=0.02)
    assert grouped["area"][0] > nuclei_table(tiles, lower, t, p, shape, overlap=1.0)["area"][0]


def test_file_round_trip_is_exact_and_its_bytes_are_the_same(predicted, tmp_path: Path) -> None:
    table = nuclei_table(*predicted)
    write_nuclei(tmp_path / "a.csv.gz", table)
    write_nuclei(tmp_path / "b.csv.gz", table)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    back = read_nuclei(tmp_path / "a.csv.gz")
    assert back["group"].dtype == "Int64" and back["group"].isna().tolist() == table["group"].isna().tolist()
    _, lower, t, p, shape = predicted
    for column, index in (("tile_x", 0), ("tile_x", 72)):
        rows = back[back[column] == index]
        masks, positions = nuclei_masks(rows, shape)
        tile = 0 if index == 0 else 1
        drawn = render_instances(lower[tile], t[tile], p[tile], shape)
        np.testing.assert_array_equal(masks, drawn[drawn.any(axis=(1, 2))])
        assert len(positions) == 2
    write_nuclei(tmp_path / "c.csv.gz", back)
    assert (tmp_path / "c.csv.gz").read_bytes() == (tmp_path / "a.csv.gz").read_bytes()


def test_published_tables_have_parameters_only_and_measures_come_back(predicted, tmp_path: Path) -> None:
    table, shape = nuclei_table(*predicted), predicted[-1]
    write_nuclei(tmp_path / "a.csv.gz", table, parameters_only=True)
    published = read_nuclei(tmp_path / "a.csv.gz")
    assert tuple(published.columns) == PARAMETERS
    pd.testing.assert_frame_equal(add_measures(published, shape), add_measures(table, shape), rtol=1e-6)


def test_merged_masks_of_a_tile_are_the_groups_unions(predicted) -> None:
    _, lower, t, p, shape = predicted
    rows = nuclei_table(*predicted).query("tile_x == 0")
    masks, positions = nuclei_masks(rows, shape, merged=True)
    assert positions.tolist() == [0] and masks.shape == (1, 128, 128)
    np.testing.assert_array_equal(masks[0], render_instances(lower[0], t[0], p[0], shape).any(axis=0))
    nothing, positions = nuclei_masks(rows.iloc[:0], shape, merged=True)
    assert nothing.shape == (0, 128, 128) and len(positions) == 0


def test_a_table_without_nuclei(predicted, tmp_path: Path) -> None:
    tiles, lower, t, p, shape = predicted
    table = nuclei_table(tiles, lower, t, p * 0, shape)
    write_nuclei(tmp_path / "a.csv.gz", table)
    back = read_nuclei(tmp_path / "a.csv.gz")
    assert len(back) == 0 and tuple(back.columns) == COLUMNS and back["group"].dtype == "Int64"


HEADER = ",".join(PARAMETERS)
ROW = "a,0,0,128,1,1,4,0,4,0,0,0.9"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("image,tile_y\na,0", "lacks the column tile_x"),
        (f"{HEADER}\n{ROW}\n{ROW}", "an id comes twice"),
        (f"{HEADER}\n{ROW.replace('0.9', '1.9')}", "line 2: p is not in 0…1"),
        (f"{HEADER}\n{ROW.replace('4', '-4')}", "diagonal of L"),
        (f"{HEADER}\n{ROW.replace('0.9', '')}", "not finite"),
        (f"{HEADER}\n{ROW.replace('0.9', 'high')}", "is no table of nuclei"),
        ("", "is no table of nuclei"),
    ],
)
def test_bad_tables_are_told_in_one_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "n.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(InputError, match=problem) as caught:
        read_nuclei(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("read", [read_nuclei, read_rle, read_shape])
def test_missing_cut_and_foreign_files(tmp_path: Path, read) -> None:
    path = tmp_path / "file"
    with pytest.raises(InputError, match="does not exist"):
        read(path)
    path.write_bytes(gzip.compress(b"image,tile_y\n" * 999)[:-9])
    with pytest.raises(InputError) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_shape_round_trip_and_bad_weights(tmp_path: Path) -> None:
    shape = ShapeMLP()
    write_shape(tmp_path / "s.json", shape, {"threshold": 0.5, "run": "ours_tiny_s1"})
    back, settings_read = read_shape(tmp_path / "s.json")
    assert settings_read == {"threshold": 0.5, "run": "ours_tiny_s1"}
    for name, tensor in shape.state_dict().items():
        assert torch.equal(back.state_dict()[name], tensor)
    content = json.loads((tmp_path / "s.json").read_text())
    content["weights"]["layer1.weight"] = [[1.0]]
    for bad in (content, {}, []):
        (tmp_path / "s.json").write_text(json.dumps(bad))
        with pytest.raises(InputError, match="88 weights"):
            read_shape(tmp_path / "s.json")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.floats(0, 1))
def test_run_lengths_round_trip(seed: int, count: int, density: float) -> None:
    masks = np.random.default_rng(seed).random((count, 9, 14)) < density
    np.testing.assert_array_equal(decode_masks(encode_masks(masks), 9, 14), masks)


def test_rle_file_round_trip(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    mask, instances = random.random((128, 128)) < 0.5, random.random((3, 128, 128)) < 0.1
    tiles = [
        rle_tile("a", 0, 128, mask, instances, np.array([0.9, 0.5, 1 / 3], np.float32)),
        rle_tile("b", 0, 0, np.zeros((128, 128))),
    ]
    for name in "xy":
        write_rle(tmp_path / f"{name}.rle.json.gz", tiles, run="r", model="maskrcnn", grid=None)
    path = tmp_path / "x.rle.json.gz"
    assert path.read_bytes() == (tmp_path / "y.rle.json.gz").read_bytes()
    document = read_rle(path)
    assert document["run"] == "r" and document["tile_size"] == 128
    got = tile_masks(document["tiles"][0], 128)
    np.testing.assert_array_equal(got[0], mask)
    np.testing.assert_array_equal(got[1], instances)
    assert got[2].tolist() == [0.899999976, 0.5, 0.333333343]
    assert tile_masks(document["tiles"][1], 128)[1].shape == (0, 128, 128)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": "other"}, "format 'other'"),
        ({"tile_size": 64}, "do not fill 64×64"),
        ({"tiles": [{"image": "a"}]}, "lacks"),
        ({"scores": [1.0]}, "as many scores"),
        ({"scores": ""}, "are no lists"),
        ({"tile_x": 1.5}, "no whole number"),
        ({"tile_size": 10**9}, "a tile_size of"),
        ({"mask": "o" * 99}, "larger than any mask"),
        ({"mask": "é"}, "is no file of run lengths"),
        ({"mask": "P"}, "cut short"),
        ({"mask": ""}, "do not fill"),
    ],
)
def test_bad_run_lengths_are_told_in_one_line(tmp_path: Path, change: dict, problem: str) -> None:
    tile = rle_tile("a", 0, 0, np.zeros((128, 128)))
    tile |= {name: value for name, value in change.items() if name in tile}
    document = {"format": "canonuclei-rle-1", "tile_size": 128, "tiles": [tile]}
    document |= {name: value for name, value in change.items() if name in document}
    path = tmp_path / "x.rle.json.gz"
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    with pytest.raises(InputError, match=problem) as caught:
        read_rle(path)
    assert "\n" not in str(caught.value)
