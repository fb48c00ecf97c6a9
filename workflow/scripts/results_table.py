"""Write the tables of results into README.md and into the published run's own, from results/published.

Not a rule: ``make docs`` (``--check`` only tells whether they are in step).
"""

import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

import published_tables
from canonuclei.analysis.page import EMPTY
from canonuclei.evaluation.lengths import with_lengths
from canonuclei.evaluation.markdown import PAPER
from canonuclei.evaluation.preface import PAPER_EPOCHS
from canonuclei.files import read_json
from canonuclei.markdown import markdown_table
from canonuclei.settings import own_epochs, parse_run
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
SHORT = " †"


def of_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each approach, encoder and grid: medians over seeds; ``least``, ``most`` of ``f1_50``.

    ``encoder`` tells the epochs too, where runs of several lengths stand in the table; ``epochs`` are NaN
    where nothing was trained, or nobody told them.
    """
    epochs = table["epochs"].astype(float) if "epochs" in table else float("nan")
    table = with_lengths(table.fillna({"encoder": ""})).assign(epochs=epochs)
    groups = table.groupby(["approach", "supervision", "encoder", "grid"], dropna=False, sort=False)
    medians = groups[list(METRICS)].median()
    medians["least"], medians["most"] = groups["f1_50"].min(), groups["f1_50"].max()
    medians["seeds"], medians["epochs"] = groups["seed"].nunique(), groups["epochs"].min()
    return medians.reset_index()


def _first_rows(folder: Path) -> pd.DataFrame:
    table = of_seeds(pd.read_csv(folder / "table1.csv"))
    finest = table["grid"].isna() | (table["grid"] == table["grid"].max())
    table = table[finest & table["approach"].isin(FIRST)]
    return table.iloc[table["approach"].map(FIRST.index).argsort(kind="stable")]


def headline(folder: Path) -> str:
    """The result in a few sentences; rivals that are not there are left out."""
    rows = _first_rows(folder)

    def of(approach: str) -> str:
        scores = sorted({round(100 * score) for score in rows.loc[rows["approach"] == approach, "f1_50"]})
        return " to ".join(str(score) for score in dict.fromkeys((scores[0], scores[-1]))) + " %"

    epochs = rows.loc[rows["approach"] == "Mask R-CNN", "epochs"].min()
    short = f", but trained for {many(int(epochs), 'epoch')} only" if epochs < PAPER_EPOCHS else ""
    rivals = {
        "Otsu+WS": "Otsu's threshold with a watershed, told nothing, reaches",
        "Semantic+WS": "a watershed on the mask of a semantic network, told masks,",
        "Mask R-CNN": f"Mask R-CNN, told every nucleus{short},",
    }
    there = [
        f"{text} {of(name)}{'' if _surely(folder, 'Ours+L_cnt+P', name) else ' (no sure difference)'}"
        for name, text in rivals.items()
        if name in set(rows["approach"])
    ]
    return _filled(
        f"**Told masks and counts, it reaches an F1 at IoU 0.5 of {of('Ours+L_cnt+P')}** on the test images "
        f"at hand. Beside it, {'; '.join(there)}."
    )


def _surely(folder: Path, a: str, b: str) -> bool:
    """Whether all intervals of a − b in F1@0.5, over tiles, leave out 0; also where none is there."""
    file = folder / "differences.csv"
    if not file.is_file():
        return True
    table = pd.read_csv(file)
    pair = (table["approach_a"] == a) & (table["approach_b"] == b) & (table["metric"] == "f1_50")
    found = table[pair & (table["scope"] == "tile")]
    return not ((found["low"] <= 0) & (found["high"] >= 0)).any()


def first_table(folder: Path) -> str:
    """What a reader sees first: F1@0.5 of the main approaches, beside the paper's."""
    table, rows = _first_rows(folder), []
    for row in table.to_dict("records"):
        grid = None if pd.isna(row["grid"]) else int(row["grid"])
        paper = PAPER.get((row["approach"], grid), (None,) * 4)
        told = TOLD.get(row["supervision"], row["supervision"])
        trained = (row["encoder"] or EMPTY) + (SHORT if row["epochs"] < PAPER_EPOCHS else "")
        rows.append([row["approach"], told, trained, _spread(row), _number(paper[2], 1)])
    text = markdown_table(["approach", "is told", "encoder", "F1@0.5", "the paper (resnet50)"], rows, 3)
    shortened = f"\n\n{SHORT.strip()} Shorter than the paper's {PAPER_EPOCHS} epochs, which costs points."
    return text + (shortened if (table["epochs"] < PAPER_EPOCHS).any() else "")


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
        rows.append([row["approach"], row["encoder"] or EMPTY, EMPTY if grid is None else str(grid), *cells])
    heads = ["approach", "encoder", "grid", *(f"{METRICS[metric]} [paper]" for metric in theirs)]
    return markdown_table(heads, rows, 3)


def runs_table(folder: Path) -> str:
    """What each run was: its length, where it was trained, by which commit."""
    config, rows = _config(folder), []
    for name, run in read_json(folder / "made.json")["runs"].items():
        training = _training(config, name)
        length = f"{training['epochs']}{' (shortened)' if _is_short(training) else ''}"
        told = TOLD.get(run["supervision"], run["supervision"])
        where = f"{run['processor']}, {many(run['threads'], 'thread')}"
        cells = [length, f"{run['steps']:,}", f"{run['seconds'] / 3600:.1f}", where, f"`{run['revision']}`"]
        rows.append([f"`{name}`", told, *cells])
    return markdown_table(["run", "is told", "epochs", "steps", "hours", "on", "commit"], rows, 2)


def made_by(folder: Path, commits: bool = True) -> str:
    """Runs, seeds, epochs and steps, processor and (if asked for) commits, in a sentence."""
    made, config = read_json(folder / "made.json"), _config(folder)
    runs = made["runs"]
    epochs = [_training(config, run)["epochs"] for run in runs]
    steps = [run["steps"] for run in runs.values()]
    hours = sum(run["seconds"] for run in runs.values()) / 3600
    seeds = {run["seed"] for run in runs.values()}
    found = sorted({run["revision"] for run in runs.values() if run.get("revision")})
    told = f"{many(len(runs), 'run')} of {_range(epochs)} epochs ({_range(steps)} steps), "
    told += f"{many(len(seeds), 'seed')}, {hours:.1f} hours in all on {_processors(made)}"
    if not found or not commits:
        return f"{told}."
    return f"{told}, weights of commit {', '.join(f'`{commit}`' for commit in found)}."


def schedule(folder: Path) -> str:
    """Whether all runs were as long as the paper's."""
    config = _config(folder)
    runs = read_json(folder / "made.json")["runs"]
    schedules = [_training(config, run) for run in runs]
    short = [training for training in schedules if _is_short(training)]
    if not short:
        longer = any(training["epochs"] > PAPER_EPOCHS for training in schedules)
        paper = f"The paper's schedule{' is' if longer else ':'} {PAPER_EPOCHS} epochs of all tiles"
        return f"{paper}; some runs are longer." if longer else f"{paper}."
    if len(short) == len(runs):
        return f"**A shortened schedule**; the paper's is {PAPER_EPOCHS} epochs."
    are = "is" if len(short) == 1 else "are"
    told = f"**{len(short)} of the {len(runs)} runs {are} shortened**"
    return f"{told}; the paper's schedule is {PAPER_EPOCHS} epochs."


def _config(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))


def _training(config: dict[str, Any], run: str) -> dict[str, Any]:
    """The section ``training`` of a run."""
    variant, encoder, _ = parse_run(run)
    training = config["training"] | config["variants"][variant].get("training", {})
    own = own_epochs(config, variant, encoder)
    return training if own is None else training | {"epochs": own}


def _is_short(training: dict[str, Any]) -> bool:
    return training["epochs"] < PAPER_EPOCHS or training["tiles_per_epoch"] is not None


def picture(folder: Path) -> str:
    """The first row of Figure 2, and what it shows."""
    return (
        f"[![Figure 2, first row: instances](results/published/{folder.name}/figures/figure2_first.png)]"
        f"(results/published/{folder.name}/figures/figure2.png)\n\n"
    ) + _filled(
        f"*A crowded test image of 128 × 128 px, its true nuclei, and what models of {_drawn_length(folder)} "
        "find in it (their number below): told the mask alone, told the count as well, and with pieces "
        "joined. Small and touching ones are missed or taken together. (Drawn by "
        "[figure2.py](workflow/scripts/figure2.py).)*"
    )


def system_picture(folder: Path) -> str:
    """Figure 1, and what it shows."""
    return (
        f"[![Figure 1: from a tile to a composed mask](results/published/{folder.name}/figures/figure1.png)]"
        f"(results/published/{folder.name}/figures/figure1.png)\n\n"
    ) + _filled(
        f"*A real tile and the outputs of a model of {_drawn_length(folder)}: the encoder places instances "
        "of one learned shape, and their maximum is compared with the binary mask. (Drawn by "
        "[figure1.py](workflow/scripts/figure1.py).)*"
    )


def _filled(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _drawn_length(folder: Path) -> str:
    """Epochs and steps of the run that the figures draw."""
    made, config = read_json(folder / "made.json"), _config(folder)
    # as the figures choose it
    wanted = f"ours-cnt_{config['figures']['encoder']}_s{config['figures']['seed']}"
    run = next(name for name in sorted(made["runs"], key=wanted.__ne__) if name.startswith("ours-cnt_"))
    return f"{many(_training(config, run)['epochs'], 'epoch')} ({made['runs'][run]['steps']:,} steps)"


def _processors(made: dict[str, Any]) -> str:
    named = {f"{run['processor']}, {many(run['threads'], 'thread')}" for run in made["runs"].values()}
    return "; ".join(sorted(named))


def _range(numbers: list[int]) -> str:
    return " to ".join(f"{number:,}" for number in dict.fromkeys((min(numbers), max(numbers))))


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


def drawn() -> Path:
    """The folder whose figures stand there: the first that has them."""
    folders = (PUBLISHED / name for name in FOLDERS)
    return next(folder for folder in folders if (folder / "figures" / "figure2_first.png").is_file())


def main(check: bool = False) -> int:
    """Write the tables, or tell whether they are in step (0) or not (1)."""
    folder = published()
    link = f"[{folder.name}](results/published/{folder.name})"
    first = f"{first_table(folder)}\n\n*{made_by(folder, commits=False)} All of it: {link}.*"
    changed = put(README, "headline", headline(folder), check)
    changed |= put(README, "first picture", picture(drawn()), check)
    changed |= put(README, "system", system_picture(drawn()), check)
    changed |= put(README, "first results", first, check)
    if folder.name == FOLDERS[0]:
        changed |= put(folder / "README.md", "runs", runs_table(folder), check)
        changed |= put(folder / "README.md", "beside the paper", beside_paper(folder), check)
        for name in ("lifts", "density", "failures"):
            changed |= put(folder / "README.md", name, getattr(published_tables, name)(folder), check)
    return changed | put(
        README,
        "results",
        f"{schedule(folder)}\n\n{full_table(folder)}\n\n{made_by(folder)} From {link}.",
        check,
    )


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
