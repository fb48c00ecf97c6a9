"""What made a result: versions, processor, and digests of the code that matters to it."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parent
# What results may depend on, by the names of the packages
PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "scikit-image", "pandas", "snakemake")


def code_digest(*parts: str) -> str:
    """Digest of library files or folders by what they do: comments, docstrings and layout don't count.

    Snakemake watches a rule's script, not what it imports; as a parameter of the rule this makes it run
    again when the code behind it changes, and only then.

    Args:
        parts: paths relative to the library's folder (``"data/tiles.py"``, ``"models"``).

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in _files(parts):
        digest.update(file.relative_to(LIBRARY).as_posix().encode())
        digest.update(_told(file.name, file.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:16]


def code_digests(*parts: str) -> dict[str, str]:
    """As ``code_digest``, of each file by itself: file relative to the library → 16 hexadecimal digits."""
    return {
        file.relative_to(LIBRARY).as_posix(): text_digest(_told(file.name, file.read_text(encoding="utf-8")))
        for file in _files(parts)
    }


@lru_cache(maxsize=64)
def changed_since(commit: str, *parts: str) -> tuple[str, ...] | None:
    """Files of ``parts`` that did something else, or were not there, at a commit; None where git cannot tell.

    Args:
        commit: as ``revision`` gives it; what ``-dirty`` had changed is not known.
        parts: as of ``code_digest``.
    """
    commit = commit.removesuffix("-dirty")
    if not commit.isalnum() or _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") is None:
        return None
    changed = []
    for file in _files(parts):
        # git takes the path as relative to the folder that it is called in
        then = _git("show", f"{commit}:./{file.relative_to(LIBRARY).as_posix()}")
        now = file.read_text(encoding="utf-8")
        if then is None or _told(file.name, then) != _told(file.name, now):
            changed.append(file.relative_to(LIBRARY).as_posix())
    return tuple(changed)


def text_digest(text: str) -> str:
    """16 hexadecimal digits of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def value_digest(value: Any) -> str:
    """16 hexadecimal digits of plain JSON; the order of keys does not count."""
    return text_digest(json.dumps(value, sort_keys=True, separators=(",", ":")))


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal; it is read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(parts: tuple[str, ...]) -> list[Path]:
    files = []
    for part in parts:
        path = LIBRARY / part
        if not path.exists():
            raise FileNotFoundError(path)
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return files


def _told(name: str, text: str) -> str:
    return _meaning(text) if name.endswith(".py") else text


# the same files count for several rules
@lru_cache(maxsize=512)
def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
    # unparse: the text of dump differs between Python versions
    return ast.unparse(tree)


def revision() -> str | None:
    """The repository's commit, with ``-dirty`` where tracked files differ from it; None without git."""
    # installed into a folder of somebody's own repository, this code is not of that one's commit
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    found = _git("describe", "--always", "--abbrev=12", "--dirty", "--exclude=*")
    return (found or "").strip() or None


@lru_cache(maxsize=1)
def code_origin() -> dict[str, str | None]:
    """``revision``, and where that is no clean commit ``code``, the digest of the whole library."""
    commit = revision()
    exact = commit is not None and not commit.endswith("-dirty")
    return {"revision": commit} if exact else {"revision": commit, "code": code_digest(".")}


def _git(*arguments: str) -> str | None:
    """What git says, called in the library's folder; None where it fails or is not there."""
    try:
        call = ["git", *arguments]
        return subprocess.run(call, cwd=LIBRARY, capture_output=True, encoding="utf-8", check=True).stdout
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return None


def versions(*packages: str) -> dict[str, str]:
    """Versions of Python, of this project and of ``packages`` (those that are installed)."""
    from . import __version__

    found = {"python": platform.python_version(), "canonuclei": __version__}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """The processor's name as the operating system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
