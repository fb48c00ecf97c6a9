"""`pip install .` brings the whole library, its data files and the command; its dependencies are named."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
LIBRARY = REPOSITORY / "workflow" / "scripts" / "canonuclei"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
# name of an import -> name of its package, where they differ
PACKAGES = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "pyyaml"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built without a network from a copy: building writes into the folder."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md"):
        shutil.copy(REPOSITORY / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info")
    shutil.copytree(LIBRARY, folder / "workflow" / "scripts" / "canonuclei", ignore=ignored)
    call = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"]
    done = subprocess.run([*call, "--wheel-dir", "out", "."], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    (built,) = (folder / "out").glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile):
    modules = {file.relative_to(LIBRARY.parent).as_posix() for file in LIBRARY.rglob("*.py")}
    assert modules <= set(wheel.namelist()), sorted(modules - set(wheel.namelist()))


def test_the_wheel_holds_the_data_files_and_the_licences(wheel: zipfile.ZipFile):
    names = wheel.namelist()
    others = {
        file.relative_to(LIBRARY.parent).as_posix()
        for file in LIBRARY.rglob("*")
        if file.is_file()
        and file.suffix not in (".py", ".pyc")
        and "/." not in f"/{file.relative_to(LIBRARY).as_posix()}"
    }
    assert "canonuclei/models/default.safetensors" in others
    assert others <= set(names), sorted(others - set(names))
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/THIRD_PARTY_NOTICES.md") for name in names)
    assert not any(name.startswith(("tests", "workflow")) for name in names)


def test_the_wheel_gives_the_command(wheel: zipfile.ZipFile):
    (entry,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "canonuclei = canonuclei.cli:main" in wheel.read(entry).decode()


def test_dependencies_name_what_the_library_imports():
    named = {re.split(r"[<>=]", line)[0] for line in PROJECT["dependencies"]}
    pipeline = {re.split(r"[<>=]", line)[0] for line in PROJECT["optional-dependencies"]["pipeline"]}
    for file in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            else:
                imported = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in {name.split(".")[0] for name in imported} - set(sys.stdlib_module_names):
                assert PACKAGES.get(name, name) in named | pipeline | {"canonuclei"}, f"{file.name}: {name}"


def test_lower_bounds_admit_the_tested_versions():
    from packaging.requirements import Requirement

    lines = (REPOSITORY / "requirements" / "constraints.txt").read_text().splitlines()
    tested = {
        line.split("==")[0].lower().replace("_", "-"): line.split("==")[1] for line in lines if "==" in line
    }
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["pipeline"]]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(tested[requirement.name.lower()]), line


def test_setuptools_for_the_build_is_in_the_environment():
    assert int(importlib.metadata.version("setuptools").split(".")[0]) >= 77
