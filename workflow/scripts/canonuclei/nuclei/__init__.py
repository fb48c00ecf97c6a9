"""Predicted nuclei: measured, rendered, merged, stitched, and kept in files."""
