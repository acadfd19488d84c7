"""Checks of the arguments of :func:`multitide.simulate_rig`."""

from __future__ import annotations

from collections.abc import Mapping

from multitide._checks import check_positive_int, gathering, suggest
from multitide.data._rig_labels import TASKS


def size_problems(
    n_runs: object,
    n_machines: object,
    n_timepoints: object,
    noise: object,
    random_state: object,
) -> list[str]:
    """Return one sentence for every size that is wrong."""
    problems: list[str] = []
    for name, n in (("n_runs", n_runs), ("n_machines", n_machines)):
        with gathering(problems):
            check_positive_int(name, n)
    if not _is_range(n_timepoints):
        problems.append(
            "`n_timepoints` must be two whole "
            "numbers from 12, the shorter first; "
            f"got {n_timepoints!r}."
        )
    if not _is_number(noise, 0, float("inf")) or noise == float("inf"):
        problems.append(f"`noise` must be a number of at least 0; got {noise!r}.")
    if random_state is not None and not _is_whole(random_state, 0):
        problems.append(
            "`random_state` must be a whole "
            "number of at least 0, or None; "
            f"got {random_state!r}."
        )
    return problems


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_range(value: object) -> bool:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return False
    shortest, longest = value
    return _is_whole(shortest, 12) and _is_whole(longest, 12) and shortest <= longest


def _is_number(value: object, least: float, most: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return least <= value <= most


def share_problems(shares: Mapping[str, object], most: float = 1.0) -> list[str]:
    """Return one sentence for every share outside [0, most]."""
    problems: list[str] = []
    for name, share in shares.items():
        if not _is_number(share, 0, most):
            problems.append(
                f"`{name}` must be a number from 0 to {most:g}; got {share!r}."
            )
    return problems


def label_share_problems(shares: Mapping[str, object]) -> list[str]:
    """Return one sentence for every entry of `label_share` with a wrong task or share."""
    unknown = []
    for name in shares:
        if name not in TASKS:
            unknown.append(
                "`label_share` must name tasks of the rig; "
                f"got {name!r}.{suggest(name, TASKS)}"
            )
    by_argument = {f"label_share[{name}]": share for name, share in shares.items()}
    return unknown + share_problems(by_argument)
