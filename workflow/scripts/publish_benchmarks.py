"""Rule publish_benchmarks: copy the benchmark to where git keeps it."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.logs import log_to
from canonuclei.publish import publish

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(files: list[Path]) -> None:
    """Copy ``files`` of results/benchmarks to results/published/benchmarks."""
    results = files[0].parent
    published = results.parent / "published" / results.name
    kept = publish(files, results, published)
    print(f"{published}: {len(kept)} files; `make docs` puts their table into README.md")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main([Path(path) for path in snakemake.input])
