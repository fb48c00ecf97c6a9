"""What made a result: versions, processor, and digests of the code that matters to it."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path

LIBRARY = Path(__file__).parent


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
    for part in parts:
        path = LIBRARY / part
        if not path.exists():
            raise FileNotFoundError(path)
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(LIBRARY).as_posix().encode())
            text = file.read_text(encoding="utf-8")
            digest.update((_meaning(text) if file.suffix == ".py" else text).encode())
    return digest.hexdigest()[:16]


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
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"],
            cwd=LIBRARY,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip() or None


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
