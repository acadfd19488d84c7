"""Whether the fits of a study that run at the same time fit into memory together."""

from __future__ import annotations

from pathlib import Path

from multitide._checks import as_path
from multitide._estimator import MultiTaskEstimator
from multitide._plan_fit import plan_fit
from multitide._quiet import quiet
from multitide._train import fit_arguments
from multitide.data._data_sets import DataSets
from multitide.errors import MultitideError
from multitide.study.design._protocol import Protocol
from multitide.study.runs._jobs import Job
from multitide.study.runs._plan import Plan
from multitide.study.runs._training import job_data

LENGTHS = ("max_epochs", "patience")  # they do not change the memory


def check_memory(
    plan: Plan,
    protocol: Protocol,
    data_sets: DataSets,
    n_jobs: int,
    folder: str | Path | None,
) -> None:
    """Raise unless as many fits of a plan as run at the same time fit into memory.

    Of the fits that are not stored yet, only the one with most tasks of each kind is looked at.

    Parameters
    ----------
    plan : Plan
    protocol : Protocol
    data_sets : DataSets
    n_jobs : int
        Number of processes.
    folder : path, optional
        Where earlier fits of the plan may be stored.

    Raises
    ------
    ParameterError
        With what a fit needs and what is available.
    """
    place = None
    if folder is not None:
        place = as_path("folder", folder)
    largest: dict[str, Job] = {}
    n_left = 0
    for job in plan.jobs.values():
        if place is not None and (place / "runs" / job.key).exists():
            continue
        n_left += 1
        kind = _kind(job)
        if kind not in largest or len(largest[kind].names) < len(job.names):
            largest[kind] = job
    for job in largest.values():
        if not isinstance(job.learner, MultiTaskEstimator):
            continue
        with quiet():
            estimator, training, validation = fit_arguments(
                job.learner, job_data(job, protocol, data_sets)
            )
            try:
                fit = plan_fit(estimator.get_params(deep=False), training, validation)
            except MultitideError:  # shown with its reason when it is run
                continue
        fit.check_memory(min(n_jobs, n_left))


def _kind(job: Job) -> str:
    kept = {}
    for name, value in job.settings.items():
        if name not in LENGTHS:
            kept[name] = value
    return repr(kept)
