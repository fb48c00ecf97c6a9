"""The repository as a whole: the run is planned, the documents are in step, no path of a machine is in it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import rule_graph
from canonuclei.settings import run_names
from in_step import replaced

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
CONFIG = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def snakemake(*arguments: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(
        call, cwd=REPOSITORY, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )


@pytest.fixture(scope="module")
def rules() -> set[str]:
    return set(snakemake("--list-rules").stdout.split())


def planned(text: str, rule: str) -> int:
    """How many jobs of a rule the dry run's table counts."""
    found = re.search(rf"^{rule}\s+(\d+)$", text, flags=re.M)
    return int(found[1]) if found else 0


def test_bare_snakemake_plans_the_paper_with_every_training():
    # --forceall: whatever was made here already is planned all the same
    run = snakemake("--dry-run", "--forceall")
    text = run.stdout + run.stderr
    assert run.returncode == 0, text[-3000:]
    assert planned(text, "train") == len(run_names(CONFIG)) == 8
    for name in run_names(CONFIG):
        assert f"Training {name}\n" in text
    for name in ("stage1_train.zip", "stage1_test.zip", "stage1_solution.csv"):
        assert f"Downloading {name}\n" in text
    for name in ("stage2_test_final.zip", "stage2_solution_final.csv"):
        assert f"Downloading {name}\n" in text
    assert planned(text, "tables") == 1
    assert planned(text, "figure2") == 1
    assert planned(text, "weights") == 2


@pytest.mark.parametrize("overlays", [["demo"], ["demo", "ci"]])
def test_demo_is_planned(overlays: list[str]):
    run = snakemake("--dry-run", "--forceall", "--configfile", *(f"config/{name}.yaml" for name in overlays))
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    assert planned(run.stdout + run.stderr, "train") == 5
    assert planned(run.stdout + run.stderr, "simulate") == 1


def test_stage1_protocol_needs_no_stage2_file(real_data: Path):
    run = snakemake(
        "--dry-run",
        "--forceall",
        "--configfile",
        "config/bbbc038-stage1.yaml",
        "--config",
        f"source={real_data}",
    )
    text = run.stdout + run.stderr
    assert run.returncode == 0, text[-3000:]
    assert "stage2" not in text
    config = yaml.safe_load((REPOSITORY / "config" / "bbbc038-stage1.yaml").read_text())
    assert planned(text, "train") == len(run_names(config))
    assert planned(text, "weights") == 1, "ResNet-50 starts from scratch here"


def test_some_runs_of_all(real_data: Path):
    """Tables, figures and what is published of the runs that are named, and nothing else is trained.

    A third table of fates is Otsu's.
    """
    chosen = "ours_efficientnet-lite0_s0 ours-cnt_efficientnet-lite0_s0"
    overlay = ("--configfile", "config/bbbc038-stage1.yaml", "--config", f"source={real_data}")
    run = snakemake("--dry-run", "--forceall", *overlay, f"only={chosen}", "--", "publish")
    text = run.stdout + run.stderr
    assert run.returncode == 0, text[-3000:]
    assert [planned(text, rule) for rule in ("train", "fates", "shapes", "figure1", "publish")] == [
        2,
        3,
        1,
        1,
        1,
    ]


def test_faults_of_the_config_end_before_anything_runs():
    run = snakemake("--dry-run", "--config", "training={epoch: 3}")
    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert "training.epoch: unknown key (did you mean 'epochs'?)" in text
    assert "Traceback" not in text


def test_lint_finds_nothing():
    run = snakemake("--lint")
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]


def tracked() -> list[Path]:
    """Text files in git."""
    call = ["git", "ls-files", "--cached"]  # not what the README had a user make beside them
    done = subprocess.run(call, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("no git here")
    suffixes = {"", ".py", ".smk", ".md", ".yaml", ".yml", ".toml", ".txt", ".cff", ".rst", ".csv", ".json"}
    files = [REPOSITORY / line for line in done.stdout.splitlines()]
    return [file for file in files if file.suffix in suffixes and file.is_file()]


def test_no_path_of_a_machine_is_in_git():
    # Written in parts, or this file would be found
    forbidden = [r"/wor" + r"k/", r"/hom" + r"e/\w", r"/roo" + r"t/", r"/User" + r"s/\w", r"/tm" + r"p/\w"]
    forbidden += [r"pypi\.or" + r"g", r"pythonhoste" + r"d", r"/op" + r"t/"]
    for file in tracked():
        found = re.search("|".join(forbidden), file.read_text(encoding="utf-8"))
        assert not found, f"{file.relative_to(REPOSITORY)}: {found[0]}"


def commands() -> list[str]:
    """Command lines in the README's and config/README's bash blocks."""
    text = README + (REPOSITORY / "config" / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.S)
    joined = "\n".join(blocks).replace("\\\n", " ")
    return [line.split(" #")[0].strip() for line in joined.splitlines() if line.strip()]


def test_commands_of_the_readme_exist(rules: set[str]):
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, flags=re.M))
    called = [line.split() for line in commands()]
    assert any(line[0] == "make" for line in called) and any(line[0].endswith("snakemake") for line in called)
    for line in called:
        if line[0] == "make":
            assert line[1] in targets, line
        elif line[0].endswith("snakemake"):
            for word in line[1:]:
                if word.startswith("config/") and "<" not in word:
                    assert (REPOSITORY / word).is_file(), line
            if len(line) > 1 and re.fullmatch(r"[a-z_0-9]+", line[1]):
                assert line[1] in rules, line


def test_files_that_the_readme_links_to_exist():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target


def test_scripts_of_the_readmes_table_exist():
    for script in re.findall(r"`(workflow/[\w./-]+|config/[\w./-]+|envs/[\w./-]+)`", README):
        assert (REPOSITORY / script).exists(), script


def test_rule_graph_of_the_readme_is_in_step():
    graph = snakemake("--rulegraph", "mermaid-js")
    assert graph.returncode == 0, graph.stderr[-2000:]
    assert replaced(README, "rule graph", rule_graph.tidy(graph.stdout)) == README, "run: make docs"


def test_every_rule_is_in_one_place_and_has_a_message():
    for file in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        for block in re.split(r"^ *(?=rule \w+:)", file.read_text(), flags=re.M)[1:]:
            assert "message:" in block, f"{file.name}: {block.splitlines()[0]}"


def test_citation_names_the_paper():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    paper = citation["preferred-citation"]
    assert paper["title"].startswith("Explainable Weakly-Supervised Cell Nuclei Segmentation")
    assert [author["family-names"] for author in paper["authors"]] == [
        "Costa",
        "Gaudio",
        "Campilho",
        "Cardoso",
    ]
    assert citation["license"] == "MIT"


def test_versions_agree():
    import canonuclei

    assert f'version = "{canonuclei.__version__}"' in (REPOSITORY / "pyproject.toml").read_text()
    assert f"version: {canonuclei.__version__}" in (REPOSITORY / "CITATION.cff").read_text()


def test_requirements_are_pinned():
    folder = REPOSITORY / "requirements"
    lines = (folder / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    assert not any(name.startswith(("nvidia", "cuda")) for name in pinned)
    for name in ("pipeline", "cluster", "dev"):
        for line in (folder / f"{name}.txt").read_text().splitlines():
            package = line.split("#")[0].strip().lower()
            if package and not package.startswith("-"):
                assert package in pinned, package


def test_every_module_of_the_networks_retrains_when_it_changes(repository):
    text = (repository / "workflow" / "rules" / "common.smk").read_text()
    assigned = text[text.index("TRAINING_CODE = (") : text.index("def own_files")]
    names: dict = {}
    exec(assigned, names)
    watched = {*names["TRAINING_CODE"], *(name for part in names["MODEL_CODE"].values() for name in part)}
    library = repository / "workflow" / "scripts" / "canonuclei"
    modules = {f"models/{path.name}" for path in (library / "models").glob("*.py")} - {"models/__init__.py"}
    assert modules <= watched, sorted(modules - watched)
