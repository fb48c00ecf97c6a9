"""Rule simulate: write simulated nuclei images in BBBC038's archive layout."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.data.simulate import write_source
from canonuclei.logs import log_to
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(folder: str | Path, settings: Mapping[str, Any]) -> None:
    """Write the five files into ``folder`` by the config's ``simulation`` settings."""
    write_source(folder, settings)
    number = many(sum(settings["images"].values()), "image")
    print(f"simulated {number}, seed {settings['seed']}, in {folder}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(Path(snakemake.output[0]).parent, snakemake.params.settings)
