"""Segment the images of one job; a bad one is told in the job's table and does not stop the others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.logs import log_to
from canonuclei.segmentation.batch import segment_images
from canonuclei.segmentation.segmenter import Segmenter
from canonuclei.segmentation.summary import failures, write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ARGUMENTS = ("channel", "scale", "diameter", "threshold", "pixel_size", "doubt", "explain")


def main(
    images: list[str], model: str, output: str, options: dict[str, Any], table: str, threads: int
) -> None:
    """Write each image's files, and the job's table.

    Args:
        images: files.
        model: model.safetensors.
        output: folder of all images' results.
        options: the config's section ``segment``.
        table: of the job, a row an image.
        threads: of the network.
    """
    chosen = {name: options[name] for name in ARGUMENTS}
    rows = segment_images(Segmenter.load(model, threads), [Path(image) for image in images], output, **chosen)
    for line in failures(rows):
        print(line)
    write_table(rows, table)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            list(snakemake.input.images),
            snakemake.input.model,
            str(Path(snakemake.output[0]).parent.parent),
            dict(snakemake.params.options),
            snakemake.output[0],
            snakemake.threads,
        )
