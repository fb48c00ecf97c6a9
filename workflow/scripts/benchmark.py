"""Rule benchmark: what was measured, beside the targets and as a figure."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.benchmarks.report import about_line, page, read_tables
from canonuclei.figures.benchmarks import draw_benchmarks
from canonuclei.figures.style import make_figure
from canonuclei.files import atomic_path
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(folder: Path, figure: dict[str, str], text: str) -> None:
    """Draw and write.

    Args:
        folder: of the tables.
        figure: format → file.
        text: the Markdown page.
    """
    tables, about = read_tables(folder)
    with atomic_path(text) as temporary:
        temporary.write_text(page(tables, about_line(about)), encoding="utf-8")
    note = f"{about['processor']}, {about['threads']} threads"
    make_figure(draw_benchmarks, figure, table=tables.benchmarks, segment=tables.segment, note=note)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.input.about).parent,
            {"png": snakemake.output.png, "svg": snakemake.output.svg},
            snakemake.output.page,
        )
