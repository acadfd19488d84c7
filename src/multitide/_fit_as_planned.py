"""A planned fit with its checks, its progress bar and its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from multitide._carry_out import carry_out, stored_model
from multitide._open_checkpoint import open_checkpoint
from multitide._plan_fit import FitPlan
from multitide.fitting._fit_model import Fitted
from multitide.fitting._use_graph import uses_graph
from multitide.model._after_training import tell_after_training
from multitide.model._store import StoredModel
from multitide.training._callbacks import Callback, check_callbacks
from multitide.training._progress_bar import ProgressBar


def fit_as_planned(
    params: Mapping[str, object],
    plan: FitPlan,
    callbacks: Sequence[Callback] = (),
    checkpoint: Path | None = None,
) -> tuple[StoredModel, Fitted]:
    """Fit as planned, and say what there is to say of the result.

    Parameters
    ----------
    params : mapping
        ``estimator.get_params(deep=False)``.
    plan : FitPlan
        What :func:`plan_fit` returned for these parameters.
    callbacks, checkpoint
        As in ``MultiTaskEstimator.fit``.
    """
    check_callbacks(callbacks)
    uses_graph(plan.recipe, plan.tasks, callbacks)  # raises if asked for in vain
    progress = [ProgressBar()] if params["verbose"] else []
    with open_checkpoint(checkpoint, plan, callbacks) as store:
        fitted, encoder = carry_out(plan, [*progress, *callbacks], store)
    tell_after_training(fitted, plan.data)
    return stored_model(params, plan, fitted, encoder), fitted
