"""What the report of a run says about its model: a network, or an ensemble."""

from __future__ import annotations

from typing import cast

import pandas as pd

from multitide._budget import in_words
from multitide._checks import named_values
from multitide._estimator import MultiTaskEstimator
from multitide.ensemble._ensemble import Ensemble
from multitide.fitting._recipe import make_part
from multitide.model._after_training import validation_losses
from multitide.model._sizes import last_weights, size_in_words, tasks_without_epochs
from multitide.reports._markdown import markdown
from multitide.training._settings import Training

Model = MultiTaskEstimator | Ensemble


def model_lines(model: Model) -> list[str]:
    """Return the lines of the summary about the model."""
    if isinstance(model, Ensemble):
        n_fits = sum(len(fits) for fits in model.members_.values())
        names = ", ".join(markdown(name) for name in model.members_)
        return [
            f"- ensemble of {n_fits} fits: {names}; trained in {in_words(model.seconds_)}"
        ]
    size = size_in_words(model.model_, model.representation_)
    lines = [f"- parameters: {size}; {trained_for(model)}"]
    weights = last_weights(model.history_)
    if weights:
        listed = markdown(named_values(weights, ".4g"))
        lines.append(f"- weights of the tasks' losses in the last epoch: {listed}")
    return lines


def training_sentences(model: Model) -> list[str]:
    """Return the sentences of the protocol about what trained the model and what chose it."""
    if isinstance(model, Ensemble):
        return [
            "Each seed of the ensemble trained on its own training set, and its validation set "
            "chose the epoch. The weights of the members were chosen per task on the samples that "
            "their fits had held out.",
            "The test set was used once, for the metrics below.",
        ]
    has_epochs = len(tasks_without_epochs(model.model_)) < len(model.best_epoch_)
    if has_epochs:
        what, choice = "network", "epoch"
    else:
        what, choice = "model", "settings"
    sentences = [
        f"The {what} and its scalers were fitted to the training set only, "
        f"and the validation set chose the {choice}.",
    ]
    refit = cast(Training, make_part("training", model.training)).refit
    if refit is True:
        sentences.append(
            "Then the network was trained again, on training and validation set, "
            "for the same number of epochs."
        )
    elif refit == "trees":
        sentences.append(
            "Trees and solved linear heads, if there are any, were then fitted again on training "
            "and validation set, with the settings that the validation set had chosen."
        )
    sentences.append("The test set was used once, for the metrics below.")
    if has_epochs:
        epochs = markdown(best_epochs(model))
        sentences.append(f'Kept (`keep = "{model.keep}"`): {epochs}.')
    return sentences


def member_table(ensemble: Ensemble) -> pd.DataFrame:
    """Return what each member contributes to each task, ready to be shown."""
    table = ensemble.contributions_
    table["weight"] = table["weight"].map("{:.2f}".format)
    return table.rename(
        columns={"validation_loss": "validation loss", "n_fits": "number of fits"}
    )


def candidate_table(estimator: MultiTaskEstimator) -> pd.DataFrame:
    """Return the validation losses and weights of the candidates by task; empty without any."""
    candidates = estimator.candidates_
    if not len(candidates):
        return pd.DataFrame()
    rows = []
    for task, of_task in candidates.groupby("task", sort=False):
        row: dict[str, object] = {"task": task, "predicted by": _weights(of_task)}
        for name, loss in zip(of_task["candidate"], of_task["loss"], strict=True):
            row[str(name)] = loss
        row["together"] = of_task["mean_loss"].iloc[0]
        rows.append(row)
    table = pd.DataFrame(rows)
    losses = [name for name in table if name not in ("task", "predicted by")]
    return table.astype(dict.fromkeys(losses, float))


def _weights(candidates: pd.DataFrame) -> str:
    """Return what predicts a task, as "boosting", or "0.30 lstm_fcn + 0.70 boosting"."""
    used = candidates[candidates["weight"] > 0]
    if len(used) == 1:
        return str(used["candidate"].item())
    parts = []
    for name, weight in zip(used["candidate"], used["weight"], strict=True):
        parts.append(f"{weight:.2f} {name}")
    return " + ".join(parts)


def trained_for(estimator: MultiTaskEstimator) -> str:
    """Return "trained for 39 epochs in 46 s"; linear heads are fitted without epochs."""
    n_epochs = estimator.history_["epoch"].max()
    if n_epochs > 1:
        epochs = f"for {n_epochs} epochs "
    else:
        epochs = ""
    return f"trained {epochs}in {estimator.seconds_:.0f} s"


def best_epochs(estimator: MultiTaskEstimator) -> str:
    """Say which epochs' weights are kept, as "best epoch: 24 (...)"."""
    by_others = tasks_without_epochs(estimator.model_)
    epochs = {}
    for task, epoch in estimator.best_epoch_.items():
        if task not in by_others:
            epochs[task] = epoch
    if not epochs:
        return "no epochs: trees or linear heads predict all tasks"
    if estimator.keep == "joint" and len(set(epochs.values())) == 1:
        words = f"best epoch: {next(iter(epochs.values()))}"
        if len(epochs) > 1:
            words += " (the lowest mean validation loss of all tasks)"
        return words
    each = named_values(epochs)
    if estimator.keep == "joint":
        return f"best epoch of each network: {each}"
    return f"best epoch of each task: {each}"


def kept_losses(model: Model) -> dict[str, float]:
    """Return the validation loss of each task; tasks without one are left out."""
    if isinstance(model, Ensemble):
        return model.result_.validation_loss
    return validation_losses(model.history_, model.best_epoch_, model.candidates_)
