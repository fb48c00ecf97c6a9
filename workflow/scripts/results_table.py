"""Write the tables of results into README.md and into the published run's own, from results/published.

Not a rule: ``make docs`` (``--check`` only tells whether they are in step).
"""

import sys
from pathlib import Path

from in_step import put
from published_tables import by_look, crowding, density, failures, lifts
from readme_tables import beside_paper, first_table, full_table, runs_table
from readme_words import headline, made_by, picture, schedule, system_picture

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
PUBLISHED = REPOSITORY / "results" / "published"
# The full schedule, or, as long as it is not there, a short one
FOLDERS = ("bbbc038-stage1", "bbbc038-stage1-short")

# Of the published run's own README
PARTS = {
    "runs": runs_table,
    "beside the paper": beside_paper,
    "lifts": lifts,
    "looks": by_look,
    "density": density,
    "crowding": crowding,
    "failures": failures,
}


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
        for name, made in PARTS.items():
            changed |= put(folder / "README.md", name, made(folder), check)
    return changed | put(
        README,
        "results",
        f"{schedule(folder)}\n\n{full_table(folder)}\n\n{made_by(folder)} From {link}.",
        check,
    )


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
