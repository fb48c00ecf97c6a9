"""The conda environments name what their rules import, in the versions that everything is tested with.

Conda itself is not run here: `tests/standin/bin/conda` stands in for it and makes a venv from the names.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPTS = REPOSITORY / "workflow" / "scripts"
ENVS = sorted((REPOSITORY / "envs").glob("*.yaml"))
# name of an import -> name on conda-forge, where they differ
CONDA_NAMES = {
    "torch": "pytorch",
    "skimage": "scikit-image",
    "matplotlib": "matplotlib-base",
    "yaml": "pyyaml",
    "PIL": "pillow",
}
PYPI_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}


def pins(env: Path) -> dict[str, str]:
    """Name -> version of an env file, pip's section among them."""
    found = {}
    for entry in yaml.safe_load(env.read_text())["dependencies"]:
        for line in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, version = [*re.split(r" *=+ *", line), ""][:2]
            found[name] = version
    return found


def imported(script: Path) -> set[str]:
    """Third-party packages that a script imports, itself and through the library, late imports too."""
    packages, seen, todo = set(), set(), [script]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        tree = ast.parse(file.read_text())
        skipped = {
            id(node)
            for each in ast.walk(tree)
            if is_type_checking(each) or is_lazy_attribute(each)
            for node in ast.walk(each)
        }
        for node in ast.walk(tree):
            if id(node) in skipped or not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            for name in names(node, file):
                top = name.split(".")[0]
                if top == "canonuclei":
                    todo += library_files(name)
                elif top not in sys.stdlib_module_names:
                    packages.add(top)
    return packages


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def is_lazy_attribute(node: ast.AST) -> bool:
    """A module's ``__getattr__``: what it imports is loaded for who asks for that attribute only."""
    return isinstance(node, ast.FunctionDef) and node.name == "__getattr__"


def names(node: ast.Import | ast.ImportFrom, file: Path) -> list[str]:
    """Full dotted names of what an import statement may load."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = file.relative_to(SCRIPTS).parent.parts
        base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def library_files(name: str) -> list[Path]:
    """The module of that name and the packages above it."""
    parts, files = name.split("."), []
    for length in range(1, len(parts) + 1):
        path = SCRIPTS.joinpath(*parts[:length])
        files += [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return files


def rules_with_scripts() -> list[tuple[str, str, str]]:
    """(rule, script, env) of every rule that has a script."""
    found = []
    for file in [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))]:
        for block in re.split(
            r"^(?=rule |checkpoint )", file.read_text() if file.exists() else "", flags=re.M
        )[1:]:
            script = re.search(r'script:\s*"([^"]+)"', block)
            env = re.search(r'conda:\s*"([^"]+)"', block)
            if script:
                name = block.split(maxsplit=1)[1].split(":")[0]
                found.append((name, Path(script[1]).name, Path(env[1]).name if env else ""))
    return found


@pytest.mark.parametrize(("rule", "script", "env"), rules_with_scripts())
def test_env_names_what_its_rule_imports(rule: str, script: str, env: str):
    assert env, f"rule {rule} has no conda environment"
    provided = {name.replace("_", "-") for name in pins(REPOSITORY / "envs" / env)}
    wanted = {CONDA_NAMES.get(name, name).replace("_", "-") for name in imported(SCRIPTS / script)}
    missing = {
        name for name in wanted - provided if not any(each.startswith(f"{name}-") for each in provided)
    }
    assert not missing, f"envs/{env} lacks {sorted(missing)}, which rule {rule} imports"


@pytest.mark.parametrize("env", ENVS, ids=lambda env: env.name)
def test_env_has_the_versions_that_are_tested(env: Path):
    lines = (REPOSITORY / "requirements" / "constraints.txt").read_text().splitlines()
    tested = dict(line.lower().split("==") for line in lines if "==" in line)
    for name, version in pins(env).items():
        if name not in ("python", "pip"):
            assert tested[PYPI_NAMES.get(name, name)] == version, name


def test_envs_are_pinned_and_from_conda_forge():
    assert len(ENVS) == 2
    for env in ENVS:
        content = yaml.safe_load(env.read_text())
        assert content["channels"] == ["conda-forge", "nodefaults"]
        assert all(version for name, version in pins(env).items() if name != "pip")
    assert not list((REPOSITORY / "envs").glob("*.pin.txt")), "pin files drop the pip section"


def test_every_env_is_used():
    assert {env for _, _, env in rules_with_scripts()} == {env.name for env in ENVS}


@pytest.mark.slow
def test_pipeline_runs_in_the_envs_from_snakemake_alone():
    """--use-conda with the stand-in, from an environment that holds snakemake and nothing else."""
    # Gigabytes: not left behind in pytest's own temporary folders
    with tempfile.TemporaryDirectory(prefix="canonuclei-envs-") as folder:
        alone, copy = Path(folder) / "snakemake", Path(folder) / "repository"
        ignored = shutil.ignore_patterns(".git", ".venv", ".snakemake", "results", "resources", "__pycache__")
        shutil.copytree(REPOSITORY, copy, ignore=ignored)
        constraints = REPOSITORY / "requirements" / "constraints.txt"
        subprocess.run([sys.executable, "-m", "venv", alone], check=True)
        pip = [alone / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", constraints, "snakemake"], check=True)
        # Only these on the path and nothing of this Python's environment
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))
        }
        environment["PATH"] = f"{copy}/tests/standin/bin:{alone}/bin:{os.environ['PATH']}"
        environment["STANDIN_PIP_ARGS"] = f"{os.environ.get('STANDIN_PIP_ARGS', '')} -c {constraints}"
        call = [
            "snakemake",
            "--use-conda",
            "--cores",
            "2",
            "--configfile",
            "config/demo.yaml",
            "config/ci.yaml",
        ]
        run = subprocess.run(call, cwd=copy, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, (run.stdout + run.stderr)[-6000:]
        assert (copy / "results" / "ci" / "table1.csv").stat().st_size > 0
        assert list((copy / ".snakemake" / "conda").glob("*_")), "no environment was made"
