"""Sentences of the READMEs about published results: the headline, what made them, captions."""

import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from canonuclei.evaluation.lengths import differ
from canonuclei.evaluation.preface import PAPER_EPOCHS
from canonuclei.files import read_json
from canonuclei.words import many
from readme_tables import config_of, first_rows, is_short, training_of


def headline(folder: Path) -> str:
    """The result in a few sentences; rivals that are not there are left out."""
    rows = first_rows(folder)

    def of(approach: str, named: bool = False) -> str:
        """By encoder where there are two, or it is to be named; shorter runs only where there is no other."""
        found = rows[rows["approach"] == approach]
        long = found[~(found["epochs"] < PAPER_EPOCHS)]
        found = found if long.empty else long
        scores = [f"{100 * score:.0f} %" for score in found["f1_50"]]
        if len(scores) == 1 and not named:
            return scores[0]
        encoders = found["encoder"].str.split(",").str[0]
        return " and ".join(f"{score} ({encoder})" for score, encoder in zip(scores, encoders, strict=True))

    epochs = rows.loc[rows["approach"] == "Mask R-CNN", "epochs"].min()
    short = f", but trained for {many(int(epochs), 'epoch')} only" if epochs < PAPER_EPOCHS else ""
    rivals = {
        "Otsu+WS": "Otsu's threshold with a watershed, told nothing, reaches",
        "Semantic+WS": "a watershed on the mask of a semantic network, told masks,",
        "Mask R-CNN": f"Mask R-CNN, told every nucleus{short},",
    }
    there = [
        f"{text} {of(name)}{_caution(folder, 'Ours+L_cnt+P', name)}"
        for name, text in rivals.items()
        if name in set(rows["approach"])
    ]
    several = (rows["approach"] == "Ours+L_cnt+P").sum() > 1
    weaker = f"; told masks alone, {of('Ours+P', named=several)}" if "Ours+P" in set(rows["approach"]) else ""
    return _filled(
        f"**Told masks and counts, it reaches an F1 at IoU 0.5 of {of('Ours+L_cnt+P')}** on the test images "
        f"at hand{weaker}. Beside it, {'; '.join(there)}."
    )


def made_by(folder: Path, commits: bool = True) -> str:
    """Runs, seeds, epochs and steps, processor and (if asked for) commits, in a sentence."""
    made, config = read_json(folder / "made.json"), config_of(folder)
    runs = made["runs"]
    epochs = [training_of(config, run)["epochs"] for run in runs]
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
    config = config_of(folder)
    runs = read_json(folder / "made.json")["runs"]
    schedules = [training_of(config, run) for run in runs]
    short = [training for training in schedules if is_short(training)]
    if not short:
        longer = any(training["epochs"] > PAPER_EPOCHS for training in schedules)
        paper = f"The paper's schedule{' is' if longer else ':'} {PAPER_EPOCHS} epochs of all tiles"
        return f"{paper}; some runs are longer." if longer else f"{paper}."
    if len(short) == len(runs):
        return f"**A shortened schedule**; the paper's is {PAPER_EPOCHS} epochs."
    are = "is" if len(short) == 1 else "are"
    told = f"**{len(short)} of the {len(runs)} runs {are} shortened**"
    return f"{told}; the paper's schedule is {PAPER_EPOCHS} epochs."


def picture(folder: Path) -> str:
    """The first row of Figure 2, and what it shows."""
    return (
        f"[![Figure 2, first row: instances](results/published/{folder.name}/figures/figure2_first.png)]"
        f"(results/published/{folder.name}/figures/figure2.png)\n\n"
    ) + _filled(
        f"*A crowded tile of a test image (128 × 128 px), its true nuclei, and what models of "
        f"{_drawn_length(folder)} find in it (their number below): told the mask alone, told the count as "
        "well, and with pieces joined. (Drawn by [figure2.py](workflow/scripts/figure2.py).)*"
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


def _caution(folder: Path, a: str, b: str) -> str:
    """What to bear in mind of a − b in F1@0.5 over tiles: nothing where all intervals leave out 0."""
    file = folder / "differences.csv"
    table = pd.read_csv(file) if file.is_file() else pd.DataFrame(columns=["approach_a", "approach_b"])
    table = table[(table["approach_a"] == a) & (table["approach_b"] == b)]
    if table.empty:
        return " (no interval)"
    found = table[(table["metric"] == "f1_50") & (table["scope"] == "tile")]
    if differ(found).any():
        return " (not comparable)"
    unsure = found[(found["low"] <= 0) & (found["high"] >= 0)]
    encoders = " and ".join(unsure["encoder"].drop_duplicates())
    return f" (on {encoders} no sure difference from ours, told masks and counts)" if encoders else ""


def _filled(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _drawn_length(folder: Path) -> str:
    """Epochs and steps of the run that the figures draw."""
    made, config = read_json(folder / "made.json"), config_of(folder)
    # as the figures choose it
    wanted = f"ours-cnt_{config['figures']['encoder']}_s{config['figures']['seed']}"
    run = next(name for name in sorted(made["runs"], key=wanted.__ne__) if name.startswith("ours-cnt_"))
    return f"{many(training_of(config, run)['epochs'], 'epoch')} ({made['runs'][run]['steps']:,} steps)"


def _processors(made: dict[str, Any]) -> str:
    named = {f"{run['processor']}, {many(run['threads'], 'thread')}" for run in made["runs"].values()}
    return "; ".join(sorted(named))


def _range(numbers: list[int]) -> str:
    return " to ".join(f"{number:,}" for number in dict.fromkeys((min(numbers), max(numbers))))
