"""Segmenting whole images: every nucleus once and whole, the same from any tiling, thresholds afterwards."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import canonuclei.segmentation.network as network
from canonuclei.errors import InputError
from canonuclei.nuclei.pairs import near_pairs
from canonuclei.segmentation.model import load_model
from canonuclei.segmentation.tiling import histogram, percentiles
from segment_standins import Bright, Places, coordinates, disc_masks, lattice, segmenter


def same(one, other) -> None:
    np.testing.assert_array_equal(one.labels, other.labels)
    pd.testing.assert_frame_equal(one.nuclei, other.nuclei)
    pd.testing.assert_frame_equal(one.candidates, other.candidates)


@pytest.mark.parametrize(
    ("height", "width"), [(300, 260), (128, 128), (129, 300), (20, 500), (16, 16), (640, 131), (100, 90)]
)
def test_every_nucleus_comes_once_and_whole(height: int, width: int) -> None:
    discs = lattice(height, width)
    found = segmenter(Places(discs)).segment(coordinates(height, width))
    truth = disc_masks(discs, height, width)
    assert found.labels.shape == (height, width) and found.labels.dtype == np.int32
    assert len(found.nuclei) == len(discs)
    for mask, (y, x, radius, _) in zip(truth, discs, strict=True):
        labels = np.unique(found.labels[mask])
        assert len(labels) == 1 and labels[0] > 0
        np.testing.assert_array_equal(found.labels == labels[0], mask)
        row = found.nuclei.set_index("id").loc[labels[0]]
        assert np.hypot(row["centroid-0"] - y, row["centroid-1"] - x) < 0.02
        assert row["area"] == pytest.approx(np.pi * radius**2, rel=0.01)
        edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        assert row["touches_border"] == int(edge)
    assert (found.nuclei["overlap"] == 0).all() and (found.nuclei["merged_from"] == "").all()


def test_batches_of_tiles_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    discs = lattice(300, 333)
    one = segmenter(Places(discs)).segment(coordinates(300, 333))
    monkeypatch.setattr(network, "BATCH", 3)
    same(one, segmenter(Places(discs)).segment(coordinates(300, 333)))


def test_disagreeing_tiles_still_give_each_nucleus_once() -> None:
    discs = lattice(400, 300, seed=3)

    class Trembling(Places):
        def predict(self, images):
            moved = super().predict(images)
            random = np.random.default_rng(int(images[:, :, 0, 0].sum() * 1000) % 2**31)
            shift = (
                random.uniform(-1.2, 1.2, moved.t.shape)
                * 2
                / 128
                * moved.lower[..., :1, 0].numpy().astype(float)
            )
            return moved._replace(t=moved.t + torch.tensor(shift, dtype=torch.float32))

    found = segmenter(Trembling(discs)).segment(coordinates(400, 300))
    truth = disc_masks(discs, 400, 300)
    assert len(found.nuclei) == len(discs)
    hit = {np.bincount(found.labels[mask]).argmax() for mask in truth if mask.sum() > 40}
    assert 0 not in hit and len(hit) == sum(mask.sum() > 40 for mask in truth)


def test_contained_instances_are_merged_and_measured_as_one() -> None:
    discs = np.array([[60, 60, 14.1, 0.99999], [60, 72, 6.1, 0.99999], [120, 60, 9.1, 0.99999]])
    found = segmenter(Places(discs)).segment(coordinates(160, 120))
    assert len(found.nuclei) == 2
    union = disc_masks(discs[:2], 160, 120).any(axis=0)
    row = found.nuclei[found.nuclei["merged_from"] != ""].iloc[0]
    np.testing.assert_array_equal(found.labels == row["id"], union)
    assert row["area"] == pytest.approx(union.sum(), rel=0.02)
    group = found.candidates.set_index("id")["group"]
    assert group[int(row["merged_from"])] == row["id"] == group[row["id"]]
    assert found.metadata["counts"]["merged"] == 1


def test_overlapping_pixels_go_to_the_higher_p() -> None:
    discs = np.array([[60, 50, 12.1, 0.9999], [60, 66, 12.1, 0.95]])
    found = segmenter(Places(discs)).segment(coordinates(128, 128))
    assert len(found.nuclei) == 2
    strong, weak = found.nuclei.sort_values("p", ascending=False)["id"]
    first, second = disc_masks(discs, 128, 128)
    assert (found.labels == strong).sum() == pytest.approx(first.sum(), abs=3)
    assert (found.labels == weak).sum() < second.sum() - 30
    assert (found.nuclei["overlap"] > 0.05).all() and (found.nuclei["overlap"] < 0.5).all()


def test_rescaled_images_have_masks_at_their_own_resolution() -> None:
    discs = lattice(500, 420, spacing=60, radius=18.3)
    discs = discs[((discs[:, :2] > 20) & (discs[:, :2] < [480, 400])).all(axis=1)]
    truth = disc_masks(discs, 500, 420)
    image = (truth.any(axis=0) * 255).astype(np.uint8)
    found = segmenter(Bright()).segment(image, scale=0.5)
    again = segmenter(Bright()).segment(image, diameter=32)
    same(found, again)
    assert found.metadata["guaranteed_whole_diameter_px"] == 128
    assert len(found.nuclei) == len(discs) and found.labels.shape == (500, 420)
    for mask, (y, x, _, _) in zip(truth, discs, strict=True):
        label = found.labels[round(y), round(x)]
        mine = found.labels == label
        assert (mine & mask).sum() / (mine | mask).sum() > 0.9
        row = found.nuclei.set_index("id").loc[label]
        assert np.hypot(row["centroid-0"] - y, row["centroid-1"] - x) < 0.3
        assert row["intensity_mean-0"] > 230


def test_other_thresholds_need_no_network(tmp_path: Path) -> None:
    discs = lattice(300, 260)
    discs[:, 3] = np.random.default_rng(0).uniform(0.06, 0.99, len(discs))
    made = segmenter(Places(discs))
    found = made.segment(coordinates(300, 260))
    counts = []
    for threshold in (0.1, 0.3, 0.7):
        same(found.at(threshold), made.segment(coordinates(300, 260), threshold=threshold))
        counts.append(len(found.at(threshold).nuclei))
    assert counts[0] > counts[1] > counts[2] > 0
    same(found.at(0.3).at(0.5), found)
    for bad in (0.01, 1.0):
        with pytest.raises(InputError, match="threshold"):
            found.at(bad)


def test_microns_of_pixels_that_are_not_square() -> None:
    found = segmenter(Places(lattice(128, 128))).segment(coordinates(128, 128), pixel_size=(0.5, 0.25))
    row = found.nuclei.iloc[len(found.nuclei) // 2]
    assert row["centroid-0_um"] == pytest.approx(row["centroid-0"] * 0.5)
    assert row["area_um2"] == pytest.approx(row["area"] * 0.125)
    # a disc becomes an ellipse twice as long as wide, along the rows' axis
    assert row["axis_major_length_um"] == pytest.approx(row["axis_major_length"] * 0.5, rel=0.01)
    assert row["axis_minor_length_um"] == pytest.approx(row["axis_minor_length"] * 0.25, rel=0.01)
    assert abs(row["orientation_um"]) < 0.05 and row["eccentricity_um"] == pytest.approx(0.866, abs=0.01)


def test_nothing_to_find() -> None:
    found = segmenter(Places(np.zeros((0, 4)))).segment(coordinates(200, 200))
    assert not found.labels.any() and len(found.nuclei) == 0 and len(found.candidates) == 0
    assert list(found.nuclei.columns) == list(
        segmenter(Places(lattice(50, 50))).segment(coordinates(50, 50)).nuclei
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.01}, "threshold"),
        ({"scale": 0}, "scale"),
        ({"scale": 1, "diameter": 10}, "give one of the two"),
        ({"diameter": -1}, "diameter"),
        ({"pixel_size": 0}, "pixel_size"),
        ({"channel": 7}, "no channel 7"),
    ],
)
def test_bad_arguments(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        segmenter(Places(lattice(64, 64))).segment(coordinates(64, 64), **options)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 50), np.uint8), "too small"),
        (np.full((50, 50), np.nan), "NaN"),
        (np.zeros((3, 4, 50, 50), np.uint8), "4 dimensions"),
        (np.zeros((50, 50), np.int64), "int64"),
        (np.zeros((50, 50, 2), np.uint8), "channel"),
    ],
)
def test_bad_arrays(array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        segmenter(Bright()).segment(array)


def test_models_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model"):
        load_model(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="missing beside"):
        load_model(tmp_path / "model.safetensors")
    for text, message in (
        ("{", "is no description"),
        ('{"model": "canonical"}', "does not tell encoder"),
        ('{"model": "semantic", "encoder": "tiny", "settings": {}}', "places no canonical shapes"),
    ):
        (tmp_path / "model.json").write_text(text)
        with pytest.raises(InputError, match=message):
            load_model(tmp_path)


def test_percentiles_by_histogram_are_numpys() -> None:
    random = np.random.default_rng(0)
    for size in ((3, 5), (64, 65, 3), (1, 1)):
        values = random.integers(0, 256, size).astype(np.uint8)
        got = percentiles(histogram(values), (0, 1, 37.5, 99.8, 100))
        np.testing.assert_allclose(got, np.percentile(values, (0, 1, 37.5, 99.8, 100)))


def test_near_pairs_are_all_pairs_that_meet() -> None:
    random = np.random.default_rng(0)
    low = random.integers(0, 600, (150, 2))
    boxes = np.hstack([low, low + random.integers(0, 200, (150, 2))])
    meet = [
        (i, j)
        for i in range(150)
        for j in range(i + 1, 150)
        if (np.maximum(boxes[i, :2], boxes[j, :2]) < np.minimum(boxes[i, 2:], boxes[j, 2:])).all()
    ]
    assert list(zip(*(part.tolist() for part in near_pairs(boxes)), strict=True)) == meet


def test_importing_the_package_loads_no_torch(repository: Path) -> None:
    code = (
        "import canonuclei, canonuclei.cli, sys; assert not {'torch', 'numpy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=repository / "workflow" / "scripts", check=True)


def test_images_are_rescaled_as_the_training_images_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canonuclei.segmentation.assemble.unlike_training", lambda *_: [])
    trained = segmenter(Places(lattice(120, 100)))
    trained.model = replace(trained.model, described={"training_data": {"scale": 0.5}})
    image = coordinates(240, 200)
    found = trained.segment(image)
    assert found.metadata["scale"] == 0.5 and found.labels.shape == (240, 200)
    assert trained.segment(image, scale=1.0).metadata["scale"] == 1.0
