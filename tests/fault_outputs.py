"""One of each kind of file that the pipeline writes, in two versions, as the rules' own code writes them."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from about_runs import RUN
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.manifest import write_table
from canonuclei.data.simulate import write_source
from canonuclei.data.tiles import cut_tiles
from canonuclei.evaluation.scores import COLUMNS, TEXTS, score_table, write_scores
from canonuclei.evaluation.tables import write_tables
from canonuclei.explain.data import ExplainedImage
from canonuclei.explain.folder import with_candidates
from canonuclei.explain.page import write_explain
from canonuclei.figures.style import make_figure
from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.rle_file import rle_tile, write_rle
from canonuclei.nuclei.rows import nuclei_table
from canonuclei.nuclei.tables import write_nuclei, write_shape
from canonuclei.publish import publish_file
from canonuclei.segmentation.result import Segmentation
from canonuclei.training.checkpoint import State, save_checkpoint
from canonuclei.training.records import save_weights, write_log
from segment_standins import Places, coordinates, lattice, segmenter

# What a clock tells in an image's metadata
CLOCK = ("seconds", "made")
ABOUT = {"dataset": "demo", "own": False, "official": False, "simulated": True, "runs": [RUN]}


def annotated(version: int, side: int = 150) -> AnnotatedImage:
    random = np.random.default_rng(version)
    labels = np.repeat(np.repeat(random.integers(0, 9, (side // 10, side // 10)), 10, 0), 10, 1).astype(
        np.int32
    )
    rgb = (random.integers(0, 60, (*labels.shape, 3)) + 20 * labels[..., None]).astype(np.uint8)
    return AnnotatedImage("a", "stage1_train", rgb, labels)


def tiles(folder: Path, version: int) -> None:
    cut_tiles([annotated(version)], folder, size=128)


def network(version: int) -> torch.nn.Module:
    torch.manual_seed(version)
    return torch.nn.Linear(150, 100)


def checkpoint(folder: Path, version: int) -> None:
    model = network(version)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for parameter in model.parameters():
        optimizer.state[parameter]["momentum_buffer"] = parameter.detach() * 2
    save_checkpoint(folder / "checkpoint.safetensors", model, optimizer, State(step=version))


def weights(folder: Path, version: int) -> None:
    save_weights(folder / "model.safetensors", network(version))


def training_log(folder: Path, version: int) -> None:
    write_log(
        folder / "log.csv", [{"epoch": epoch, "train_total": version / epoch} for epoch in range(1, 999)]
    )


def nuclei(folder: Path, version: int) -> None:
    torch.manual_seed(version)
    random = np.random.default_rng(version)
    tiles = pd.DataFrame({"image_id": [*"abcd"], "tile_y": 0, "tile_x": 0})
    lower = np.eye(2) * random.uniform(8, 20, (4, 60, 1, 1))
    table = nuclei_table(tiles, lower, random.uniform(-8, 8, (4, 60, 2)), random.random((4, 60)), ShapeMLP())
    write_nuclei(folder / "run.csv.gz", table)


def shape(folder: Path, version: int) -> None:
    torch.manual_seed(version)
    write_shape(folder / "run.shape.json", ShapeMLP(noise=0.1), {"run": "run", "threshold": 0.5})


def run_lengths(folder: Path, version: int) -> None:
    random = np.random.default_rng(version)
    masks = random.random((3, 2, 128, 128)) < 0.5
    found = [rle_tile("a", 0, 128 * x, each[0], each[1:], np.array([0.9])) for x, each in enumerate(masks)]
    write_rle(folder / "run.rle.json.gz", found, run="run")


def rows_of_scores(version: int, images: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(version)
    rows = []
    for image in range(images):
        row = {name: int(random.integers(1, 50)) for name in COLUMNS if name not in TEXTS}
        row |= {"approach": "Ours", "supervision": "masks", "encoder": "tiny", "grid": 128, "seed": 0}
        row |= {"scope": ("tile", "whole")[image % 2], "image": f"image {image}", "look": "tissue"}
        rows.append(row | {f"tp_{k}": 1 for k in range(1, 11)})
    return score_table(rows)


def scores(folder: Path, version: int) -> None:
    write_scores(folder / "run.csv.gz", rows_of_scores(version))


def tables(folder: Path, version: int) -> None:
    write_tables(folder, rows_of_scores(version, 40), ABOUT, resamples=20, seed=0)


def figure(folder: Path, version: int) -> None:
    def draw() -> Figure:
        drawn = Figure()
        drawn.subplots().imshow(np.random.default_rng(version).random((30, 30)))
        return drawn

    make_figure(draw, {kind: folder / f"figure.{kind}" for kind in ("png", "svg")})


def index(folder: Path, version: int) -> None:
    row = {"subset": "stage1_train", "width": 1, "height": version, "nuclei": 1, "digest": "0" * 64}
    write_table(folder / "images.csv", [row | {"image_id": str(image)} for image in range(99)])


def archives(folder: Path, version: int) -> None:
    images = {"train": 1, "validation": 1, "test": 1}
    write_source(folder, {"seed": version, "images": images, "size": [128, 128]})


def segmentation(version: int) -> Segmentation:
    torch.manual_seed(0)
    found = segmenter(Places(lattice(130, 140, seed=version))).segment(coordinates(130, 140))
    found.metadata |= dict.fromkeys(CLOCK)
    return found


def segmented(folder: Path, version: int) -> None:
    segmentation(version).write(folder / "a", explain=True)


def page(folder: Path, version: int) -> None:
    found = segmentation(version)
    rows = with_candidates(found.nuclei, found.candidates)
    write_explain(folder / "explain.html", [ExplainedImage("a", found.rgb, rows)], found.shape, {})


def published(folder: Path, version: int) -> None:
    with tempfile.TemporaryDirectory() as elsewhere:
        source = Path(elsewhere) / "table1.csv"
        source.write_text(f"a,b\n{version},2\n" * 2000)
        publish_file(source, folder / "table1.csv")


KINDS: dict[str, Callable[[Path, int], None]] = {
    "tiles": tiles,
    "checkpoint": checkpoint,
    "weights": weights,
    "training log": training_log,
    "nuclei": nuclei,
    "shape": shape,
    "run lengths": run_lengths,
    "scores": scores,
    "tables": tables,
    "figure": figure,
    "index": index,
    "archives": archives,
    "segmented image": segmented,
    "page": page,
    "published": published,
}
# Whose files are replaced one by one: some may be of the new version already
ONE_BY_ONE = ("tiles", "tables", "figure", "archives")
