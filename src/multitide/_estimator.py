"""The one estimator: what a user types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from multitide.data._samples import Samples
from multitide.data._splits import Splitter
from multitide.errors import DataError
from multitide.fitting._data_sets import (
    as_data_sets,
    check_names,
    learning_domains,
    like,
    plain_or_dict,
    resolve_domain_tasks,
)
from multitide.fitting._fit_model import fit_model
from multitide.fitting._recipe import PART_PARAMETERS, make_part, make_recipe, resolve_device
from multitide.model._notebook_view import fitted_html
from multitide.model._prediction import decode, joined, tables
from multitide.model._schema import data_record
from multitide.model._start_from import find_source
from multitide.model._store import StoredModel, load_model, read_history, save_model
from multitide.model._stored_representation import fit_encoder, vectors_of
from multitide.tasks import ClassificationTarget, Task
from multitide.training._callbacks import Callback
from multitide.training._progress_bar import ProgressBar

Decoded = dict[str, np.ndarray]


class MultiTaskEstimator(BaseEstimator):
    """Learns several labels of multivariate time series, classes and numbers mixed, wherever they were measured.

    Parameters
    ----------
    tasks : list of Task or str, optional
        The questions. A name is a column of ``y`` whose kind is inferred; None: every column of
        ``y``.
    backbone : str or Backbone, default="lstm_fcn"
        From series to features; ``LSTMFCN(hidden_size=32)`` or its name.
    inputs : Inputs, optional
        How raw series are clipped, imputed, scaled and encoded, inside the model.
    sharing : str or Sharing, default="hard"
        Which parameters tasks have in common: all but the heads ("hard"), none, or in between
        ("soft", ...).
    weighting : str or Weighting, default="uniform"
        From the tasks' losses, each in units of its trivial loss, to the one that is minimised.
    aggregator : str or Aggregator, optional
        From the tasks' gradients to one update ("pcgrad", "upgrad", ...), instead of a weighting.
    keep : {"joint", "per_task"}, default="joint"
        One set of weights, from the epoch with the best mean validation loss, or each task's best
        epoch too.
    max_epochs : int, default=50
        Length of a full run.
    batch_size : int or "auto", default="auto"
        Samples a step; "auto" is 64 or, for few rows, so many that an epoch has about 20 steps, at
        least 8.
    lr : float, default=0.001
        The highest learning rate of the schedule.
    training : Training, optional
        The rest of training: weight decay, schedule, patience, clipping, averaging, order, refit.
    validation : float, Splitter or None, default=0.15
        What chooses the epoch. A share is cut by time where the samples are windows of few series
        with time stamps, by series where they are windows of many, else at random; None: no
        validation, the last epoch is kept.
    device : str, default="auto"
        "auto" (CUDA if there is one), "cpu", "cuda", "cuda:1".
    random_state : int, optional
        Same seed, same result, on the same machine with the same number of threads.
    verbose : int, default=1
        0: silent; 1: a progress bar on a terminal.

    Attributes
    ----------
    tasks_ : list of Task
        The tasks with their kinds.
    classes_ : dict of str to list
        For each classification task its classes, as the user wrote them.
    model_ : Answers
        The fitted module, from raw arrays to answers in the user's units.
    history_ : DataFrame
        One row an epoch, task and side: ``loss`` (in units of the trivial loss), ``weight``,
        ``lr``, ``seconds``; on the validation side ``metric`` and ``value`` of the headline figure.
    pretrain_history_ : DataFrame
        The same of the pre-training; empty if there was none.
    trials_ : DataFrame
        What ``weighting="search"`` tried, one row a trial and task; empty with other weightings.
    best_epoch_ : dict of str to int
        The epoch that answers each task.
    n_labelled_ : dict of str to dict
        Labelled rows of each task on each side.
    n_channels_in_, n_timepoints_in_, channels_ : int, int, tuple of str
        Shape of the training series and names of their channels; with several data sets dicts by
        their names.
    representation_ : Encoder or None
        What ``inputs.representation`` became on the training part's series.
    seed_ : int
        The seed that was used.

    Examples
    --------
    >>> import multitide as mt
    >>> samples = mt.simulate_rig(n_runs=40, random_state=0)
    >>> estimator = mt.MultiTaskEstimator(max_epochs=2, random_state=0, verbose=0).fit(samples)
    >>> list(estimator.predict(samples).columns) == list(samples.y.columns)
    True
    """

    def __init__(
        self,
        tasks: Sequence[Task | str] | None = None,
        *,
        backbone: Any = "lstm_fcn",
        inputs: Any = None,
        sharing: Any = "hard",
        weighting: Any = "uniform",
        aggregator: Any = None,
        keep: str = "joint",
        max_epochs: int = 50,
        batch_size: int | str = "auto",
        lr: float = 1e-3,
        training: Any = None,
        validation: float | Splitter | None = 0.15,
        device: str = "auto",
        random_state: int | None = None,
        verbose: int = 1,
    ) -> None:
        self.tasks = tasks
        self.backbone = backbone
        self.inputs = inputs
        self.sharing = sharing
        self.weighting = weighting
        self.aggregator = aggregator
        self.keep = keep
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.training = training
        self.validation = validation
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # -- scikit-learn ------------------------------------------------------------------------------

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``backbone__num_layers`` reaches into a part, also one that is given by its name."""
        for name in {key.split("__")[0] for key in params if "__" in key} & set(PART_PARAMETERS):
            setattr(self, name, make_part(name, params.pop(name, getattr(self, name))))
        return super().set_params(**params)

    def _html_repr(self) -> str:
        """Return what notebooks show: scikit-learn's diagram and, once fitted, what was learned."""
        fitted = fitted_html(self.stored_, self.history_) if hasattr(self, "stored_") else ""
        return estimator_html_repr(self) + fitted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    # -- learning ----------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        static: pd.DataFrame | None = None,
        groups: Sequence[Any] | None = None,
        time: Sequence[Any] | None = None,
        validation: Any = None,
        start: MultiTaskEstimator | str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Learn every task from the rows that have its label.

        Parameters
        ----------
        X : Samples, or array of shape (n_samples, n_channels, n_timepoints), or list of (n_channels, n_timepoints_i)
            The series; NaN is a value that nobody measured. Or several data sets, a dict of Samples
            by name, whose channels, lengths and tasks may differ: a column of labels that several
            have is one task.
        y : DataFrame, n_samples rows
            One column a task; NaN, None and blanks are labels that nobody measured. Not with
            `Samples`.
        static, groups, time : optional
            As `static`, `series` and `time` of :meth:`Samples.from_arrays`.
        validation : Samples or (X, y), optional
            Chooses the epoch, instead of a part of the training samples; with several data sets a
            dict by name, which may leave some out.
        start : MultiTaskEstimator or path, optional
            A fitted model, or its folder, whose backbone is where training starts, instead of
            ``training.start``; its heads are dropped. See ``training.freeze`` for what stays as it
            is.
        callbacks : sequence of Callback
            Told of every step.

        Returns
        -------
        MultiTaskEstimator
            This estimator, fitted.

        Raises
        ------
        ParameterError
            With every wrong parameter.
        DataError
            With what is wrong with the data.
        """
        recipe = make_recipe(self.get_params(deep=False))
        given = as_data_sets(X, y, static=static, groups=groups, time=time)
        tasks = resolve_domain_tasks(self.tasks, given)
        pair = validation if isinstance(validation, tuple) else (validation,)
        held_out = {} if validation is None else as_data_sets(*pair)
        domains = learning_domains(given, tasks, held_out, self.validation, recipe.seed)
        bar = [ProgressBar()] if self.verbose else []
        if isinstance(start, MultiTaskEstimator):
            check_is_fitted(start, "model_")
        model = start.stored_ if isinstance(start, MultiTaskEstimator) else start
        source = find_source(model, recipe, [task.name for task in tasks], len(domains))
        encoder = fit_encoder(
            recipe.inputs.representation, domains[0].samples[domains[0].train], load_model
        )
        read = [replace(domain, samples=vectors_of(domain.samples, encoder)) for domain in domains]
        fitted = fit_model(read, tasks, recipe, [*bar, *callbacks], source)
        self.history_, self.pretrain_history_ = (
            pd.DataFrame(fitted.history),
            pd.DataFrame(fitted.pretrain_history),
        )
        return self._take(
            StoredModel(
                params=self.get_params(deep=False),
                tasks=tasks,
                answers=fitted.answers,
                data=[data_record(domain, tasks) for domain in domains],
                seed=recipe.seed,
                best_epoch=fitted.best_epoch,
                n_labelled=fitted.n_labelled,
                seconds=fitted.seconds,
                trials=fitted.trials,
                encoder=encoder,
            )
        )

    def _take(self, stored: StoredModel) -> Self:
        """Become fitted with what was learned, now or in an earlier session."""
        self.stored_ = stored
        self.tasks_, self.model_, self.seed_ = stored.tasks, stored.answers, stored.seed
        self.best_epoch_, self.n_labelled_, self.seconds_ = (
            stored.best_epoch,
            stored.n_labelled,
            stored.seconds,
        )
        self.trials_, self.representation_ = pd.DataFrame(stored.trials), stored.encoder
        self.channels_ = plain_or_dict({data.name: data.channels for data in stored.data})
        self.reading_ = plain_or_dict({data.name: data.reading for data in stored.data})
        self.n_channels_in_ = plain_or_dict({data.name: len(data.channels) for data in stored.data})
        self.n_timepoints_in_ = plain_or_dict(
            {data.name: data.n_timepoints for data in stored.data}
        )
        return self

    # -- answering ---------------------------------------------------------------------------------

    def predict(self, X: Any, *, static: pd.DataFrame | None = None) -> Any:
        """Answer every task for every sample.

        Parameters
        ----------
        X : Samples or array, shape (n_samples, n_channels, n_timepoints), or dict of Samples
            The series, raw; of a model that was fitted on several data sets, a dict with one or
            more of them.
        static : DataFrame, optional
            Static inputs, when `X` is an array and the model was fitted with some.

        Returns
        -------
        DataFrame, n_samples rows; or a dict of them, where `X` is one
            The columns of ``y`` (one a task, or several) of every task that has labels in the data
            set: classes as the user wrote them, numbers in the user's units.
        """
        return like(
            X, {name: joined(self.model_, d) for name, _, d in self._decode(X, static=static)}
        )

    def predict_proba(self, X: Any, *, static: pd.DataFrame | None = None) -> Any:
        """Return probabilities by task: a column a class, or for a multi-label task that of yes, a column a label.

        Where `X` is a dict of data sets, so is what is returned.
        """
        return like(
            X,
            {
                name: tables(self.model_, d, "probabilities")
                for name, _, d in self._decode(X, static=static)
            },
        )

    def predict_quantiles(self, X: Any, *, static: pd.DataFrame | None = None) -> Any:
        """Return the quantiles, in the user's units and a column a level, of every task with ``loss="quantile"``.

        Where `X` is a dict of data sets, so is what is returned.
        """
        return like(
            X,
            {
                name: tables(self.model_, d, "quantiles")
                for name, _, d in self._decode(X, static=static)
            },
        )

    def decode(self, X: Any, *, static: pd.DataFrame | None = None) -> Any:
        """Return each task's answers as its target decodes them, by name; where `X` is a dict, one of these."""
        return like(X, {data: decoded for data, _, decoded in self._decode(X, static=static)})

    def evaluate(
        self, X: Any, y: Any = None, *, static: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Measure every task on the rows that have its label, next to the trivial predictor.

        Returns
        -------
        DataFrame
            Columns ``task``, ``metric``, ``value``, ``trivial`` (the best training constant's
            figure), ``n_labelled``, ``higher_is_better``; each task's headline figure first. "loss"
            is in units of the trivial loss. Where `X` is a dict of data sets, ``data`` comes first:
            a task is measured on each data set that had its labels.
        """
        found = []
        for name, samples, decoded in self._decode(X, y, static=static):
            targets = {task: self.model_.target(task) for task in decoded}
            if missing := [
                c for target in targets.values() for c in target.task.columns if c not in samples.y
            ]:
                raise DataError(
                    f"`y` must have a column for every task; {missing} are missing from {list(samples.y)}."
                )
            for task, target in targets.items():
                table = target.evaluate(samples, decoded[task])
                table.insert(0, "task", task)
                if isinstance(X, Mapping) and name:
                    table.insert(0, "data", name)
                found.append(table)
        return pd.concat(found, ignore_index=True)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean over tasks of 1 - loss / trivial loss on the labelled rows; 0 is the trivial predictor."""
        table = self.evaluate(X, y)
        return float(
            np.nanmean(1 - table.loc[table["metric"] == "loss", "value"].to_numpy(dtype=float))
        )

    @property
    def classes_(self) -> dict[str, list[Any]]:
        """For each classification task its classes, as the user wrote them."""
        check_is_fitted(self, "model_")
        targets = (self.model_.target(task.name) for task in self.tasks_)
        return {
            t.task.name: list(t.classes) for t in targets if isinstance(t, ClassificationTarget)
        }

    def _decode(
        self, X: Any, y: Any = None, *, static: Any = None
    ) -> Iterator[tuple[str, Samples, Decoded]]:
        """Yield for every data set its name, its samples, and what the model makes of them for each of its tasks."""
        check_is_fitted(self, "model_")
        given = as_data_sets(X, y, static=static)
        known = {data.name: data for data in self.stored_.data}
        if not isinstance(X, Mapping) and len(known) == 1:
            given = dict(zip(known, given.values(), strict=True))
        check_names(given, list(known), "X")
        device, encoder = resolve_device(self.device), self.representation_
        for name, samples in given.items():
            seen = known[name]
            decoded = decode(
                self.model_, samples, seen.channels, seen.n_timepoints, device, encoder, name
            )
            yield name, samples, {task: decoded[task] for task in seen.tasks}

    # -- keeping -----------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> Path:
        """Write the model as a folder: ``model.json`` and ``weights.safetensors``, atomically.

        Raises
        ------
        StoreError
            If `folder` exists already, or cannot be written. Nothing is overwritten.
        """
        check_is_fitted(self, "model_")
        return save_model(self.stored_, Path(folder))

    @classmethod
    def load(
        cls, folder: str | Path, *, device: str | None = None, representation: Any = None
    ) -> Self:
        """Read a model folder or a run folder; no pickle is ever read.

        Parameters
        ----------
        folder : path
            The model's.
        device : str, optional
            Instead of the one that it was fitted with.
        representation : object, optional
            The fitted transformer, if the model reads vectors of one of your own: that is not
            stored, but what it makes of some training series is, and must be the same.

        Raises
        ------
        StoreError
            If it is no model folder, was altered or damaged, or was written by a newer multitide.
        ParameterError
            If `representation` is missing, or is another one.
        """
        stored = load_model(Path(folder), representation)
        estimator = cls(**stored.params)
        if device is not None:
            estimator.set_params(device=device)
        estimator.history_, estimator.pretrain_history_ = read_history(Path(folder)), pd.DataFrame()
        return estimator._take(stored)
