"""Segmenting images with a trained model: tiles, stitching, tables, files."""
