"""The estimator: the class that users fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from multitide._checks import as_path, check_type
from multitide._fit_as_planned import fit_as_planned
from multitide._folder_kinds import MODEL_FILE
from multitide._known_arguments import known_arguments, refuse_unknown
from multitide._open_checkpoint import with_stored_seed
from multitide._plan_fit import plan_fit
from multitide._require_fitted import require_fitted
from multitide._result_folder import new_folder, replaced_folder
from multitide._silence import silent_on_request
from multitide._torch_defaults import torch_defaults
from multitide.exporting._exportable import ExportableModel
from multitide.fitting._data_sets import (
    Data,
    Labels,
    SampleWeight,
    Series,
    held_out_sets,
    to_data_sets,
)
from multitide.fitting._fit_model import Fitted
from multitide.fitting._parameters import Parameters
from multitide.fitting._recipe import (
    PART_PARAMETERS,
    device_of_loaded,
    make_part,
    make_recipe,
)
from multitide.model._check_stored import checking
from multitide.model._history import (
    HISTORY,
    PRETRAINING,
    read_history,
)
from multitide.model._store import (
    StoredModel,
    load_model,
    refuse_more_than_a_model,
)
from multitide.model._write_folder import write_folder
from multitide.training._callbacks import Callback


class MultiTaskEstimator(ExportableModel, Parameters, BaseEstimator):  # type: ignore[misc]
    """Multi-task network for multivariate time series with classes, numbers and missing labels.

    Each task is trained on the samples that have its label.

    Parameters
    ----------
    tasks : list of Task or str, optional
        What to predict. A name stands for a column of ``y`` whose kind is inferred. Default: every
        column of ``y``.
    backbone : str or Backbone, default="auto"
        Network from series to features, as an object such as ``LSTMFCN(hidden_size=32)`` or by
        name. All parts can be given as an object, by name, or as a dict of their parameters. "auto"
        trains an "lstm_fcn" for all tasks (a "gru" where many values are missing, or for many
        samples), grows trees for each task, and predicts their weighted mean, with weights that the
        validation set chooses. Tasks with fewer than 2,000 labels also have forests and linear
        heads on convolutions ("rocket"); if all tasks have, no network is trained, unless you
        choose a setting of networks, such as `max_epochs`. There is only the network without a
        validation set, with several data sets, or if you choose how tasks share: with a `sharing`
        other than "hard" or "none", a `weighting` or an `aggregator`.
    inputs : Inputs, optional
        How raw series are clipped, imputed, scaled and encoded within the model.
    sharing : str or Sharing, default="hard"
        Which parameters the tasks share: all but the heads ("hard"), none ("none"), or some
        ("soft", ...).
    weighting : str or Weighting, default="uniform"
        How the losses of the tasks, each in units of its trivial loss (that of the best constant
        prediction), are combined to the loss that is minimised.
    aggregator : str or Aggregator, optional
        How the gradients of the tasks are combined ("pcgrad", "upgrad", ...), in place of a
        weighting.
    keep : {"joint", "per_task"}, default="joint"
        Keep the weights of the epoch with the lowest mean validation loss, or also those of the
        best epoch of each task.
    max_epochs : int or "auto", default="auto"
        Number of epochs of a full run. "auto" is as many as take 1,500 steps, from 12 to 100.
    batch_size : int or "auto", default="auto"
        Samples per step. "auto" is 128; for few samples less, at least 8, so that an epoch has
        about 20 steps.
    lr : float, default=0.002
        The maximum learning rate of the schedule.
    training : Training, optional
        Other settings of training: weight decay, schedule, patience, clipping, refit, ...
    validation : float, Splitter or None, default=0.15
        The validation set, which chooses the epoch. A fraction is held out by time if the samples
        are windows of few series with time stamps, by series if they are windows of many series,
        and otherwise at random. None: no validation set; the last epoch is kept.
    device : str, default="auto"
        "auto" (CUDA if available), "cpu", "cuda", "cuda:1".
    random_state : int, optional
        Seed. The same seed gives the same result on the same machine with the same number of
        threads. Small steps use one thread, unless ``OMP_NUM_THREADS`` is set.
    verbose : int, default=1
        0: silent, without log messages and warnings too; 1: a progress bar on a terminal, and a
        line per epoch elsewhere.

    Attributes
    ----------
    tasks_ : list of Task
        The tasks with their kinds.
    classes_ : dict of str to list
        The classes of each classification task, as in ``y``.
    model_ : Predictor
        The fitted module, from raw arrays to predictions in the units of the labels.
    history_ : DataFrame
        One row per epoch, task and set: ``loss`` (in units of the trivial loss), ``weight``,
        ``lr``, ``seconds``; for the validation set also ``metric`` and ``value`` of the main
        metric.
    pretrain_history_ : DataFrame
        The same for the pre-training; empty if there was none.
    trials_ : DataFrame
        The trials of ``weighting="search"``, one row per trial and task; empty for other
        weightings.
    candidates_ : DataFrame
        With ``backbone="auto"``, the validation loss of each candidate and its weight in the
        prediction, one row per task and candidate, and the loss of the weighted mean; empty for
        other backbones.
    decisions_ : DataFrame
        The thresholds that rules have chosen, one row each; see the guide on decisions.
    calibration_ : DataFrame
        The calibrated tasks and labels: ``method``, the set (``rows``) and the number of labels
        that were used, and the log loss before and after, on folds that were not fitted to.
    best_epoch_ : dict of str to int
        The epoch whose weights predict each task.
    n_labelled_ : dict of str to dict
        Number of labelled samples per task and set.
    n_channels_in_, n_timepoints_in_, channels_ : int, int, tuple of str
        Shape of the training series and names of their channels; dicts by name with several data
        sets.
    representation_ : Encoder or None
        The representation fitted to the series of the training set.
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

    def set_params(self, **params: object) -> Self:
        """Set parameters; ``backbone__num_layers`` sets one of a part, even if it has a name."""
        names = {key.partition("__")[0] for key in params}
        refuse_unknown(
            type(self).__name__, sorted(names), list(self._get_param_names())
        )
        for name in PART_PARAMETERS:
            if not any(key.startswith(f"{name}__") for key in params):
                continue
            value = params.pop(name, getattr(self, name))
            setattr(self, name, make_part(name, value))
        super().set_params(**params)
        return self

    @silent_on_request
    @known_arguments
    @torch_defaults()
    def fit(
        self,
        X: Data,
        y: Labels = None,
        *,
        static: pd.DataFrame | None = None,
        groups: Sequence[object] | None = None,
        time: Sequence[object] | None = None,
        time_format: str | None = None,
        sample_weight: SampleWeight = None,
        validation: Data | tuple[Series, Labels] | None = None,
        calibration: Data | tuple[Series, Labels] | None = None,
        start: MultiTaskEstimator | str | Path | None = None,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Fit all tasks, each on the samples that have its label.

        The generators of ``random``, NumPy and torch are seeded, and restored at the end. Fits in
        several threads of one process wait for each other; to train in parallel, use processes.

        Parameters
        ----------
        X : Samples, or array of shape (n_samples, n_channels, n_timepoints), or list of arrays
            The series, or a list of series (n_channels, n_timepoints_i) of different lengths; NaN
            for missing values. An array (n_samples, n_features) holds vectors. Tables of sktime and
            aeon ("pd-multiindex", "nested") are series too. For several data sets a dict of Samples
            by name: their channels, lengths and tasks may differ, and a label column that several
            have is one task.
        y : DataFrame, n_samples rows
            One column per task; NaN, None and blanks for missing labels. Not with `Samples`.
        static, groups, time, time_format : optional
            As `static`, `series`, `time` and `time_format` of :meth:`Samples.from_arrays`.
        sample_weight : sequence of n_samples numbers, or DataFrame, optional
            How much each sample counts: for all tasks, or with a column per task.
        validation : Samples or (X, y), optional
            In place of samples held out from `X`; a dict by name, with some of the data sets.
        calibration : Samples or (X, y), optional
            Calibration set, in the same way; see ``training.calibrate``.
        start : MultiTaskEstimator or path, optional
            A fitted model, or its folder, whose backbone training starts from, in place of
            ``training.start``; its heads are not used. ``training.freeze`` says which layers keep
            their weights.
        callbacks : sequence of Callback
            Called at every step of the training of a network; trees and linear heads have none.
        checkpoint : path, optional
            A folder for the state of the fit, written every ``training.checkpoint_minutes``. After
            a kill or Ctrl-C the same call continues there, and ends with the same model, bit by
            bit, as an undisturbed fit. The folder stays; delete it once the model is saved.

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
        StoreError
            If `checkpoint` holds another fit, or cannot be written.
        """
        folder = None if checkpoint is None else as_path("checkpoint", checkpoint)
        make_recipe(self.get_params(deep=False))  # wrong parameters come first
        data_sets = to_data_sets(
            X,
            y,
            static=static,
            groups=groups,
            time=time,
            time_format=time_format,
            sample_weight=sample_weight,
        )
        model: StoredModel | str | Path | None
        if isinstance(start, MultiTaskEstimator):
            require_fitted(start, "model_")
            model = start.stored_
        else:
            model = start
        plan = plan_fit(
            with_stored_seed(self.get_params(deep=False), folder),
            data_sets,
            held_out_sets(validation),
            model,
            held_out_sets(calibration),
        )
        params = self.get_params(deep=False)
        return self.take_fit(*fit_as_planned(params, plan, callbacks, folder))

    def take_fit(self, stored: StoredModel, fitted: Fitted) -> Self:
        """Become the estimator of a fit, with its history."""
        self.history_ = pd.DataFrame(fitted.history)
        self.pretrain_history_ = pd.DataFrame(fitted.pretrain_history)
        return self._take(stored)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model with its history as a folder, atomically.

        Parameters
        ----------
        folder : path
            Must not exist yet, unless `overwrite` is True.
        overwrite : bool, default=False
            Replace an earlier model. A folder that holds anything else, such as a run with its
            report, is never replaced.

        Raises
        ------
        StoreError
            If `folder` exists already, holds more than a model, or cannot be written.
        """
        require_fitted(self, "model_")
        folder = as_path("folder", folder)
        check_type("overwrite", overwrite, bool)
        if overwrite and folder.exists():
            refuse_more_than_a_model(folder)
            writing = replaced_folder(folder)
        else:
            writing = new_folder(folder)
        with writing as draft:
            write_folder(self.stored_, self.history_, self.pretrain_history_, draft)
        return folder

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str | None = None,
        representation: object = None,
    ) -> Self:
        """Read a model folder or a run folder; no pickle is involved.

        Parameters
        ----------
        folder : path
            The model's folder.
        device : str, optional
            In place of the device that it was fitted with. Default: that one, or "auto" where it
            does not exist.
        representation : object, optional
            The fitted transformer, if the model reads vectors of your own transformer. The
            transformer is not stored; its vectors of some training series are, and must be the
            same.

        Raises
        ------
        StoreError
            If it is not a model folder, was altered or damaged, or was written by a newer
            multitide.
        ParameterError
            If `representation` is missing or a different one.
        """
        folder = as_path("folder", folder)
        stored = load_model(folder, representation)
        with checking(folder / MODEL_FILE, "estimator"):
            estimator = cls(**stored.params)
        estimator.set_params(device=device_of_loaded(device, estimator.device))
        estimator.history_ = read_history(folder / HISTORY)
        estimator.pretrain_history_ = read_history(folder / PRETRAINING)
        return estimator._take(stored)

    @property
    def n_features_in_(self) -> object:
        """What scikit-learn calls the number of channels."""
        return self.n_channels_in_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags
