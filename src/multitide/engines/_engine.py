"""What computes many fits, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost:
    """What is left of a job whose process ended before it had a result.

    Attributes
    ----------
    reason : str
        How the process ended.
    """

    reason: str


class Engine(Protocol):
    """Computes jobs in processes.

    Attributes
    ----------
    n_places : int
        Number of jobs at a time.
    shares_disk : bool
        Whether jobs can write where this process reads.
    """

    @property
    def n_places(self) -> int:
        """Number of jobs at a time."""

    @property
    def shares_disk(self) -> bool:
        """Whether jobs can write where this process reads."""

    def results(
        self, work: Callable[[Job], Result], jobs: Iterable[Job], retries: int = 1
    ) -> Iterator[tuple[Job, Result | Lost]]:
        """Yield each job with its result, in the order in which they end.

        A job is taken when a place is free for it. Each process works with one thread, so that
        results do not depend on the engine. An error of the work is raised.

        Parameters
        ----------
        work : callable
            Called with a job. Large arrays in it and in the jobs are sent once.
        jobs : iterable
            Taken one by one.
        retries : int, default=1
            How often a job is begun again whose process has ended; then it is lost.
        """
