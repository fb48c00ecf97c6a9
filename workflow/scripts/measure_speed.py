"""Rule measure_speed: time and memory of everything, fast and plain, into four tables."""

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

# before torch starts: the processor is what is measured, on machines with a GPU too
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from canonuclei.benchmarks.suite import run
from canonuclei.files import atomic_path, read_json, write_json
from canonuclei.logs import log_to
from canonuclei.provenance import processor, revision, versions

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    weights: Path,
    tiles: Path,
    outputs: dict[str, str],
    sizes: dict[str, Any],
    prediction: dict[str, Any],
    dataset: str,
    threads: int,
) -> None:
    """Measure, and write ``benchmarks``, ``segment``, ``machine``, ``profile`` (CSV) and ``about`` (JSON).

    Args:
        weights: of a canonical run, its description beside.
        tiles: folder of the sets of tiles.
        outputs: name → file.
        sizes: the config's section ``benchmarks``.
        prediction: the run's.
        dataset: the config's.
        threads: of torch.
    """
    described = read_json(weights.with_suffix(".json"))
    begun, ticks = datetime.now(UTC), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        tables, found = run(
            weights, tiles, prediction, sizes, described["encoder"], threads=threads, scratch=Path(scratch)
        )
    for name, table in tables._asdict().items():
        with atomic_path(outputs[name]) as temporary:
            table.to_csv(temporary, index=False)
    about = {"dataset": dataset, "run": described["run"], **found}
    about |= {"processor": processor(), "threads": threads, "repeats": sizes["repeats"]}
    about |= {"begun": begun.isoformat(timespec="seconds")}
    about |= {"minutes": round((time.monotonic() - ticks) / 60, 1)}
    about |= {"revision": revision(), "versions": versions("torch", "torchvision", "timm", "numpy", "scipy")}
    write_json(outputs["about"], about)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.input.weights),
            Path(snakemake.input.tables[0]).parent.parent,
            dict(snakemake.output.items()),
            dict(snakemake.params.sizes),
            dict(snakemake.params.prediction),
            snakemake.params.dataset,
            snakemake.threads,
        )
