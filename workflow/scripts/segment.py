"""Segment the images of one job; a bad one is told in the job's table and does not stop the others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.logs import log_to
from canonuclei.segmentation.done import made_of
from canonuclei.segmentation.scattered import segment_job, write_job
from canonuclei.segmentation.segmenter import Segmenter
from canonuclei.segmentation.summary import failures

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    images: list[str],
    model: list[str],
    table: str,
    counts: str,
    options: dict[str, Any],
    code: str,
    threads: int,
) -> None:
    """Write each image's files into folders beside the tables', and the job's two tables.

    Args:
        images: files.
        model: model.safetensors and model.json.
        table, counts: of the job, rows an image.
        options: of the config's section ``segment``, those of ``jobs.OPTIONS``.
        code: digest of the library's code.
        threads: of the network.
    """
    output = Path(table).parents[1]
    segmenter = Segmenter.load(model[0], threads)
    paths = [Path(image) for image in images]
    rows = segment_job(segmenter, paths, output, made_of(code, options, model), options)
    for line in failures(rows):
        print(line)
    write_job(rows, output, table, counts)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            list(snakemake.params.images),
            [snakemake.input.model, snakemake.input.description],
            snakemake.output.table,
            snakemake.output.counts,
            dict(snakemake.params.options),
            snakemake.params.code,
            snakemake.threads,
        )
