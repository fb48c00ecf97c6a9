"""Write the tables of results into README.md, from results/published.

Not a rule: ``make docs`` (``--check`` only tells whether they are in step).
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from canonuclei.evaluation.markdown import PAPER
from canonuclei.files import read_json
from canonuclei.markdown import markdown_table
from canonuclei.words import many
from in_step import put

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
PUBLISHED = REPOSITORY / "results" / "published"
# The full schedule, or, as long as it is not there, a short one
FOLDERS = ("bbbc038-stage1", "bbbc038-stage1-short")
FIRST = (
    "Otsu+WS",
    "Semantic+WS",
    "DeepLabV3+WS",
    "Ours",
    "Ours+P",
    "Ours+L_cnt",
    "Ours+L_cnt+P",
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
EMPTY = "–"


def of_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each approach, encoder and grid: medians over seeds; ``least``, ``most`` of ``f1_50``."""
    groups = table.fillna({"encoder": ""}).groupby(
        ["approach", "supervision", "encoder", "grid"], dropna=False, sort=False
    )
    medians = groups[list(METRICS)].median()
    medians["least"], medians["most"] = groups["f1_50"].min(), groups["f1_50"].max()
    medians["seeds"] = groups["seed"].nunique()
    return medians.reset_index()


def first_table(folder: Path) -> str:
    """What a reader sees first: F1@0.5 of the main approaches, beside the paper's."""
    table = of_seeds(pd.read_csv(folder / "table1.csv"))
    finest = table["grid"].isna() | (table["grid"] == table["grid"].max())
    table = table[finest & table["approach"].isin(FIRST)]
    table = table.iloc[table["approach"].map(FIRST.index).argsort(kind="stable")]
    rows = []
    for row in table.to_dict("records"):
        grid = None if pd.isna(row["grid"]) else int(row["grid"])
        paper = PAPER.get((row["approach"], grid), (None,) * 4)
        told = TOLD.get(row["supervision"], row["supervision"])
        rows.append([row["approach"], told, row["encoder"] or EMPTY, _spread(row), _number(paper[2], 1)])
    return markdown_table(["approach", "is told", "encoder", "F1@0.5", "the paper (resnet50)"], rows, 3)


def full_table(folder: Path) -> str:
    """All rows of ``table1.csv``, medians over seeds."""
    rows = []
    for row in of_seeds(pd.read_csv(folder / "table1.csv")).to_dict("records"):
        grid = EMPTY if pd.isna(row["grid"]) else f"{row['grid']:.0f}"
        told = TOLD.get(row["supervision"], row["supervision"])
        scores = [_number(100 * row[metric]) for metric in METRICS]
        rows.append([row["approach"], told, row["encoder"] or EMPTY, grid, *scores])
    heads = ["approach", "is told", "encoder", "grid", *METRICS.values()]
    return markdown_table(heads, rows, 4)


def made_by(folder: Path) -> str:
    """Runs, seeds, steps, processor and commit, in a sentence."""
    made = read_json(folder / "made.json")
    runs = made["runs"].values()
    epochs = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["training"]["epochs"]
    steps = sorted({run["steps"] for run in runs})
    hours = sum(run["seconds"] for run in runs) / 3600
    seeds = sorted({run["seed"] for run in runs})
    commits = sorted({run["revision"] for run in runs if run.get("revision")})
    told = f"{many(len(made['runs']), 'run')} of {epochs} epochs ({_range(steps)} steps), "
    told += f"{many(len(seeds), 'seed')}, {hours:.1f} hours in all on {_processors(made)}"
    return told + (
        f", weights of commit {', '.join(f'`{commit}`' for commit in commits)}." if commits else "."
    )


def _processors(made: dict[str, Any]) -> str:
    named = {f"{run['processor']}, {many(run['threads'], 'thread')}" for run in made["runs"].values()}
    return "; ".join(sorted(named))


def _range(numbers: list[int]) -> str:
    return " to ".join(f"{number:,}" for number in dict.fromkeys((numbers[0], numbers[-1])))


def _spread(row: dict[str, Any]) -> str:
    """A median, with what it is the median of."""
    if pd.isna(row["f1_50"]):
        return EMPTY
    text = f"{100 * row['f1_50']:.1f}"
    return text if row["seeds"] < 2 else f"{text} ({100 * row['least']:.1f}–{100 * row['most']:.1f})"


def _number(value: float | None, digits: int = 2) -> str:
    return EMPTY if value is None or pd.isna(value) else f"{value:.{digits}f}"


def published() -> Path:
    """The folder whose results stand in the README."""
    return next(PUBLISHED / name for name in FOLDERS if (PUBLISHED / name / "table1.csv").is_file())


def main(check: bool = False) -> int:
    """Write the tables, or tell whether they are in step (0) or not (1)."""
    folder = published()
    link = f"[{folder.name}](results/published/{folder.name})"
    first = f"{first_table(folder)}\n\n*{made_by(folder)} All of it: {link}.*"
    changed = put(README, "first results", first, check)
    return changed | put(README, "results", f"{full_table(folder)}\n\n{made_by(folder)} From {link}.", check)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
