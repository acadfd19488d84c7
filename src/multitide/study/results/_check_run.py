"""Which runs of a study can be asked for."""

from __future__ import annotations

from multitide._checks import check_choice, check_number_among
from multitide.errors import ParameterError
from multitide.study.results._evidence import Evidence


def check_run(evidence: Evidence, arm: str, seed: int, fold: int) -> None:
    """Raise unless the study has a run of the arm with the seed, on the fold."""
    check_choice("arm", arm, evidence.arm_names)
    runs = [run for run in evidence.run_keys if run[0] == arm]
    check_number_among("fold", fold, sorted({run[2] for run in runs}))
    seeds = sorted({run[1] for run in runs if run[2] == fold})
    check_number_among("seed", seed, seeds)


def check_predicted(
    evidence: Evidence, arm: str, task: str, seed: int, fold: int
) -> None:
    """Raise unless that run has predictions of the task."""
    check_choice("task", task, evidence.protocol.names)
    check_run(evidence, arm, seed, fold)
    if evidence.fit(arm, task, seed, fold) is None:
        raise ParameterError(
            f"`arm` must have predictions of {task!r}; got {arm!r}, which has none with "
            f"seed {seed} on fold {fold}. The column `reason` of `runs` may say why."
        )
