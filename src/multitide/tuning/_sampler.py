"""Optuna's sampler: which values to try next, and which settings mattered.

Optuna is an optional dependency, so it is imported inside the functions.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from multitide._require_extra import require_extra
from multitide.tuning._space import Between, Choices, Dimension, Params, Space
from multitide.tuning._trials import Trial

if TYPE_CHECKING:
    from optuna import Trial as OptunaTrial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

MAX_DRAWS = 200
MIN_TRIALS_FOR_IMPORTANCES = 10


def require_optuna() -> None:
    """Raise :class:`MissingDependencyError` unless Optuna is installed."""
    require_extra("tune", "Tuning")


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Hide Optuna's notes about new studies and experimental options."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def propose(
    space: Space,
    known: Sequence[FrozenTrial],
    accept: Callable[[Params], bool],
    seed: int,
) -> Params | None:
    """Draw the values of a trial with a tree-structured Parzen estimator [1]_, [2]_.

    Parameters
    ----------
    space : Space
    known : sequence of FrozenTrial
        Finished and running trials. The first ten are drawn at random, and the sampler keeps away
        from the values of running ones.
    accept : callable
        Returns whether values are worth a trial; otherwise others are drawn.
    seed : int

    Returns
    -------
    dict or None
        None if none of many draws was accepted.

    References
    ----------
    .. [1] Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter optimization",
       NeurIPS 2011.
    .. [2] Akiba, Sano, Yanase, Ohta and Koyama, "Optuna: a next-generation hyperparameter
       optimization framework", KDD 2019. https://arxiv.org/abs/1907.10902
    """
    import optuna

    with quiet_optuna():
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=True, constant_liar=True
        )
        # A study in memory, so that rejected draws leave no trace in the journal.
        study = optuna.create_study(sampler=sampler)
        study.add_trials(known)
        for _ in range(MAX_DRAWS):
            drawn = study.ask()
            params = space.draw(partial(_suggest, drawn))
            if accept(params):
                return params
            study.tell(drawn, state=optuna.trial.TrialState.FAIL)
    return None


def importances(space: Space, trials: Sequence[Trial]) -> dict[str, float]:
    """Return the share of the loss's variance that each dimension explains, largest first.

    It is a functional ANOVA [1]_ over the dimensions that every finished trial has; empty with
    fewer than ten finished trials.

    References
    ----------
    .. [1] Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter
       importance", ICML 2014.
    """
    require_optuna()
    import optuna

    done = []
    for trial in trials:
        if trial.state == "done":
            done.append(trial)
    losses = [trial.loss for trial in done]
    if len(done) < MIN_TRIALS_FOR_IMPORTANCES or np.ptp(losses) == 0:
        return {}
    with quiet_optuna():
        study = optuna.create_study()
        for trial in done:
            values, ranges = encode(space, trial.params)
            study.add_trial(
                optuna.trial.create_trial(
                    value=trial.loss, params=values, distributions=ranges
                )
            )
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in shares.items()}


def encode(
    space: Space, params: Params
) -> tuple[dict[str, object], dict[str, BaseDistribution]]:
    """Return the values that lie in the space as Optuna keeps them, and their distributions."""
    values: dict[str, object] = {}
    distributions = {}
    for name, value in space.expressible(params).items():
        range_ = space.ranges[name]
        if isinstance(range_, Choices):
            values[name] = json.dumps(value)
        else:
            values[name] = value
        distributions[name] = _distribution(range_)
    return values, distributions


def decode(space: Space, values: Params) -> Params:
    """Return the values that :func:`encode` has written; KeyError if a name is unknown."""
    params: Params = {}
    for name, value in values.items():
        is_choice = isinstance(space.ranges[name], Choices)
        if is_choice:
            params[name] = json.loads(value)
        else:
            params[name] = value
    return params


def _suggest(trial: OptunaTrial, dimension: Dimension) -> object:
    name, range_ = dimension.name, dimension.range
    if isinstance(range_, Choices):
        # Optuna takes no lists as choices, so each value is written as JSON.
        written = []
        for value in range_.values:
            written.append(json.dumps(value))
        return json.loads(trial.suggest_categorical(name, written))
    if range_.whole:
        return trial.suggest_int(
            name, int(range_.low), int(range_.high), log=range_.log
        )
    drawn = trial.suggest_float(name, range_.low, range_.high, log=range_.log)
    rounded = float(f"{drawn:.3g}")  # further digits do not matter
    return min(max(rounded, range_.low), range_.high)


def _distribution(found: Choices | Between) -> BaseDistribution:
    from optuna import distributions

    if isinstance(found, Choices):
        return distributions.CategoricalDistribution(
            [json.dumps(value) for value in found.values]
        )
    if found.whole:
        return distributions.IntDistribution(
            int(found.low), int(found.high), log=found.log
        )
    return distributions.FloatDistribution(found.low, found.high, log=found.log)
