"""What to try next: Optuna's sampler as a function of the trials that are known and of a seed."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from multitide.errors import MissingDependencyError
from multitide.tuning._space import Between, Choices, Dimension, Params, Range, Space
from multitide.tuning._trials import Trial

MOST_DRAWS = 200


def propose(
    space: Space,
    known: Sequence[Trial],
    waiting: Sequence[Params],
    fits: Callable[[Params], bool],
    seed: int,
    number: int,
) -> Params | None:
    """Draw the values of a trial with a tree-structured Parzen estimator [1]_, [2]_.

    It depends on nothing but its arguments, so that a search that was killed goes on as if it had
    not been. What is not worth a trial is drawn again.

    Parameters
    ----------
    space : Space
    known : sequence of Trial
        Finished; the first ten are drawn at random.
    waiting : sequence of Params
        What is being tried now; the sampler keeps away from it.
    fits : callable
        Says whether values are worth a trial.
    seed, number : int
        Of the search, and of this trial.

    Returns
    -------
    dict or None
        None if of many draws none was worth a trial.

    References
    ----------
    .. [1] Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter optimization",
      NeurIPS 2011.
    .. [2] Akiba, Sano, Yanase, Ohta and Koyama, "Optuna: a next-generation hyperparameter
       optimization framework", KDD 2019. https://arxiv.org/abs/1907.10902
    """
    for attempt in range(MOST_DRAWS):
        drawn = _draw(space, known, waiting, _seed(seed, number, attempt))
        if fits(drawn):
            return drawn
    return None


def importances(space: Space, trials: Sequence[Trial]) -> dict[str, float]:
    """Return the share of the loss's variance that each dimension explains (functional ANOVA [1]_), largest first.

    Only dimensions that count in every finished trial; empty with fewer than ten of those.

    References
    ----------
    .. [1] Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter
      importance", ICML 2014.
    """
    optuna = import_optuna()
    done = [trial for trial in trials if trial.state == "done"]
    if len(done) < 10 or np.ptp([trial.loss for trial in done]) == 0:
        return {}
    with _quiet():
        study = _study(optuna, space, done, [], 0)
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}


def import_optuna() -> Any:
    """Return Optuna, or say how it is installed."""
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError(
            'Tuning needs optuna, which is not installed. pip install "multitide[tune]"'
        ) from error
    return optuna


def _draw(space: Space, known: Sequence[Trial], waiting: Sequence[Params], seed: int) -> Params:
    with _quiet():
        asked = _study(import_optuna(), space, known, waiting, seed).ask()
        return space.draw(lambda dimension: _suggest(asked, dimension))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from saying that a study in memory was made and that a setting is experimental."""
    optuna = import_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _suggest(asked: Any, dimension: Dimension) -> Any:
    found = dimension.range
    if isinstance(found, Choices):
        return json.loads(
            asked.suggest_categorical(dimension.name, [json.dumps(value) for value in found.values])
        )
    if found.whole:
        return asked.suggest_int(dimension.name, int(found.low), int(found.high), log=found.log)
    drawn = asked.suggest_float(dimension.name, found.low, found.high, log=found.log)
    return min(
        max(float(f"{drawn:.3g}"), found.low), found.high
    )  # more digits than that decide nothing


def _study(
    optuna: Any, space: Space, known: Sequence[Trial], waiting: Sequence[Params], seed: int
) -> Any:
    """Return a study in memory that remembers these trials."""
    sampler = optuna.samplers.TPESampler(
        seed=seed, multivariate=True, group=True, constant_liar=True
    )
    study = optuna.create_study(sampler=sampler)
    states = optuna.trial.TrialState
    finished = [(trial.params, trial) for trial in known if trial.state in ("done", "pruned")]
    for params, trial in [*finished, *((params, None) for params in waiting)]:
        inside = space.expressible(params)
        ranges = {
            d.name: _distribution(optuna, d.range) for d in space.dimensions if d.name in inside
        }
        values = {
            name: json.dumps(value)
            if isinstance(ranges[name], optuna.distributions.CategoricalDistribution)
            else value
            for name, value in inside.items()
        }
        facts: dict[str, Any] = {"params": values, "distributions": ranges, "state": states.RUNNING}
        if trial is not None and trial.state == "done":
            facts |= {"state": states.COMPLETE, "value": trial.loss}
        elif trial is not None and not math.isnan(trial.loss):
            # The sampler ranks pruned trials by how far they came, then by their loss there.
            facts |= {
                "state": states.PRUNED,
                "value": None,
                "intermediate_values": {trial.n_epochs: trial.loss},
            }
        study.add_trial(optuna.trial.create_trial(**facts))
    return study


def _distribution(optuna: Any, found: Range) -> Any:
    kinds = optuna.distributions
    if isinstance(found, Choices):
        return kinds.CategoricalDistribution([json.dumps(value) for value in found.values])
    assert isinstance(found, Between)
    kind = kinds.IntDistribution if found.whole else kinds.FloatDistribution
    return kind(found.low, found.high, log=found.log)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
