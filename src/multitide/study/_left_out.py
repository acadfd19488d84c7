"""What the budget left out of a study, and how to continue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multitide._budget import in_words
from multitide._checks import listed
from multitide.errors import ParameterError
from multitide.study.runs._fits import Fit
from multitide.study.runs._plan import Plan


@dataclass(frozen=True)
class LeftOut:
    """What was planned and is not part of the study.

    Attributes
    ----------
    arms : list of str
        Arms without a complete seed.
    n_seeds, n_planned_seeds : int
        Complete seeds, and all of them.
    n_fits, n_planned_fits : int
        Fits that are missing, and all of them.
    seconds : float
        Expected duration of the missing fits.
    """

    arms: list[str]
    n_seeds: int
    n_planned_seeds: int
    n_fits: int
    n_planned_fits: int
    seconds: float

    def in_words(self, *, conditions: bool) -> str:
        """Describe what was left out; `conditions` says whether they were, too."""
        parts = []
        if self.n_seeds < self.n_planned_seeds:
            parts.append(
                f"{self.n_planned_seeds - self.n_seeds} of {self.n_planned_seeds} seeds"
            )
        if self.arms:
            parts.append(
                f"the arm{'s' if len(self.arms) > 1 else ''} {listed(self.arms)}"
            )
        if conditions:
            parts.append("the conditions")
        words = f"The budget left out {listed(parts)}"
        if self.n_fits:
            duration = in_words(self.seconds)
            words += f": {self.n_fits} of {self.n_planned_fits} fits, about {duration}"
        return f"{words}. The same folder with a larger budget continues from the finished fits."


def find_left_out(
    planned: Plan, done: Plan, fits: Mapping[str, Fit], arms: Sequence[str], n_jobs: int
) -> LeftOut | None:
    """Return what was left out of a study; None if it is complete.

    Parameters
    ----------
    planned, done : Plan
        The plan of the arms with known groups, and its complete part.
    fits : dict of str to Fit
        All finished fits, including those of incomplete seeds.
    arms : sequence of str
        All arms that the user wanted, including those whose groups were not found in time.
    n_jobs : int
        Number of processes.
    """
    complete = set()
    for arm, _, _ in done.runs:
        complete.add(arm)
    missing_arms = []
    for arm in arms:
        if arm not in complete:
            missing_arms.append(arm)
    missing = []
    for key in planned.jobs:
        if key not in fits:
            missing.append(key)
    if not missing and not missing_arms:
        return None
    durations = []
    for fit in fits.values():
        if fit.done:
            durations.append(float(fit.facts["seconds"]))
    mean = sum(durations) / max(1, len(durations))
    return LeftOut(
        arms=missing_arms,
        n_seeds=_n_seeds(done),
        n_planned_seeds=_n_seeds(planned),
        n_fits=len(missing),
        n_planned_fits=len(planned.jobs),
        seconds=mean * len(missing) / n_jobs,
    )


def check_enough(
    arms: Sequence[str], done: Plan, left_out: LeftOut | None, *, kept: bool
) -> None:
    """Raise unless the reference, which is the first arm, and another arm have a complete seed.

    Raises
    ------
    ParameterError
        If the budget was too small.
    """
    if left_out is None:
        return
    complete = set()
    for arm, _, _ in done.runs:
        complete.add(arm)
    compared = []
    for arm in arms:
        if arm in complete:
            compared.append(arm)
    if arms[0] in compared and len(compared) >= min(2, len(arms)):
        return
    remedy = "Increase it, or use fewer arms or epochs"
    if kept:
        remedy += (
            "; with the same `folder` the next call continues from the finished fits"
        )
    n_done = left_out.n_planned_fits - left_out.n_fits
    raise ParameterError(
        "`budget` must be enough for one seed "
        f"of {arms[0]!r} and of another arm; "
        f"{n_done} of {left_out.n_planned_fits} fits were finished, "
        f"and {listed(left_out.arms)} had no complete seed. "
        f"{remedy}."
    )


def _n_seeds(plan: Plan) -> int:
    return 1 + max((seed for _, seed, _ in plan.runs), default=-1)
