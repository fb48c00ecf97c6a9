"""Data: the published archives, their images and annotations, the split, and the tiles."""
