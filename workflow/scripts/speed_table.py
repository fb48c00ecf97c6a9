"""Write the table of the section "Speed" into README.md, from results/published/benchmarks.

Not a rule: ``make docs`` (``--check`` only tells whether it is in step).
"""

import sys
from pathlib import Path

from canonuclei.benchmarks.report import about_line, read_tables, readme_section
from in_step import put

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
PUBLISHED = REPOSITORY / "results" / "published" / "benchmarks"
NOTHING = "Nothing has been published yet."


def section(published: Path) -> str:
    """What stands between the marks: the targets beside what was measured."""
    if not (published / "about.json").is_file():
        return NOTHING
    tables, about = read_tables(published)
    return readme_section(tables, about_line(about))


def main(check: bool = False) -> int:
    """Write the table, or tell whether it is in step (0) or not (1)."""
    return put(README, "benchmarks", section(PUBLISHED), check)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
