"""Canonuclei: instance segmentation of nuclei by canonical shapes, learned from binary masks.

The library knows nothing of Snakemake and reads no configuration file; the scripts beside it do.
"""

__version__ = "0.1.0"
