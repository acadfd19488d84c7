"""How many threads a training uses: as many as its steps keep busy.

torch shares the work of each operation among its threads and waits for the last of them. The
operations of a small step are so short that the waiting costs more than it gains, and if another
process needs a core, they wait for whole time slices of the scheduler.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import joblib
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor, nn

from multitide._count_values import count_values
from multitide._own_random_numbers import one_at_a_time
from multitide._walk import parameters_in

# The variables with which users choose a number themselves.
CHOSEN_BY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
# Multiplications of a forward pass. Measured with benchmarks/threads.py: below twice this, a
# second thread gains at most a third of the time on idle cores, and next to a busy process a step
# takes two to four times as long.
WORK_PER_THREAD = 2**29


def available_cores() -> int:
    """Return the number of cores that this process may use, by its affinity and its quota."""
    return int(joblib.cpu_count())


def work_of_step(parameters: Sequence[Tensor], n_series: int, n_timepoints: int) -> int:
    """Return about how many multiplications a forward pass of a network needs.

    Layers of series use every parameter once per time step.
    """
    return count_values(parameters) * n_series * n_timepoints


def threads_for(work: int) -> int:
    """Return the number of threads for steps of so much work.

    It is torch's number if the user has set it in the environment, and otherwise at most that. It
    does not depend on how busy the machine is, because results depend on the number of threads.
    """
    most = torch.get_num_threads()
    if _is_chosen():
        return most
    useful = min(most, work // WORK_PER_THREAD)
    if useful <= 1:
        return 1  # to count the cores, files are read: as long as a layer of one series
    return min(useful, available_cores())


def _is_chosen() -> bool:
    # joblib sets the variables in the processes that it starts, to share the cores among them.
    if multiprocessing.parent_process() is not None:
        return False
    return any(os.environ.get(name) for name in CHOSEN_BY)


@contextmanager
def threads_of_step(
    network: nn.Module, n_series: int, n_timepoints: int
) -> Iterator[None]:
    """Train or predict within the block with the threads that suit a step.

    Parameters
    ----------
    network : Module
        On the device that computes; if that is not the CPU, nothing changes.
    n_series, n_timepoints : int
        Size of a batch.
    """
    parameters = parameters_in(network)
    if parameters and parameters[0].device.type != "cpu":
        yield
        return
    work = work_of_step(parameters, n_series, n_timepoints)
    with _torch_threads(threads_for(work)):
        yield


@contextmanager
def single_thread() -> Iterator[None]:
    """Use one thread, in torch and in NumPy.

    Two threads round differently, and processes that share cores slow each other down.
    """
    # torch comes first: after a limit on OpenMP it reports one thread, although MKL has more.
    with one_at_a_time(), _torch_threads(1), threadpool_limits(1):
        yield


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if number == before:  # other threads of this process may be changing it
        yield
        return
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
