"""The postprocessing +P: smaller instances that lie in bigger ones join them (paper, section 2.3)."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph


def merge_contained(
    masks: np.ndarray | sparse.sparray | sparse.spmatrix,
    p: np.ndarray,
    ids: np.ndarray,
    overlap: float = 0.5,
) -> np.ndarray:
    """Groups of instances: m joins b when |b∩m| / |m| ≥ overlap.

    Instances are ranked by falling area, ties by falling p(z), then by rising id; in each pair b is the
    one that ranks first. Among equal areas the ratio is the same both ways, so the rank then decides only
    which of the two heads the group. Every pair is tested on the original masks, and joining is
    transitive (connected components of the pairs). Empty masks are in no group.

    Args:
        masks: (n, h, w) or (n, pixels) array, or sparse (n, pixels); non-zero is inside.
        p: (n,) p(z).
        ids: (n,) distinct ids.
        overlap: the least share of m's pixels that lie in b, in (0, 1].

    Returns:
        (n,) int64: position of the head (first in rank, so the biggest) of each instance's group; its own
        position when alone, −1 where the mask is empty.
    """
    return _groups(_as_csr(masks), p, ids, overlap)


def merge_pixels(
    owner: np.ndarray, pixel: np.ndarray, p: np.ndarray, ids: np.ndarray, overlap: float = 0.5
) -> np.ndarray:
    """``merge_contained`` from lists of pixels, for many tiles at once.

    Args:
        owner: (m,) rising: the row of the instance that each pixel belongs to.
        pixel: (m,) its number, ≥ 0, another in every tile; at most once an instance.
        p: (n,) p(z).
        ids: (n,) ids, distinct within each tile.
        overlap: as of ``merge_contained``.
    """
    starts = np.searchsorted(owner, np.arange(len(p) + 1))
    width = int(pixel.max()) + 1 if len(pixel) else 1
    flat = sparse.csr_array((np.ones(len(pixel), np.int32), pixel, starts), (len(p), width))
    return _groups(flat, p, ids, overlap)


def _groups(flat: sparse.csr_array, p: np.ndarray, ids: np.ndarray, overlap: float) -> np.ndarray:
    count = flat.shape[0]
    if count == 0:
        return np.zeros(0, np.int64)
    areas = np.asarray(flat.sum(axis=1)).ravel()
    shared = (flat @ flat.T).tocoo()
    one, other = shared.coords if hasattr(shared, "coords") else (shared.row, shared.col)
    return merge_pairs(areas, p, ids, one, other, shared.data, overlap)


def merge_pairs(
    areas: np.ndarray,
    p: np.ndarray,
    ids: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    shared: np.ndarray,
    overlap: float = 0.5,
) -> np.ndarray:
    """``merge_contained`` where the pairs that share pixels are known already.

    Args:
        areas: (n,) pixels of each mask.
        p, ids, overlap: as there.
        one, other: (k,) positions of the pairs' masks; each pair in both orders, or in any one.
        shared: (k,) pixels that they share.

    Returns:
        As ``merge_contained``.
    """
    areas, count = np.asarray(areas), len(areas)
    if count == 0:
        return np.zeros(0, np.int64)
    rank = np.empty(count, np.int64)
    rank[np.lexsort((np.asarray(ids), -np.asarray(p, np.float64), -areas))] = np.arange(count)
    smaller = np.where(rank[one] < rank[other], other, one)
    joins = (one != other) & (shared > 0) & (shared >= overlap * areas[smaller])
    links = sparse.coo_array((np.ones(joins.sum(), bool), (one[joins], other[joins])), (count, count))
    _, component = csgraph.connected_components(links, directed=False)
    first = np.full(component.max() + 1, count)
    np.minimum.at(first, component, rank)
    heads = np.argsort(rank)[first[component]]
    return np.where(areas > 0, heads, -1).astype(np.int64)


def merged_masks(
    masks: np.ndarray | sparse.sparray | sparse.spmatrix, groups: np.ndarray
) -> tuple[np.ndarray | sparse.csr_array, np.ndarray]:
    """Unions of the groups' masks.

    Args:
        masks: as for ``merge_contained``.
        groups: its result.

    Returns:
        The masks of the G groups, ordered by the heads' positions: dense (G, ...) bool for dense input,
        a CSR array (G, pixels) of int32 ones for sparse input; and (G,) int64 positions of the heads.
    """
    groups = np.asarray(groups, np.int64)
    heads = np.unique(groups[groups >= 0])
    members = np.flatnonzero(groups >= 0)
    rows = np.searchsorted(heads, groups[members])
    if sparse.issparse(masks):
        choose = sparse.csr_array(
            (np.ones(len(members), np.int32), (rows, members)), (len(heads), masks.shape[0])
        )
        union = sparse.csr_array(choose @ _as_csr(masks))
        union.data[:] = 1
        union.sort_indices()
        return union, heads
    union = np.zeros((len(heads), *masks.shape[1:]), bool)
    for row, member in zip(rows, members, strict=True):
        union[row] |= np.asarray(masks[member], bool)
    return union, heads


def _as_csr(masks: np.ndarray | sparse.sparray | sparse.spmatrix) -> sparse.csr_array:
    """(n, pixels) CSR of int32 ones: products count pixels, where uint8 would overflow at 256."""
    if sparse.issparse(masks):
        flat = sparse.csr_array(masks, dtype=np.int32, copy=True)
        flat.sum_duplicates()
        flat.eliminate_zeros()
    else:
        masks = np.asarray(masks)
        pixels = int(np.prod(masks.shape[1:]))
        flat = sparse.csr_array(masks.reshape(len(masks), pixels) != 0, dtype=np.int32)
    flat.data[:] = 1
    return flat
