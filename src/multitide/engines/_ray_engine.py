"""A Ray cluster."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, cast

import numpy as np

from multitide._require_extra import require_extra
from multitide.engines._engine import Job, Lost, Result
from multitide.engines._large_arrays import dump_without_arrays, load_with_arrays
from multitide.errors import ParameterError

ADDRESS = "RAY_ADDRESS"  # the variable that Ray reads
SECONDS_TO_CONNECT = 10
KEPT_ARRAYS = 64  # of a worker


class RayEngine:
    """Computes jobs on a Ray cluster, on one processor each.

    The nodes need multitide in the same version, and nothing of this machine's disk.

    Parameters
    ----------
    n_places : int, optional
        Number of jobs at a time. Default: the processors of the cluster.
    most : int, optional
        The largest default.
    """

    shares_disk = False

    def __init__(self, n_places: int | None = None, most: int | None = None) -> None:
        self._ray = _connected()
        n_processors = self._n_processors()
        self.n_places = n_places or min(n_processors, most or n_processors)

    def results(
        self, work: Callable[[Job], Result], jobs: Iterable[Job], retries: int = 1
    ) -> Iterator[tuple[Job, Result | Lost]]:
        """Yield each job with its result; see :class:`~multitide.engines._engine.Engine`."""
        ray = self._ray
        call = ray.remote(num_cpus=1, max_retries=retries)(_call)
        arrays = _SentArrays(ray)
        waiting = iter(jobs)
        running: dict[Any, Job] = {}  # by Ray's reference to the result
        while True:
            for job in islice(waiting, self.n_places - len(running)):
                text = dump_without_arrays((work, job), arrays.number_of)
                running[call.remote(text, arrays.references)] = job
            if not running:
                return
            ended, _ = ray.wait(list(running), num_returns=1)
            yield running.pop(ended[0]), self._result_of(ended[0])

    def _result_of(self, reference: Any) -> Any:  # of the work
        lost = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except (
            lost.WorkerCrashedError,
            lost.NodeDiedError,
            lost.ObjectLostError,
            lost.OutOfMemoryError,
        ) as error:
            return Lost(str(error).strip().splitlines()[0])

    def _n_processors(self) -> int:
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))


class _SentArrays:
    """The large arrays that the cluster has, each once."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._number: dict[int, int] = {}
        self._kept: list[np.ndarray] = []  # so that no other array gets the same id
        self.references: list[Any] = []

    def number_of(self, array: np.ndarray) -> int:
        """Return the number of an array, which is sent if the cluster does not have it."""
        if id(array) not in self._number:
            self._number[id(array)] = len(self.references)
            self._kept.append(array)
            self.references.append(self._ray.put(array))
        return self._number[id(array)]


def _call(text: bytes, references: list[Any]) -> Any:  # of the work
    """Do one job on a node."""

    def array(number: int) -> np.ndarray:
        return _writable(references[number])

    loaded = load_with_arrays(text, array)
    work, job = cast("tuple[Callable[[Any], Any], Any]", loaded)
    return work(job)


@lru_cache(KEPT_ARRAYS)
def _writable(reference: Any) -> np.ndarray:
    """Return an array of the cluster as one of this process; torch warns of others."""
    import ray

    return np.array(ray.get(reference))


def _connected() -> Any:  # the module, which has no types
    """Return Ray, connected to the cluster of its variable, or to a new one on this machine."""
    require_extra("ray", '`engine="ray"`')
    import ray

    if not ray.is_initialized():
        _check_reachable(os.environ.get(ADDRESS, ""))
        ray.init(log_to_driver=False, include_dashboard=False)
    return ray


def _check_reachable(address: str) -> None:
    """Raise unless something answers at an address; Ray would ask for a quarter of an hour."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return  # such as "auto"
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_CONNECT).close()
    except OSError as error:
        raise ParameterError(
            "`address` (or `RAY_ADDRESS`) must be that of a running Ray cluster; "
            f"got {address!r}. Start one with `ray start --head`."
        ) from error
