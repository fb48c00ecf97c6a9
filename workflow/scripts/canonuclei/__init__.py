"""Canonuclei: instance segmentation of nuclei by canonical shapes, learned from binary masks.

``from canonuclei import Segmenter`` is all that segmenting takes: ``Segmenter.load().segment("image.png")``.
The library knows nothing of Snakemake and reads no configuration file; the scripts beside it do.
"""

__version__ = "0.1.0"

__all__ = ["Segmenter", "__version__"]


def __getattr__(name: str) -> object:
    """``Segmenter``, loaded when it is asked for: importing the package must not load torch."""
    if name == "Segmenter":
        from .segmentation.segmenter import Segmenter

        return Segmenter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
