"""Safetensors files with a digest of their content, so that a byte that changed on a disk is found out.

Safetensors checks its header alone: damaged weights would be read as other weights.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .files import atomic_path, scratch_folder

DIGEST = "sha256"


class Undigested(ValueError):
    """Texts in the header, but no digest among them: older than the digest, or not ours."""


def save_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors, and texts in the header, atomically; with them ``content_digest``, under ``sha256``.

    The same content gives the same bytes.
    """
    held = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    told = dict(metadata or {})
    with atomic_path(path) as temporary, scratch_folder(path) as folder:
        # not to the temporary file itself: safetensors has one of its own beside what it writes
        save_file(held, folder / "whole", metadata={**told, DIGEST: content_digest(held, told)})
        _sort_texts(folder / "whole")
        os.replace(folder / "whole", temporary)


def _sort_texts(path: Path) -> None:
    """Bring the texts of a header into order, in place: safetensors writes them in a new one each time."""
    with open(path, "r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        # it ends in spaces, so that the tensors begin at a multiple of 8 bytes
        if len(ordered) <= size:
            file.seek(8)
            file.write(ordered.ljust(size))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file and the texts in its header, without the digest.

    Files without any text in the header (of before there was a digest) are read as they are.

    Raises:
        OSError: it cannot be read.
        SafetensorError: it is no whole safetensors file.
        Undigested: it has texts in its header, but no digest.
        ValueError: its content is not what was written.
    """
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not metadata:
        return tensors, metadata
    if DIGEST not in metadata:
        raise Undigested("it has no digest of its content")
    if metadata.pop(DIGEST) != content_digest(tensors, metadata):
        raise ValueError("its content has changed since it was written (SHA-256)")
    return tensors, metadata


def put_into(model: torch.nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load tensors into a model, every one of it, each of the same shape and type.

    Raises:
        ValueError: a tensor is missing, unknown, of another shape or type, or not finite.
    """
    expected = model.state_dict()
    common = expected.keys() & tensors.keys()
    faults = {
        "lacks": expected.keys() - common,
        "holds the unknown": tensors.keys() - common,
        "has another shape of": {name for name in common if expected[name].shape != tensors[name].shape},
        "has another type of": {name for name in common if expected[name].dtype != tensors[name].dtype},
        "has values that are no numbers in": {name for name in common if not tensors[name].isfinite().all()},
    }
    for fault, names in faults.items():
        if names:
            raise ValueError(f"{fault} {sorted(names)[0]} (of {len(names)} tensors)")
    model.load_state_dict(tensors)


def content_digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256, hexadecimal, of tensors (names, types, shapes, bytes) and texts, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy())
    for name in sorted(metadata):
        digest.update(f"{name}\0{metadata[name]}\0".encode())
    return digest.hexdigest()
