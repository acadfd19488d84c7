"""Carrying out the plan of a fit: its representation, its networks, and their calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from multitide._forgotten_fits import is_forgotten
from multitide._own_random_numbers import own_random_numbers
from multitide._plan_fit import FitPlan
from multitide.encodings._representation import Encoder
from multitide.fitting._calibrate import calibrate
from multitide.fitting._choose_thresholds import choose_thresholds
from multitide.fitting._fit_model import Fitted, fit_model
from multitide.fitting._recipe import resolve_device
from multitide.model._make_profile import training_profile
from multitide.model._schema import data_record
from multitide.model._store import StoredModel, load_model
from multitide.model._stored_representation import fit_encoder, vectors_of
from multitide.training._callbacks import Callback
from multitide.training._checkpoint_store import CheckpointStore


def carry_out(
    plan: FitPlan,
    callbacks: Sequence[Callback],
    store: CheckpointStore | None = None,
) -> tuple[Fitted, Encoder | None]:
    """Train what a plan describes, with random numbers of its own.

    Parameters
    ----------
    plan : FitPlan
        What :func:`plan_fit` returned.
    callbacks : sequence of Callback
        Called at every step.
    store : CheckpointStore, optional
        Keeps the state of the fit; what it has already is taken up.

    Returns
    -------
    fitted : Fitted
        The fitted model.
    encoder : Encoder or None
        The fitted representation that it reads.

    Raises
    ------
    ParameterError
        If the fit does not fit into memory.
    """
    plan.check_memory()
    recipe = plan.recipe
    with own_random_numbers(recipe.seed, resolve_device(recipe.device)):
        encoder = None
        data_sets = plan.data
        if recipe.inputs.representation is not None:
            training_set = plan.data[0].training_set
            encoder = fit_encoder(
                recipe.inputs.representation, training_set, load_model
            )
            vectors = {}
            for data in plan.data:
                vectors[data.name] = vectors_of(data.samples, encoder)
            plan = plan.on(vectors)
            data_sets = []
            for data in plan.data:
                data_sets.append(replace(data, samples=vectors[data.name]))
            plan.check_memory()
        # What takes seconds comes first: an error or Ctrl-C in it loses no training.
        groups = [*plan.extra_groups, *plan.groups]
        fitted = fit_model(groups, callbacks, plan.source, store)
        if recipe.training.calibrate != "none":
            device = resolve_device(recipe.device)
            calibrate(fitted, data_sets, recipe.training, device)
        choose_thresholds(fitted, data_sets, resolve_device(recipe.device))
        return fitted, encoder


def stored_model(
    params: Mapping[str, object],
    plan: FitPlan,
    fitted: Fitted,
    encoder: Encoder | None,
) -> StoredModel:
    """Return what a fit is stored as.

    Parameters
    ----------
    params : mapping
        ``estimator.get_params(deep=False)``.
    plan, fitted, encoder
        The fit, and what :func:`carry_out` returned for it.
    """
    records = [data_record(data, plan.tasks) for data in plan.data]
    device = resolve_device(plan.recipe.device)
    profiles = []
    if not is_forgotten():
        for data, record in zip(plan.data, records, strict=True):
            profiles.append(
                training_profile(
                    data, record, plan.tasks, fitted.before_refit, encoder, device
                )
            )
    return StoredModel(
        params=dict(params),
        tasks=plan.tasks,
        predictor=fitted.predictor,
        data=records,
        seed=plan.recipe.seed,
        best_epoch=fitted.best_epoch,
        n_labelled=fitted.n_labelled,
        seconds=fitted.seconds,
        trials=fitted.trials,
        candidates=fitted.candidates,
        calibrated=fitted.calibrated,
        decisions=fitted.decisions,
        encoder=encoder,
        profiles=profiles,
    )
