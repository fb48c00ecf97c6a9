"""Write the tables of costs into docs/scale.md, from the files in results/published.

Not a rule: ``make docs`` (``--check`` only tells whether they are in step).
"""

import sys
from pathlib import Path

import pandas as pd
import yaml

from canonuclei.files import read_json
from in_step import put

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "docs" / "scale.md"
PUBLISHED = REPOSITORY / "results" / "published"
EPOCHS, TILES = 50, 6708  # the paper's; training tiles of bbbc038-stage1
NOTHING = "Nothing has been published yet."
MB_PER_MIB = 2**20 / 1e6


def training_table(published: Path) -> str:
    """What each published training on real images cost, and what it would at the paper's length."""
    told: set[str] = set()
    rows = [row for file in sorted(published.glob("*/made.json")) for row in _runs(file.parent, told)]
    rows += _steps(published / "benchmarks")
    if not rows:
        return NOTHING
    head = ("training", "published in", "CPU s for 1,000 tiles", f"CPU hours of {EPOCHS} epochs", "peak, MB")
    return _markdown(head, rows)


def _row(name: str, folder: Path, steps: int, seconds: float, tiles: int, peak: str) -> list[object]:
    """A row of ``steps`` steps of ``tiles`` tiles that took so many seconds of the processor."""
    per_tile = seconds / steps / tiles
    hours = per_tile * tiles * (TILES // tiles) * EPOCHS / 3600
    link = f"[{folder.name}](../results/published/{folder.name})"
    return [name, link, f"{1000 * per_tile:.3g}", f"{hours:.3g}", peak]


def _steps(folder: Path) -> list[list[object]]:
    """A row an encoder whose training step the benchmark timed, and the peak of its memory."""
    if not (folder / "about.json").is_file():
        return []
    threads, rows = read_json(folder / "about.json")["threads"], []
    peaks = pd.read_csv(folder / "machine.csv").query("what == 'training_peak'").set_index("encoder")["value"]
    for step in pd.read_csv(folder / "benchmarks.csv").query("what == 'training_step'").itertuples():
        peak = f"{peaks[step.encoder] * MB_PER_MIB:,.0f}"
        seconds = step.fast_ms / 1000 * threads
        rows.append(_row(f"a step, canonical, {step.encoder}", folder, 1, seconds, int(step.batch), peak))
    return rows


def _runs(folder: Path, told: set[str]) -> list[list[object]]:
    """A row a training of a published run; none of simulated images, whose network is a tiny one.

    ``told``: digests of weights that have a row, for a run may stand in two folders.
    """
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    if config["source"] == "simulated":
        return []
    rows: list[list[object]] = []
    for name, made in read_json(folder / "made.json")["runs"].items():
        weights = made.get("weights")  # not told by runs of before this was recorded
        if weights in told:
            continue
        if weights:
            told.add(weights)
        model = read_json(folder / "runs" / name / "model.json")
        title = f"`{name}`, {made['steps']:,} steps"
        batch = model["settings"]["training"]["batch_size"]
        rows.append(_row(title, folder, made["steps"], made["seconds"] * made["threads"], batch, ""))
    return rows


def segment_table(published: Path) -> str:
    """What one image costs, by its side."""
    folder = published / "benchmarks"
    if not (folder / "segment.csv").is_file():
        return NOTHING
    about = read_json(folder / "about.json")
    threads = about["threads"]
    rows = []
    for row in pd.read_csv(folder / "segment.csv").itertuples():
        seconds, images = row.fast_ms / 1000, 3600e3 / row.fast_ms
        peak = f"{row.fast_mib * MB_PER_MIB:.3g}"
        side = f"{int(row.grid):,} × {int(row.grid):,}"
        rows.append([side, row.encoder, f"{seconds:.3g}", f"{seconds * threads:.3g}", peak, f"{images:,.0f}"])
    head = ("px", "encoder", "seconds", "CPU s, at most", "MB above the idle process", "images an hour")
    told = f"Medians on {about['processor']}, {threads} threads, commit {about['revision']}."
    return f"{_markdown(head, rows)}\n\n{told}"


def _markdown(head: tuple[str, ...], rows: list[list[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main(check: bool = False) -> int:
    """Write the tables, or tell whether they are in step (0) or not (1)."""
    changed = put(DOCUMENT, "training", training_table(PUBLISHED), check)
    return changed | put(DOCUMENT, "segment", segment_table(PUBLISHED), check)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
