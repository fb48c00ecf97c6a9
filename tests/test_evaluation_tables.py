"""From tiles and prediction files to rows of scores, intervals and tables."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.io import imsave

from about_runs import RUN
from canonuclei.analysis.study import failure_table, study
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles, read_tiles
from canonuclei.errors import InputError
from canonuclei.evaluation.aggregate import by_density, pooled
from canonuclei.evaluation.approaches import score_run
from canonuclei.evaluation.bootstrap import differences, differences_by_density, differences_by_look
from canonuclei.evaluation.frames import GroundTruth
from canonuclei.evaluation.labels import score_labels
from canonuclei.evaluation.references import otsu_predictions, score_references
from canonuclei.evaluation.scores import read_scores, write_scores
from canonuclei.evaluation.tables import write_tables
from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.rle_file import rle_tile, write_rle
from canonuclei.nuclei.rows import nuclei_table
from canonuclei.nuclei.tables import write_nuclei, write_shape

SIZES = {"a": (200, 260), "b": (100, 90), "empty": (128, 128)}
ABOUT = {"dataset": "demo", "own": False, "official": False, "simulated": True, "runs": [RUN]}


def labelled(image: str) -> np.ndarray:
    """Discs of radius 8 on a lattice, two of them on a tile's border; none in the image ``empty``."""
    labels = np.zeros(SIZES[image], np.int32)
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    centres = [(a, b) for a in range(28, labels.shape[0] - 8, 50) for b in range(28, labels.shape[1] - 8, 50)]
    for label, (a, b) in enumerate(centres if image != "empty" else [], start=1):
        labels[(y - a) ** 2 + (x - b) ** 2 <= 64] = label
    return labels


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tiles")
    images = []
    for name in SIZES:
        labels = labelled(name)
        rgb = np.repeat(np.where(labels > 0, 220, 20)[..., None], 3, axis=-1).astype(np.uint8)
        images.append(AnnotatedImage(name, "stage1_test", rgb, labels))
    cut_tiles(images, folder / "test", size=128)
    cut_tiles(images, folder / "whole", size=128, overlap=64)
    return folder / "test", folder / "whole"


def test_every_true_pixel_is_scored_once(sets) -> None:
    pixels = {name: int((labelled(name) > 0).sum()) for name in SIZES}
    truth = GroundTruth(sets[0])
    assert truth.images == list(SIZES)
    for name, count in pixels.items():
        for frames in (truth.tiles(name), [truth.whole(name)]):
            assert sum(frame.truth.nnz for frame in frames) == count


def rle_files(sets, folder: Path, model: str, label: str) -> list[Path]:
    """A rival that predicts the truth."""
    paths = []
    for tiles, name in zip(sets, ("r.rle.json.gz", "r.whole.rle.json.gz"), strict=True):
        instances = np.load(tiles / "instances.npy")
        entries = []
        for row, labels in zip(read_tiles(tiles).table.itertuples(), instances, strict=True):
            values = np.unique(labels[labels > 0])
            masks = (labels == values[:, None, None]) if model == "maskrcnn" else None
            scores = None if masks is None else np.ones(len(values))
            entries.append(rle_tile(row.image_id, row.tile_y, row.tile_x, labels > 0, masks, scores))
        header = {"run": "r", "variant": "v", "label": label, "model": model, "encoder": "tiny", "seed": 0}
        write_rle(folder / name, entries, grid=None, **header)
        paths.append(folder / name)
    return paths


@pytest.mark.parametrize(
    ("model", "label", "approaches"),
    [
        ("maskrcnn", "Mask R-CNN", ["Mask R-CNN"]),
        ("deeplabv3", "DeepLabV3", ["DeepLabV3", "DeepLabV3+CC", "DeepLabV3+WS"]),
        ("semantic", "Semantic", ["Semantic+CC", "Semantic+WS"]),
    ],
)
def test_a_perfect_rival_scores_one(sets, tmp_path: Path, model, label, approaches) -> None:
    scores = score_run(rle_files(sets, tmp_path, model, label), *sets, distance=5)
    for scope in ("tile", "whole"):
        table = pooled(scores[scores["scope"] == scope])
        assert table["approach"].tolist() == approaches
        assert (table[["iou", "dice"]] == 1).all(axis=None)
        counted = table[table["approach"] != "DeepLabV3"]
        assert (counted[["f1_50", "f1_mean_9", "f1_mean_10"]] == 1).all(axis=None)
        assert (counted["count_mae"] == 0).all()
    if model == "deeplabv3":
        plain = table.iloc[0]
        assert plain[["f1_50", "tp", "fp", "fn", "count_mae"]].isna().all()


@pytest.fixture(scope="module")
def predicted(sets, tmp_path_factory) -> list[Path]:
    """A canonical run's files: every nucleus of a tile as a disc, and once more a smaller one in it."""
    folder = tmp_path_factory.mktemp("nuclei")
    torch.manual_seed(0)
    shape = ShapeMLP(noise=0.0, sharpness=60.0)
    for tiles, ending in zip(sets, ("", ".whole"), strict=True):
        table, instances = read_tiles(tiles).table, np.load(tiles / "instances.npy")
        lower, t, p = (
            np.zeros((len(table), 64, 2, 2)),
            np.zeros((len(table), 64, 2)),
            np.zeros((len(table), 64)),
        )
        lower[:] = np.eye(2)
        for index, labels in enumerate(instances):
            n = 0
            for value in np.unique(labels[labels > 0]):
                rows, columns = np.nonzero(labels == value)
                centre = (2 * np.array([columns.mean(), rows.mean()]) + 1) / 128 - 1
                for radius in (8.0, 5.0):
                    lower[index, n] = np.eye(2) * 0.5 / (radius / 64)
                    t[index, n], p[index, n] = -lower[index, n] @ centre, 0.99
                    n += 1
        write_nuclei(folder / f"r{ending}.csv.gz", nuclei_table(table, lower, t, p, shape))
    described = {"label": "Ours", "encoder": "tiny", "seed": 0, "supervision": "masks"}
    described |= {"threshold": 0.5, "merge_overlap": 0.5, "tile_size": 128}
    write_shape(folder / "r.shape.json", shape, described)
    return [folder / name for name in ("r.csv.gz", "r.whole.csv.gz", "r.shape.json")]


@pytest.fixture(scope="module")
def canonical(sets, predicted) -> pd.DataFrame:
    return score_run(predicted, *sets, distance=5)


def test_merging_repairs_doubled_nuclei(canonical) -> None:
    for scope in ("tile", "whole"):
        plain, merged = pooled(canonical[canonical["scope"] == scope]).to_dict("records")
        assert (plain["approach"], merged["approach"]) == ("Ours", "Ours+P")
        assert plain["iou"] == merged["iou"] and merged["f1_50"] > 0.9
        assert plain["fp"] > merged["fp"] + 5
    assert (canonical["supervision"] == "masks").all() and (canonical["grid"] == 128).all()


def test_whole_images_are_merged_as_the_run_says(sets, predicted, canonical, tmp_path: Path) -> None:
    table, whole, shape = (Path(shutil.copy(file, tmp_path)) for file in predicted)
    told = json.loads(shape.read_text())
    # more than any share of a nucleus: none joins another
    shape.write_text(json.dumps(told | {"merge_overlap": 1.01}))
    scores = score_run([table, whole, shape], *sets, distance=5)
    plain, merged = pooled(scores[scores["scope"] == "whole"])["fp"]
    assert plain == merged == pooled(canonical[canonical["scope"] == "whole"])["fp"].iloc[0]
    for key in ("threshold", "merge_overlap", "label", "encoder"):
        shape.write_text(json.dumps({name: value for name, value in told.items() if name != key}))
        with pytest.raises(InputError, match=f"lacks '{key}'"):
            score_run([table, whole, shape], *sets, distance=5)


def test_references_and_label_images(sets, tmp_path: Path) -> None:
    references = score_references(sets[0], distance=5)
    assert pooled(references)["f1_50"].min() > 0.99
    for name in SIZES:
        imsave(tmp_path / f"{name}.png", labelled(name).astype(np.uint16), check_contrast=False)
    scores = score_labels(tmp_path, "Other tool", *sets[:1])
    assert pooled(scores)["f1_mean_10"].tolist() == [1.0]
    assert set(scores["scope"]) == {"tile", "whole"}


def test_scores_by_the_nuclei_of_a_tile(sets) -> None:
    references = score_references(sets[0], distance=5)
    tiles = references[references["scope"] == "tile"]
    table, whole = by_density(tiles), pooled(tiles)
    assert list(dict.fromkeys(table["k"])) == ["0", "3–5", "6–10"]
    sums = table.groupby("approach")[["tp", "fp", "fn"]].sum()
    pd.testing.assert_frame_equal(sums, whole.set_index("approach")[["tp", "fp", "fn"]].sort_index())
    counts = tiles[tiles["approach"] == "Otsu+WS"]["true_nuclei"]
    found = table[(table["approach"] == "Otsu+WS") & (table["k"] == "3–5")]
    assert (found["tp"] + found["fn"]).item() == counts[counts.between(3, 5)].sum()


def test_differences_of_each_look(sets, canonical) -> None:
    scores = pd.concat([canonical, score_references(sets[0], distance=5)], ignore_index=True)
    assert differences_by_look(scores, 20, 0).empty
    scores.loc[scores["image"] == "b", "look"] = "tissue"
    found = differences_by_look(scores, 20, 0)
    own = differences(scores[(scores["scope"] == "tile") & (scores["image"] != "b")], 20, 0)
    pd.testing.assert_frame_equal(found[found["look"] == "fluorescence"].iloc[:, 1:], own)
    assert set(found["look"]) == {"fluorescence", "tissue"} and set(found["scope"]) == {"tile"}


def test_differences_by_the_nuclei_of_a_tile(sets, canonical) -> None:
    scores = pd.concat([canonical, score_references(sets[0], distance=5)], ignore_index=True)
    found = differences_by_density(scores, 20, 0)
    assert list(dict.fromkeys(found["k"])) == ["0", "3–5", "6–10"] and set(found["scope"]) == {"tile"}
    own = differences(scores[(scores["scope"] == "tile") & scores["true_nuclei"].between(6, 10)], 20, 0)
    pd.testing.assert_frame_equal(found[found["k"] == "6–10"].iloc[:, 1:].reset_index(drop=True), own)
    alike = scores[scores["true_nuclei"].between(3, 5)]
    assert differences_by_density(alike, 20, 0).empty
    assert differences_by_density(scores.assign(true_nuclei=pd.NA), 20, 0).empty


def test_label_images_of_images_that_were_rescaled(sets, tmp_path: Path) -> None:
    """Tiles of half the size: another tool's labels have the images' own, or that of the tiles."""
    test = tmp_path / "test"
    shutil.copytree(sets[0], test)
    table = pd.read_csv(test / "tiles.csv").assign(scale=0.5)
    table.to_csv(test / "tiles.csv", index=False)
    twice = {name: np.kron(labelled(name), np.ones((2, 2), int)) for name in SIZES}
    folder = tmp_path / "tool"
    folder.mkdir()
    for name, labels in twice.items():
        imsave(folder / f"{name}.TIF", labels.astype(np.uint16), check_contrast=False)
        # a preview beside it is not what is read
        imsave(folder / f"{name}.png", np.zeros((5, 5, 3), np.uint8), check_contrast=False)
    assert pooled(score_labels(folder, "Other tool", test))["f1_mean_10"].tolist() == [1.0]
    imsave(folder / "b.TIF", np.ones((19, 19), np.uint16), check_contrast=False)
    with pytest.raises(InputError, match=r"19×19 px, the image, rescaled by 0\.5, has"):
        score_labels(folder, "Other tool", test)


def test_fates_where_nothing_was_trained(sets) -> None:
    """Those of Otsu's threshold are of the nuclei that its row of the table counts."""
    truth = GroundTruth(sets[0])
    fates, counts = study(otsu_predictions(truth, distance=5), truth.images, 1)
    scores = score_references(sets[0], distance=5)
    whole = scores[(scores["approach"] == "Otsu+WS") & (scores["scope"] == "whole")]
    assert set(fates["approach"]) == set(counts["approach"]) == {"Otsu+WS"}
    assert (fates["kind"] == "found").sum() == counts["found"].sum() == whole["tp_5"].sum() > 0
    assert len(fates) == whole["true_nuclei"].sum()
    assert failure_table(fates, counts).set_index("by").loc["all", "unmatched"] == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: path.unlink(), "no such label image"),
        (
            lambda path: imsave(path, np.ones((19, 19), np.uint16), check_contrast=False),
            "19×19 px, the image has",
        ),
        (
            lambda path: imsave(path, np.ones((19, 19, 3), np.uint8), check_contrast=False),
            "not a label image",
        ),
        (lambda path: path.write_bytes(b"nothing"), "neither PNG nor TIFF"),
    ],
)
def test_bad_label_images_are_named(sets, tmp_path: Path, change, problem) -> None:
    for name in SIZES:
        imsave(tmp_path / f"{name}.png", labelled(name).astype(np.uint16), check_contrast=False)
    change(tmp_path / "b.png")
    with pytest.raises(InputError, match=problem) as error:
        score_labels(tmp_path, "Other tool", sets[0])
    assert "b." in error.value.where


def test_missing_predictions_are_named(sets, tmp_path: Path) -> None:
    paths = rle_files(sets, tmp_path, "semantic", "Semantic")
    with pytest.raises(InputError, match="missing among the predictions") as error:
        score_run(paths[:1], *sets, distance=5)
    assert error.value.where.startswith(Path(paths[0]).name.split(".")[0])
    header = {"run": "r", "variant": "v", "label": "Semantic", "model": "semantic", "encoder": "", "seed": 0}
    write_rle(paths[1], [], **header)
    with pytest.raises(InputError, match="lacks tile"):
        score_run(paths, *sets, distance=5)


def test_all_tables_are_written(sets, canonical, tmp_path: Path) -> None:
    references = score_references(sets[0], distance=5)
    write_scores(tmp_path / "a.csv.gz", canonical)
    write_scores(tmp_path / "b.csv.gz", references)
    scores = read_scores([tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"])
    pd.testing.assert_frame_equal(scores, pd.concat([canonical, references], ignore_index=True))
    write_tables(tmp_path, scores, ABOUT, resamples=50, seed=0, leave_out=["a", "not there"])
    text = (tmp_path / "table1.md").read_text()
    for part in (
        "Simulated images",
        "one look, fluorescence: the table over all tiles is its table",
        "without `a`",
        "2 epochs of all training tiles (`r`)",
        "| 57.57 |",
    ):
        assert part in text
    table = pd.read_csv(tmp_path / "table1.csv")
    assert table["approach"].tolist()[:3] == ["Ours", "Ours+P", "Otsu+WS"]
    assert len(pd.read_csv(tmp_path / "table1_without.csv")) == len(table)
    assert pd.read_csv(tmp_path / "table1_by_look.csv").columns[1] == "look"
    assert not pd.read_csv(tmp_path / "differences.csv").empty
    page = ElementTree.fromstring(
        (tmp_path / "table1.html").read_text().split("\n", 1)[1].replace('<meta charset="utf-8">', "")
    )
    assert len(page.findall(".//table")) == text.count("\n| :--")
    assert len(page.findall(".//td")) == sum(
        line.count(" | ") + 1 for line in text.splitlines() if line[:3] in ("| O", "| f")
    )


def test_rows_of_runs_of_several_lengths_tell_theirs(sets, canonical, tmp_path: Path) -> None:
    longer = canonical.assign(encoder="resnet50")
    scores = pd.concat([canonical, longer, score_references(sets[0], distance=5)], ignore_index=True)
    about = {
        **ABOUT,
        "simulated": False,
        "runs": [RUN, RUN | {"run": "s", "encoder": "resnet50", "epochs": 50}],
    }
    write_tables(tmp_path, scores, about, resamples=20, seed=0, leave_out=["a"])
    text = (tmp_path / "table1.md").read_text()
    assert "**Some runs are shortened:** 2 epochs of all training tiles (`r`); 50 epochs" in text
    tables = [line for line in text.splitlines() if line.startswith("| approach")]
    assert tables and all(" | seed | epochs |" in line for line in tables)
    assert "| Ours+P | masks | resnet50 | 128 | 0 | 50 |" in text
    table = pd.read_csv(tmp_path / "table1.csv")
    trained = table[table["encoder"].notna()]
    assert trained["epochs"].tolist() == [2 if encoder == "tiny" else 50 for encoder in trained["encoder"]]
    assert table.loc[table["encoder"].isna(), "epochs"].isna().all()
    compared = pd.read_csv(tmp_path / "differences.csv").groupby(["encoder", "approach_b"])
    assert compared[["epochs_a", "epochs_b"]].first().loc["resnet50"].loc[
        ["Ours", "Otsu+WS"]
    ].values.tolist() == [
        [50, 50],
        [50, pytest.approx(float("nan"), nan_ok=True)],
    ]
