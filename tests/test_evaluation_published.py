"""Tables from published files, what they say of their runs, and the grids that files name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from skimage.io import imsave

import table1_from_nuclei
import tables
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles, read_tiles
from canonuclei.errors import InputError
from canonuclei.evaluation.about import about_config
from canonuclei.evaluation.approaches import score_run
from canonuclei.evaluation.frames import GroundTruth
from canonuclei.evaluation.labels import score_labels
from canonuclei.evaluation.markdown import table1_markdown
from canonuclei.evaluation.preface import preface
from canonuclei.evaluation.references import score_references
from canonuclei.evaluation.scores import write_scores
from canonuclei.evaluation.tables import make_tables
from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.rle_file import rle_tile, write_rle
from canonuclei.nuclei.rows import nuclei_table
from canonuclei.nuclei.tables import write_nuclei, write_shape
from canonuclei.publish import publish
from canonuclei.settings import overlay

SIZE, GRID = 64, 16
RUN = "ours_tiny_s0"


def loaded(*names: str) -> dict:
    folder = Path(__file__).resolve().parent.parent / "config"
    config: dict = {}
    for name in names:
        config = overlay(config, yaml.safe_load((folder / f"{name}.yaml").read_text()))
    return config


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """``results/mine`` with tiles of 64 px and one canonical run that was trained on a grid of 16."""
    folder = tmp_path_factory.mktemp("work") / "results" / "mine"
    random = np.random.default_rng(0)
    images = []
    for name in ("a", "b", "c"):
        labels = np.zeros((90, 150), np.int32)
        y, x = np.mgrid[:90, :150]
        for label, (row, column) in enumerate(random.uniform((5, 5), (85, 145), (12, 2)), 1):
            labels[(y - row) ** 2 + (x - column) ** 2 <= 49] = label
        rgb = np.repeat(np.where(labels > 0, 220, 20)[..., None], 3, axis=-1).astype(np.uint8)
        images.append(AnnotatedImage(name, "stage1_test", rgb, labels))
    torch.manual_seed(0)
    shape = ShapeMLP(noise=0.02, sharpness=30.0)
    about = {"label": "Ours", "encoder": "tiny", "seed": 0, "supervision": "masks"}
    for name, overlap, ending in (("test", 0, ""), ("whole", 32, ".whole")):
        cut_tiles(images, folder / "tiles" / name, size=SIZE, overlap=overlap)
        table = read_tiles(folder / "tiles" / name).table
        count = (len(table), 8)
        lower = np.zeros((*count, 2, 2))
        lower[..., 0, 0], lower[..., 1, 1] = random.uniform(1.5, 3, (2, *count))
        lower[..., 1, 0] = random.uniform(-1, 1, count)
        p = random.uniform(0.1, 1, count)
        nuclei = nuclei_table(table, lower, random.uniform(-2, 2, (*count, 2)), p, shape, tile_size=SIZE)
        write_nuclei(folder / "nuclei" / f"{RUN}{ending}.csv.gz", nuclei)
    write_shape(
        folder / "nuclei" / f"{RUN}.shape.json",
        shape,
        {**about, "threshold": 0.5, "merge_overlap": 0.5, "tile_size": SIZE},
    )
    tiles = read_tiles(folder / "tiles" / "test", instances=True)
    entries = [
        rle_tile(row.image_id, row.tile_y, row.tile_x, labels > 0, (labels > 0)[None], np.ones(1))
        for row, labels in zip(tiles.table.itertuples(), tiles.instances, strict=True)
    ]
    write_rle(folder / "nuclei" / f"{RUN}.grid32.rle.json.gz", entries, tile_size=SIZE, grid=GRID, **about)
    return folder


def predictions(results: Path) -> list[Path]:
    return sorted((results / "nuclei").iterdir())


def test_grids_are_those_that_the_files_name(results: Path) -> None:
    scores = score_run(predictions(results), results / "tiles" / "test", results / "tiles" / "whole", 5)
    table = make_tables(scores)["table1"]
    rows = [("Ours", GRID), ("Ours", SIZE), ("Ours+P", SIZE)]
    assert list(zip(table["approach"], table["grid"], strict=True)) == rows
    text = table1_markdown(
        make_tables(scores), {**about_config(loaded("config", "demo")), "images": 3, "left_out": []}
    )
    # the paper has no such grids, so none of its numbers stands beside them
    assert "71.38" not in text and "57.57" not in text


def test_published_files_give_the_same_tables(results: Path) -> None:
    config = loaded("config", "demo")
    config |= {"dataset": "mine", "runs": [{"variant": "ours", "encoder": "tiny", "seeds": [0]}]}
    config["evaluation"] |= {"bootstrap": 30}
    sets = results / "tiles" / "test", results / "tiles" / "whole"
    write_scores(results / "scores" / "run.csv.gz", score_run(predictions(results), *sets, 5))
    write_scores(results / "scores" / "references.csv.gz", score_references(sets[0], 5))
    truth, labels = GroundTruth(sets[0]), results / "labels"
    labels.mkdir()
    for image in truth.images:
        imsave(labels / f"{image}.png", truth.whole(image).labels, check_contrast=False)
    write_scores(results / "scores" / "tool.csv.gz", score_labels(labels, "Other tool", sets[0]))
    scores = [str(results / "scores" / f"{name}.csv.gz") for name in ("run", "references", "tool")]
    tables.main(scores, results, about_config(config), config["evaluation"])

    published = results.parent / "published" / "mine"
    publish(predictions(results), results, published)
    (published / "config.yaml").write_text(yaml.safe_dump(config))
    # what a process that was killed while it published leaves
    (published / "nuclei" / ".partial-0123-other.whole.csv.gz").write_bytes(b"cut")
    again = results / "from_nuclei"
    other = {**about_config(config), "dataset": "other"}
    evaluation = {**config["evaluation"], "bootstrap": 5}
    table1_from_nuclei.main(published, *sets, again, other, evaluation, labels=scores[2:], processes=2)
    made = sorted(path.name for path in results.glob("*.*"))
    assert "Other tool" in (again / "table1.csv").read_text()
    assert "table1.csv" in made and "table1.md" in made and "table1.html" in made
    for name in made:
        assert (results / name).read_bytes() == (again / name).read_bytes(), name
    nuclei = pd.read_csv(published / "nuclei" / f"{RUN}.csv.gz")
    assert "area" not in nuclei


def test_nothing_published_is_one_line(results: Path, tmp_path: Path) -> None:
    sets = results / "tiles" / "test", results / "tiles" / "whole"
    with pytest.raises(InputError, match=r"holds no predictions \(publish a finished run first"):
        table1_from_nuclei.main(tmp_path / "absent", *sets, tmp_path, {}, {})
    publish(predictions(results), results, tmp_path)
    (tmp_path / "config.yaml").write_text("dataset: mine\n")
    with pytest.raises(InputError, match="is no config of a run"):
        table1_from_nuclei.main(tmp_path, *sets, tmp_path, {}, {})


def described(*names: str, **changes: object) -> str:
    return "\n".join(preface(about_config(overlay(loaded("config", *names), changes)) | {"images": 3}))


def test_schedule_and_start_of_every_run_are_told() -> None:
    text = described("bbbc038-stage1", "short")
    assert "**Not the paper's test set or split.**" in text
    assert "**A shortened schedule:** 4 epochs of 1,600 tiles (`ours_efficientnet-lite0_s0`" in text
    assert "2 epochs of 800 tiles (`mask-rcnn_resnet50_s0`)" in text
    assert "from ImageNet weights, efficientnet-lite0 (`ours_efficientnet-lite0_s0`" in text
    assert "from scratch, resnet50 (`ours-cnt_resnet50_s0`" in text
    assert "Mask R-CNN saw each tile scaled to 128 px a side (`mask-rcnn_resnet50_s0`)" in text
    assert "from ImageNet" not in described("demo") and "**Simulated images.**" in described("demo")


def test_only_the_papers_files_are_called_the_papers() -> None:
    text = described()
    assert "The paper's data and split" in text and "shortened" not in text
    assert "paper's 50 epochs, each of all training tiles" in text
    own = described(source="elsewhere", split={"expected": None})
    assert "The paper's data and split" not in own and "**Not the paper's test set or split.**" in own
    assert "**Not the paper's schedule:** 60 epochs" in described(training={"epochs": 60})


def test_images_of_ones_own_are_not_measured_by_the_paper() -> None:
    text = described("folder")
    assert "**Images of your own.** Test images: 3, on which nothing was trained. They are few" in text
    assert "Training: " in text and "epochs of 1,280 tiles (`ours" in text
    assert "paper" not in text
