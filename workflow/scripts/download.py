"""Rule `download`: fetch one of the published files."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.data.download import content_check, download
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(source: str, output: str | Path) -> None:
    """Fetch ``<source>/<name of output>``."""
    name = Path(output).name
    download(f"{source.rstrip('/')}/{name}", output, content_check(name))


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(snakemake.params.source, snakemake.output[0])
