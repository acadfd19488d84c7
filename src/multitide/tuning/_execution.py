"""Doing trials: a process a core, each trial knowing just those that end well before it, so that order is no chance."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import BrokenProcessPool

from multitide.tuning._trials import Data, Order, Trial, conduct_trial

logger = logging.getLogger("multitide")

# A trial knows the trials before the last so many, and so many may run at once. What it is then
# does not depend on the number of processes, nor on which of them is quick.
AT_ONCE = 8

_DATA: list[Data] = []  # of a worker process


def conduct_trials(orders: Orders, data: Data, n_jobs: int) -> Iterator[Trial | None]:
    """Do what is ordered, and yield trials as they are finished; None is a trial that ran out of time.

    Parameters
    ----------
    orders : callable
        Returns the next order, None if nothing can be ordered before another trial is finished (or
        at all).
    data : Data
    n_jobs : int
        Number of processes.
    """
    if n_jobs == 1:
        while (order := orders()) is not None:
            yield conduct_trial(order, data)
        return
    with ProcessPoolExecutor(
        n_jobs, initializer=_receive, initargs=(data,), env={"OMP_NUM_THREADS": "1"}
    ) as pool:
        running: set[Future[Trial | None]] = set()
        try:
            while True:
                while len(running) < n_jobs and (order := orders()) is not None:
                    running.add(pool.submit(_work, order))
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(finished, key=id):
                    yield future.result()
        except BrokenProcessPool as error:
            logger.warning(
                "A process died (%s); perhaps memory ran out: fewer processes (`n_jobs`) need less.",
                error,
            )
        finally:
            for future in running:
                future.cancel()


Orders = Callable[[], Order | None]


def _receive(data: Data) -> None:
    _DATA[:] = [data]


def _work(order: Order) -> Trial | None:
    return conduct_trial(order, _DATA[0])
