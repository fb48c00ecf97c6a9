"""Rule weights: ImageNet weights of an encoder, checked and converted to safetensors."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.logs import log_to
from canonuclei.models.weights import convert_weights

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(encoder: str, output: str | Path) -> None:
    """Write the ImageNet weights of ``encoder`` to ``output`` (safetensors)."""
    convert_weights(encoder, output)
    print(f"{encoder}: ImageNet weights checked and converted to {output}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(snakemake.wildcards.encoder, snakemake.output[0])
