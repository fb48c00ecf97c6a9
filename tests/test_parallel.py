"""Work shared out to processes: order, errors, and a process that dies."""

import os
import signal
import sys

import numpy as np
import pytest
import torch

from canonuclei.errors import InputError
from canonuclei.parallel import ordered_map


@pytest.mark.parametrize("processes", [1, 2, 9])
def test_results_come_in_the_items_order(processes: int) -> None:
    table = np.arange(7) ** 2
    assert ordered_map(lambda item: int(table[item]), range(7), processes) == table.tolist()
    assert ordered_map(abs, [], processes) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no fork here: all is done in one process")
def test_processes_compute_on_one_thread_each() -> None:
    torch.set_num_threads(2)
    torch.ones(300, 300) @ torch.ones(300, 300)  # the parent's own threads have begun
    found = ordered_map(
        lambda _: (os.getpid(), torch.get_num_threads(), float(torch.ones(9, 9).sum())), "ab", 2
    )
    assert {threads for _, threads, _ in found} == {1} and {total for *_, total in found} == {81.0}
    assert os.getpid() not in {process for process, *_ in found}


@pytest.mark.parametrize("processes", [1, 2])
def test_bad_input_keeps_its_words(processes: int) -> None:
    def fail(item: int) -> None:
        raise InputError("x.csv", f"item {item}", "mend it")

    with pytest.raises(InputError, match=r"x.csv: item 0 \(mend it\)") as error:
        ordered_map(fail, [0, 1], processes)
    assert (error.value.where, error.value.remedy) == ("x.csv", "mend it")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no fork here: all is done in one process")
def test_a_killed_process_is_told() -> None:
    with pytest.raises(InputError, match="was killed"):
        ordered_map(lambda _: os.kill(os.getpid(), signal.SIGKILL), range(4), 2)
