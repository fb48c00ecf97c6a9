"""Tables of the READMEs: F1 first, all rows of Table 1, beside the paper, the runs."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from canonuclei.analysis.page import EMPTY
from canonuclei.evaluation.grids import finest
from canonuclei.evaluation.lengths import with_lengths
from canonuclei.evaluation.markdown import PAPER
from canonuclei.evaluation.preface import PAPER_EPOCHS
from canonuclei.files import read_json
from canonuclei.markdown import markdown_table
from canonuclei.settings import own_epochs, parse_run
from canonuclei.words import many

FIRST = (
    "Otsu+WS",
    "Semantic+WS",
    "DeepLabV3+WS",
    "Ours",
    "Ours+P",
    "Ours+L_cnt",
    "Ours+L_cnt+P",
    "Fine+L_cnt+P",
    "Mask R-CNN",
)
TOLD = {"none": "nothing", "masks": "masks", "masks+counts": "masks, counts", "instances": "every nucleus"}
METRICS = {
    "iou": "IoU",
    "dice": "Dice",
    "f1_50": "F1@0.5",
    "f1_mean_9": "F1 mean (nine)",
    "f1_mean_10": "F1 mean (ten)",
}
COUNT = "count_mae"  # nuclei a tile
SHORT = " †"


def of_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each approach, encoder and grid: medians over seeds; ``least``, ``most`` of ``f1_50``.

    ``encoder`` tells the epochs too, where runs of several lengths stand in the table; ``epochs`` are NaN
    where nothing was trained, or nobody told them.
    """
    epochs = table["epochs"].astype(float) if "epochs" in table else float("nan")
    table = with_lengths(table.fillna({"encoder": ""})).assign(epochs=epochs)
    groups = table.groupby(["approach", "supervision", "encoder", "grid"], dropna=False, sort=False)
    medians = groups[[*METRICS, COUNT]].median()
    medians["least"], medians["most"] = groups["f1_50"].min(), groups["f1_50"].max()
    medians["seeds"], medians["epochs"] = groups["seed"].nunique(), groups["epochs"].min()
    return medians.reset_index()


def first_rows(folder: Path) -> pd.DataFrame:
    """The rows that a reader sees first: of ``FIRST`` what ``of_seeds`` gives on the finest grid."""
    table = of_seeds(pd.read_csv(folder / "table1.csv"))
    table = finest(table)
    table = table[table["approach"].isin(FIRST)]
    return table.iloc[table["approach"].map(FIRST.index).argsort(kind="stable")]


def first_table(folder: Path) -> str:
    """What a reader sees first: F1@0.5 of the main approaches, beside the paper's."""
    table, rows = first_rows(folder), []
    for row in table.to_dict("records"):
        grid = None if pd.isna(row["grid"]) else int(row["grid"])
        paper = PAPER.get((row["approach"], grid), (None,) * 4)
        told = TOLD.get(row["supervision"], row["supervision"])
        trained = (row["encoder"] or EMPTY) + (SHORT if row["epochs"] < PAPER_EPOCHS else "")
        scores = [_spread(row), _number(paper[2], 1), _number(row[COUNT], 1)]
        rows.append([row["approach"], told, trained, *scores])
    heads = ["approach", "is told", "encoder", "F1@0.5", "the paper (resnet50)", "count error"]
    text = markdown_table(heads, rows, 3)
    shortened = f"\n\n{SHORT.strip()} Shorter than the paper's {PAPER_EPOCHS} epochs."
    return text + (shortened if (table["epochs"] < PAPER_EPOCHS).any() else "")


def full_table(folder: Path) -> str:
    """All rows of ``table1.csv``, medians over seeds."""
    rows = []
    for row in of_seeds(pd.read_csv(folder / "table1.csv")).to_dict("records"):
        grid = EMPTY if pd.isna(row["grid"]) else f"{row['grid']:.0f}"
        told = TOLD.get(row["supervision"], row["supervision"])
        scores = [*(_number(100 * row[metric]) for metric in METRICS), _number(row[COUNT])]
        rows.append([row["approach"], told, row["encoder"] or EMPTY, grid, *scores])
    heads = ["approach", "is told", "encoder", "grid", *METRICS.values(), "count error"]
    return markdown_table(heads, rows, 4)


def beside_paper(folder: Path) -> str:
    """All approaches but the oracles, medians over seeds, with the paper's numbers in brackets."""
    rows = []
    table = of_seeds(pd.read_csv(folder / "table1.csv"))
    for row in table[table["supervision"] != "oracle"].to_dict("records"):
        grid = None if pd.isna(row["grid"]) else int(row["grid"])
        iou, _, f1, mean = PAPER.get((row["approach"], grid), (None,) * 4)
        # its mean has ten thresholds by the text, and rather nine by its numbers
        theirs = {"iou": iou, "f1_50": f1, "f1_mean_9": mean, "f1_mean_10": mean}
        cells = []
        for metric, paper in theirs.items():
            own = _spread(row) if metric == "f1_50" else _number(100 * row[metric], 1)
            cells.append(own if paper is None else f"{own} [{paper:.1f}]")
        whose = [row["approach"], row["encoder"] or EMPTY, EMPTY if grid is None else str(grid)]
        rows.append([*whose, *cells, _number(row[COUNT], 1)])
    heads = ["approach", "encoder", "grid", *(f"{METRICS[metric]} [paper]" for metric in theirs)]
    return markdown_table([*heads, "count error"], rows, 3)


def runs_table(folder: Path) -> str:
    """What each run was: its length, where it was trained, by which commit."""
    config, rows = config_of(folder), []
    for name, run in read_json(folder / "made.json")["runs"].items():
        training = training_of(config, name)
        length = f"{training['epochs']}{' (shortened)' if is_short(training) else ''}"
        told = TOLD.get(run["supervision"], run["supervision"])
        where = f"{run['processor']}, {many(run['threads'], 'thread')}"
        cells = [length, f"{run['steps']:,}", f"{run['seconds'] / 3600:.1f}", where, f"`{run['revision']}`"]
        rows.append([f"`{name}`", told, *cells])
    return markdown_table(["run", "is told", "epochs", "steps", "hours", "on", "commit"], rows, 2)


def config_of(folder: Path) -> dict[str, Any]:
    """The configuration that made a folder of published results."""
    return yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))


def training_of(config: dict[str, Any], run: str) -> dict[str, Any]:
    """The section ``training`` of a run."""
    variant, encoder, _ = parse_run(run)
    training = config["training"] | config["variants"][variant].get("training", {})
    own = own_epochs(config, variant, encoder)
    return training if own is None else training | {"epochs": own}


def is_short(training: dict[str, Any]) -> bool:
    """Whether a run with this section ``training`` is shorter than the paper's."""
    return training["epochs"] < PAPER_EPOCHS or training["tiles_per_epoch"] is not None


def _spread(row: dict[str, Any]) -> str:
    """A median, with what it is the median of."""
    if pd.isna(row["f1_50"]):
        return EMPTY
    text = f"{100 * row['f1_50']:.1f}"
    return text if row["seeds"] < 2 else f"{text} ({100 * row['least']:.1f}–{100 * row['most']:.1f})"


def _number(value: float | None, digits: int = 2) -> str:
    return EMPTY if value is None or pd.isna(value) else f"{value:.{digits}f}"
