"""Sets without instance labels: pixels and counts are scored, nothing is matched, and the tables say why."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage.io import imsave

from about_runs import RUN
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles, read_tiles
from canonuclei.evaluation.approaches import score_run
from canonuclei.evaluation.bootstrap import differences
from canonuclei.evaluation.frames import GroundTruth, read_counts
from canonuclei.evaluation.labels import score_labels
from canonuclei.evaluation.references import score_references
from canonuclei.evaluation.scores import TP
from canonuclei.evaluation.tables import make_tables, write_tables
from canonuclei.figures.f1_over_iou import NO_CURVE, draw_f1_over_iou
from canonuclei.figures.material import choose_simple_tile, choose_tiles, with_counts
from canonuclei.nuclei.rle_file import rle_tile, write_rle

ABOUT = {"dataset": "mine", "own": True, "official": False, "simulated": False, "runs": [RUN]}
NUCLEI = {"a": 6, "b": 4}


def labelled(image: str) -> np.ndarray:
    """Pairs of touching discs: as many components as half the nuclei."""
    labels = np.zeros((160, 200), np.int32)
    y, x = np.mgrid[:160, :200]
    for label in range(NUCLEI[image]):
        row, column = 30 + 40 * (label // 2), 40 + 17 * (label % 2)
        labels[((y - row) ** 2 + (x - column) ** 2 <= 81) & (labels == 0)] = label + 1
    return labels


def sets_of(folder: Path, **kinds: str) -> tuple[Path, Path, Path]:
    """The sets ``test`` and ``whole`` and images.csv; ``kinds``: image → its k_source."""
    images = []
    for name, source in kinds.items():
        labels = labelled(name)
        rgb = np.repeat(np.where(labels > 0, 220, 20)[..., None], 3, axis=-1).astype(np.uint8)
        told = source == "instances"
        count = NUCLEI[name] if source == "counts" else None
        truth = "instances" if told else "mask"
        labels = labels if told else (labels > 0).astype(np.int32)
        images.append(AnnotatedImage(name, "folder", rgb, labels, truth, source, count))
    cut_tiles(images, folder / "test", size=128)
    cut_tiles(images, folder / "whole", size=128, overlap=64)
    counts = [NUCLEI[name] if source == "counts" else None for name, source in kinds.items()]
    table = pd.DataFrame({"image_id": list(kinds), "count": pd.array(counts, dtype="Int64")})
    table.to_csv(folder / "images.csv", index=False)
    return folder / "test", folder / "whole", folder / "images.csv"


def run_files(sets: tuple[Path, Path, Path], folder: Path) -> list[Path]:
    """A semantic model that predicts the true mask."""
    paths = []
    for tiles, name in zip(sets, ("r.rle.json.gz", "r.whole.rle.json.gz"), strict=False):
        read = read_tiles(tiles)
        entries = [
            rle_tile(row.image_id, row.tile_y, row.tile_x, mask > 0)
            for row, mask in zip(read.table.itertuples(), read.masks, strict=True)
        ]
        header = {"run": "r", "variant": "v", "label": "Semantic", "model": "semantic", "encoder": "tiny"}
        write_rle(folder / name, entries, grid=None, seed=0, **header)
        paths.append(folder / name)
    return paths


def all_scores(sets: tuple[Path, Path, Path], folder: Path, processes: int = 1) -> pd.DataFrame:
    test, whole, images = sets
    run = score_run(run_files(sets, folder), test, whole, 5, images, processes)
    return pd.concat([run, score_references(test, 5, images, processes)], ignore_index=True)


@pytest.fixture(scope="module")
def masks_only(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    sets = sets_of(folder, a="counts", b="counts")
    return sets, all_scores(sets, folder)


def test_nothing_is_matched_with_the_union(masks_only) -> None:
    (test, _, images), scores = masks_only
    assert scores[TP].isna().all(axis=None) and scores["predicted_nuclei"].notna().all()
    assert scores.loc[scores["scope"] == "tile", "true_nuclei"].isna().all()
    whole = scores[scores["scope"] == "whole"]
    assert (whole["true_nuclei"] == whole["image"].map(NUCLEI)).all()
    # oracles that are told every nucleus have no row
    oracles = set(scores.loc[scores["supervision"] == "oracle", "approach"])
    assert oracles == {"Oracle mask+CC", "Oracle mask+WS"}
    for frame in GroundTruth(test, images).frames("a"):
        assert frame.labels is None and frame.truth is None


def test_tables_keep_pixels_and_the_count_error(masks_only) -> None:
    tables = make_tables(masks_only[1])
    for name in ("table1", "table1_images", "table1_whole", "table1_by_look"):
        table = tables[name].set_index("approach")
        assert table[["f1_50", "f1_mean_9", "f1_mean_10", "tp", "fp", "fn"]].isna().all(axis=None), name
        assert (table.loc["Semantic+CC", ["iou", "dice"]] == 1).all()
    assert tables["table1"]["count_mae"].isna().all()
    errors = tables["table1_whole"].set_index("approach")["count_mae"]
    # a component is two nuclei: 3 of 6 and 2 of 4 are missed
    assert errors["Semantic+CC"] == errors["Oracle mask+CC"] == 2.5 and errors["Semantic+WS"] == 0
    assert tables["f1_curves"].empty and tables["f1_mean_readings"].empty


def sections(text: str) -> dict[str, str]:
    """Heading → what stands below it, of a table1.md."""
    return dict(part.split("\n", 1) for part in text.split("\n## ")[1:])


def test_the_page_says_why_there_is_no_f1(masks_only, tmp_path: Path) -> None:
    write_tables(tmp_path, masks_only[1], ABOUT, resamples=20, seed=0)
    for name in ("table1.md", "table1.html"):
        text = (tmp_path / name).read_text()
        assert "No F1:" in text and "binary masks and no instance labels" in text
        assert "against the counts given for 2 of them" in text


def test_the_page_of_own_images_has_no_empty_column_or_section(masks_only, tmp_path: Path) -> None:
    write_tables(tmp_path, masks_only[1], ABOUT, resamples=20, seed=0)
    text = (tmp_path / "table1.md").read_text()
    assert text.startswith("# Results on mine\n") and "paper" not in text and "Readings" not in text
    assert "F1 mean" not in text and "F1@" not in text
    tables = sections(text)
    head, _, *rows = tables["Pooled over tiles"].strip().splitlines()
    assert head.endswith("| seed | IoU | Dice |") and len(rows) == 5
    assert "| count error |" in tables["Whole images, pooled"]
    assert tables["By look, pooled over tiles"].strip().startswith("All test images have one look")
    # every column of scores has a number, and what a row is called is told
    for line in rows:
        assert all(cell.strip() for cell in line.split("|")[-3:-1])
        name = line.split("|")[1].strip()
        assert f"| `{name}` |" in text


def test_the_figure_says_why_there_is_no_f1(masks_only, tmp_path: Path) -> None:
    make_tables(masks_only[1])["f1_curves"].to_csv(tmp_path / "f1_curves.csv", index=False)
    figure = draw_f1_over_iou(pd.read_csv(tmp_path / "f1_curves.csv"), False)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [NO_CURVE]
    assert not axes.lines and not axes.axison and figure.get_figheight() < 2


def test_intervals_of_what_there_is(masks_only) -> None:
    scores = masks_only[1].assign(grid=pd.NA)
    ours = scores[scores["approach"] == "Semantic+CC"].assign(approach="Ours", grid=128)
    merged = scores[scores["approach"] == "Semantic+WS"].assign(approach="Ours+P", grid=128)
    scores = pd.concat([scores, ours, merged]).astype({"grid": "Int64"})
    table = differences(scores, resamples=50, seed=0)
    pair = table[(table["approach_a"] == "Ours+P") & (table["approach_b"] == "Ours")]
    found = dict(zip(pair["scope"] + " " + pair["metric"], pair["difference"], strict=True))
    assert set(found) == {"tile iou", "tile dice", "whole iou", "whole dice", "whole count_mae"}
    assert found["whole count_mae"] == -2.5


def test_a_lower_bound_is_no_count(tmp_path: Path) -> None:
    sets = sets_of(tmp_path, a="components", b="none")
    scores = all_scores(sets, tmp_path)
    assert scores["true_nuclei"].isna().all()
    assert make_tables(scores)["table1_whole"]["count_mae"].isna().all()
    write_tables(tmp_path, scores, ABOUT, resamples=20, seed=0)
    assert "No counts were given" in (tmp_path / "table1.md").read_text()


def test_images_with_and_without_labels_are_not_mixed_up(tmp_path: Path) -> None:
    mixed, alone = tmp_path / "mixed", tmp_path / "alone"
    scores = all_scores(sets_of(mixed, a="instances", b="counts"), mixed)
    labelled_only = make_tables(all_scores(sets_of(alone, a="instances"), alone))
    tables = make_tables(scores)
    columns = ["approach", "f1_50", "f1_mean_9", "tp", "fp", "fn"]
    # F1 is that of the labelled image alone, though the other's nuclei are counted
    for name in ("table1", "table1_whole"):
        pd.testing.assert_frame_equal(tables[name][columns], labelled_only[name][columns])
    assert tables["f1_curves"].equals(labelled_only["f1_curves"])
    write_tables(mixed, scores, ABOUT, resamples=20, seed=0)
    text = (mixed / "table1.md").read_text()
    assert "F1 leaves out 1 of the 2 images:** this one has a binary mask and no instance labels" in text
    assert "F1@0.5" in text and "F1 mean (ten) is the mean over" in text and "Readings" not in text


def test_label_images_are_counted(masks_only, tmp_path: Path) -> None:
    (test, _, images), _ = masks_only
    for name in NUCLEI:
        imsave(tmp_path / f"{name}.png", labelled(name).astype(np.uint16), check_contrast=False)
    table = make_tables(score_labels(tmp_path, "Other tool", test, images))["table1_whole"].iloc[0]
    assert table["iou"] == 1 and table["count_mae"] == 0 and np.isnan(table["f1_50"])


def test_processes_change_nothing(masks_only, tmp_path: Path) -> None:
    sets, alone = masks_only
    pd.testing.assert_frame_equal(all_scores(sets, tmp_path, processes=2), alone)


def test_names_that_look_like_nothing_are_names(tmp_path: Path) -> None:
    table = pd.DataFrame({"image_id": ["NA", "001"], "count": [3, None]})
    table.to_csv(tmp_path / "images.csv", index=False)
    assert read_counts(tmp_path / "images.csv") == {"NA": 3}


def test_tiles_are_chosen_where_nobody_counted(tmp_path: Path) -> None:
    sets = sets_of(tmp_path, a="none", b="none")
    tiles = read_tiles(sets[0])
    table = with_counts(tiles)
    assert tiles.table["k"].isna().all() and table["k"].max() == 3
    chosen = choose_tiles(table, None)
    assert table.loc[chosen[0], "k"] == 3 and table.loc[choose_simple_tile(table, None), "k"] == 3
