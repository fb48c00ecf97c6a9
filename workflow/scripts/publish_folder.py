"""Rules publish_benchmarks and publish_tuning: copy a folder of results to where git keeps it."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.logs import log_to
from canonuclei.publish import publish

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(files: list[Path], published: Path, then: str) -> None:
    """Copy ``files``, the first of which stands in the folder itself, to ``published``.

    Args:
        files: to copy.
        published: folder in results/published.
        then: what to do next, for the user.
    """
    kept = publish(files, files[0].parent, published)
    print(f"{published}: {len(kept)} files; {then}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            [Path(path) for path in snakemake.input],
            Path(snakemake.params.published),
            snakemake.params.then,
        )
