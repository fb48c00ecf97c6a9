"""What all tests share: the library on the path, one thread, and where things are."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

import pytest  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slurm", action="store_true", help="run the tests that start a real Slurm (minutes)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slurm") and not config.getoption("--slurm"):
            item.add_marker(pytest.mark.skip(reason="starts a real Slurm: only with --slurm"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real archives, beside the repository; tests that need it skip without it."""
    folder = REPOSITORY.parent / "shared" / "bbbc038"
    if not folder.is_dir():
        pytest.skip("the real BBBC038 archives are not at hand (../shared/bbbc038)")
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    """Tests run side by side: one torch thread each."""
    import torch

    torch.set_num_threads(1)
