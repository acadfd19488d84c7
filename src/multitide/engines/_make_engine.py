"""An engine from its name."""

from __future__ import annotations

from collections.abc import Sequence

from multitide._checks import check_choice, check_positive_int
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.engines._engine import Engine
from multitide.engines._local_engine import LocalEngine
from multitide.engines._ray_engine import RayEngine

LOCAL, RAY = "local", "ray"


def make_engine(
    engine: str, n_jobs: int | None, devices: Sequence[str], most: int | None = None
) -> Engine:
    """Return what computes the fits.

    Parameters
    ----------
    engine : {"local", "ray"}
        "local" is this machine; "ray" is the cluster that this process is connected to, else that
        of the variable ``RAY_ADDRESS``, else a new one on this machine.
    n_jobs : int or None
        Number of fits at a time. Default: one per core, or a single one with a GPU; with Ray one
        per processor of the cluster.
    devices : sequence of str
        Those of the fits.
    most : int, optional
        The largest default.
    """
    if n_jobs is not None:
        check_positive_int("n_jobs", n_jobs)
    check_engine("engine", engine)
    if engine == RAY:
        return RayEngine(n_jobs, most)
    default = min(map(default_n_jobs, devices))
    return LocalEngine(n_jobs or min(default, most or default))


def check_engine(name: str, engine: object) -> None:
    """Raise unless it is the name of an engine."""
    check_choice(name, engine, (LOCAL, RAY))
