"""Rule analysis_page: what was claimed and what came out, from the tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from canonuclei.analysis.page import analysis_page
from canonuclei.files import atomic_path
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    tables: Mapping[str, str | Path], dataset: str, own: bool, simulated: bool, output: str | Path
) -> None:
    """Write the page.

    Args:
        tables: name, as ``analysis.page.analysis_page`` wants it → CSV.
        dataset: its name.
        own: images of a user's own.
        simulated: whether the images are.
        output: Markdown.
    """
    read = {name: pd.read_csv(path) for name, path in tables.items()}
    with atomic_path(output) as temporary:
        temporary.write_text(analysis_page(read, dataset, own, simulated), encoding="utf-8")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        names = (
            "table1",
            "differences",
            "differences_by_look",
            "differences_by_density",
            "by_density",
            "readings",
        )
        given = {name: snakemake.input[name] for name in names}
        made = {Path(path).stem: path for path in snakemake.input.made}
        params = snakemake.params
        main(given | made, params.dataset, params.own, params.simulated, snakemake.output[0])
