"""Each nucleus as the ellipse of its own moments: the limit of a model with one elliptical shape."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from .matching import labels_to_sparse


def moment_ellipses(labels: np.ndarray) -> csr_array:
    """The moment ellipse of every nucleus of a label image, as masks that may overlap.

    The ellipse has the nucleus's centroid and its second moments, as ``skimage.measure.regionprops``
    takes them (each pixel a unit square, hence 1/12); what lies outside the image is cut off.

    Args:
        labels: (H, W) integers, 0 background.

    Returns:
        (n, H·W) sparse masks by rising label, none empty.
    """
    truth = labels_to_sparse(labels)
    width = labels.shape[1]
    pixels = [np.zeros(0, dtype=np.int64)]
    for first, last in zip(truth.indptr[:-1], truth.indptr[1:], strict=True):
        points = np.stack(np.divmod(truth.indices[first:last], width)).astype(float)
        centre = points.mean(axis=1)
        covariance = (points - centre[:, None]) @ (points - centre[:, None]).T / points.shape[1]
        pixels.append(_ellipse_pixels(centre, covariance + np.eye(2) / 12, labels.shape))
    indices, ends = np.concatenate(pixels), np.cumsum([len(own) for own in pixels])
    return csr_array((np.ones(len(indices), dtype=np.int32), indices, ends), shape=truth.shape)


def _ellipse_pixels(centre: np.ndarray, covariance: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Flat indices of the pixels with (x − c)ᵀ S⁻¹ (x − c) ≤ 4, where a solid ellipse of that S ends."""
    reach = 2 * np.sqrt(np.diag(covariance))
    low = np.maximum(np.ceil(centre - reach), 0).astype(int)
    high = np.minimum(np.floor(centre + reach), np.array(shape) - 1).astype(int)
    rows, columns = np.mgrid[low[0] : high[0] + 1, low[1] : high[1] + 1]
    offsets = np.stack([rows.ravel(), columns.ravel()]) - centre[:, None]
    distance = np.einsum("ip,ij,jp->p", offsets, np.linalg.inv(covariance), offsets)
    inside = distance <= 4
    if not inside.any():
        inside = distance == distance.min()
    return (rows.ravel() * shape[1] + columns.ravel())[inside]
