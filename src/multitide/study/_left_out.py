"""What a budget left out of a study, and how to go on with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from multitide._checks import listed
from multitide.errors import ParameterError
from multitide.study.runs._fits import Fit
from multitide.study.runs._plan import Plan
from multitide.study.runs._timing import in_words


def what_is_left_out(
    asked: Plan, done: Plan, fits: Mapping[str, Fit], arms: Sequence[str], n_jobs: int
) -> dict[str, Any]:
    """Return as plain values what was asked and is not part of the study; nothing if it is whole.

    Parameters
    ----------
    asked, done : Plan
        The plan of the arms whose groups are known, and what is whole of it.
    fits : dict of str to Fit
        All that were done, those of seeds that are not whole among them.
    arms : sequence of str
        All that were asked for, those whose groups were not found in time among them.
    n_jobs : int
        Processes.
    """
    kept = {arm for arm, _, _ in done.runs}
    gone = [arm for arm in arms if arm not in kept]
    missing = [key for key in asked.jobs if key not in fits]
    if not missing and not gone:
        return {}
    took = [float(fit.facts["seconds"]) for fit in fits.values() if fit.done]
    return {
        "arms": gone,
        "seeds": [_n_seeds(done), _n_seeds(asked)],
        "fits": [len(missing), len(asked.jobs)],
        "seconds": sum(took) / max(1, len(took)) * len(missing) / n_jobs,
    }


def check_enough(
    arms: Sequence[str], compared: Sequence[str], left_out: Mapping[str, Any], kept: bool
) -> None:
    """Raise if the time was not enough for a comparison: the reference, which is the first, and another arm."""
    if arms[0] in compared and len(compared) >= min(2, len(arms)):
        return
    missing, n_fits = left_out["fits"]
    others = [arm for arm in arms if arm not in compared]
    goes_on = (
        "with the same `folder` the next call goes on from what is finished"
        if kept
        else "nothing is kept"
    )
    raise ParameterError(
        f"`budget` must be enough for a seed of {arms[0]!r} and of another arm; {n_fits - missing} of {n_fits} fits "
        f"were done, and left out was {listed(others)}. Give a larger one, or fewer arms or epochs; {goes_on}."
    )


def left_out_in_words(left_out: Mapping[str, Any], conditions: bool) -> str:
    """Say what was left out; "" if nothing was.

    Parameters
    ----------
    left_out : dict
        From :func:`what_is_left_out`.
    conditions : bool
        Whether the conditions were asked for and are left out.
    """
    if not left_out:
        return ""
    done, asked = left_out["seeds"]
    parts = [f"{asked - done} of {asked} seeds"] if done < asked else []
    arms = left_out["arms"]
    parts += [f"the arm{'s' if len(arms) > 1 else ''} {listed(arms)}"] if arms else []
    parts += ["the conditions"] if conditions else []
    missing, n_fits = left_out["fits"]
    rest = f": {missing} of {n_fits} fits, about {in_words(left_out['seconds'])}" if missing else ""
    return (
        f"The budget left out {listed(parts)}{rest}. "
        "With the same folder and a larger budget the study goes on from what is finished."
    )


def _n_seeds(plan: Plan) -> int:
    return 1 + max((seed for _, seed, _ in plan.runs), default=-1)
