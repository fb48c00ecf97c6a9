"""Rule provenance: say what made the results of a data set, in one file beside them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.files import write_json
from canonuclei.logs import log_to
from canonuclei.settings import plain
from canonuclei.verification.record import record_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    output: Path,
    config: dict[str, Any],
    origin: dict[str, Any],
    code: dict[str, Any],
    sources: list[str],
    encoders: list[str],
    made: list[str],
) -> None:
    """Write ``provenance.json`` into the folder of results; arguments as of ``record_of``."""
    sources, encoders, made = ([Path(path) for path in paths] for paths in (sources, encoders, made))
    record = record_of(output.parent, config, origin, code, sources, encoders, made)
    write_json(output, record)
    print(f"{output}: {len(record['runs'])} runs, commit {record['made']['revision'] or 'unknown'}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.output[0]),
            plain(snakemake.config),
            plain(snakemake.params.origin),
            plain(snakemake.params.code),
            list(snakemake.input.sources),
            list(snakemake.input.encoders),
            [*snakemake.input.tables, *snakemake.input.figures],
        )
