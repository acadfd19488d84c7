"""The ensemble: several fitted estimators that predict together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from multitide._budget import parse_budget
from multitide._checks import as_path, check_positive_int
from multitide._estimator import MultiTaskEstimator
from multitide._require_fitted import require_fitted
from multitide._result_folder import new_folder
from multitide._silence import silent_on_request
from multitide.calibration._calibrated_label import calibration_table
from multitide.calibration._calibration import Calibration
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.data._splitter import Splitter
from multitide.engines._make_engine import make_engine
from multitide.ensemble._average import deciding_targets, mean, spread
from multitide.ensemble._calibrate_mean import calibrated_mean
from multitide.ensemble._combine import combined_predictions
from multitide.ensemble._contribution_table import contribution_table
from multitide.ensemble._decide_mean import decided_mean
from multitide.ensemble._fit_members import fit_members
from multitide.ensemble._plan import BEST, check_members, members_tasks
from multitide.ensemble._portfolio import best_members, check_base
from multitide.ensemble._progress import show_fit
from multitide.ensemble._store import EnsembleResult, read_ensemble, write_ensemble
from multitide.ensemble._with_trees_again import with_trees_again
from multitide.errors import ParameterError
from multitide.exporting._exportable import ExportableModel
from multitide.fitting._data_sets import (
    Data,
    Labels,
    SampleWeight,
    Series,
    held_out_sets,
    resolve_shared_tasks,
    to_data_sets,
)
from multitide.fitting._decide import decision_table
from multitide.fitting._recipe import resolve_seed
from multitide.fitting._splits_of_seeds import splits_of_seeds
from multitide.fitting._validation_split import check_validation
from multitide.fitting._weighed import weighed_by_name, weighed_sets
from multitide.model._prediction import TargetsByTask
from multitide.model._weighted_fit import WeightedFit
from multitide.tasks import Task, task_names
from multitide.training._decode_samples import Decoded


class Ensemble(ExportableModel, BaseEstimator):  # type: ignore[misc]
    """Several estimators, each fitted with several seeds, that predict every task together.

    Each seed holds out validation samples of its own. The prediction of a member is the mean of its
    fits, and the prediction of the ensemble the weighted mean of its members. The weights are
    chosen for each task on the samples that the fits held out, and follow greedy selection [1]_ the
    more, the more labels there are. Then trees are grown again on all samples (``training.refit``),
    unless you give validation samples of your own.

    Parameters
    ----------
    members : MultiTaskEstimator, dict of str to MultiTaskEstimator, or "best", default="best"
        What is fitted. One estimator is an ensemble of its seeds. ``tasks`` must be the same for
        all members; ``validation``, ``random_state`` and ``verbose`` of the members are not used.
        "best" stands for members of different families that suit the data, the fastest first; see
        :func:`best_members`.
    base : MultiTaskEstimator, optional
        With "best": its parameters hold for every member that does not need others.
    n_seeds : int, default=5
        Number of fits of each member.
    budget : str or float, optional
        A time such as "10m", or seconds. The members are fitted in their order, first with one
        seed, then with the next. No fit begins that is not expected to end in time, networks stop
        early, and other fits that take too long are dropped, unless there is no other.
    validation : float, Splitter or None, default=0.15
        The samples that each seed holds out, as in :class:`MultiTaskEstimator`. Each seed holds out
        others: drawn anew, or by time an earlier block. None: all members have equal weights.
    engine : {"local", "ray"}, default="local"
        Where fits are computed: on this machine, or on the Ray cluster of ``RAY_ADDRESS``.
    n_jobs : int, optional
        Number of fits at a time, each with one thread. Default: one per core.
    random_state : int, optional
        The first seed.
    verbose : int, default=1
        0: silent; 1: one line per fit.

    Attributes
    ----------
    members_ : dict of str to list of MultiTaskEstimator
        The fitted estimators.
    weights_ : DataFrame
        One row per member, one column per task; columns sum to 1.
    contributions_ : DataFrame
        One row per task and member: ``weight``, ``validation_loss`` (of the member's mean
        prediction on the validation samples, in units of the trivial loss), and ``n_fits``. The row
        "ensemble" has the loss of the weighted mean; it is slightly optimistic, because the weights
        were chosen on these samples.
    calibration_ : DataFrame
        What calibration of the mean changes, as in :class:`MultiTaskEstimator`; the members alone
        are not calibrated.
    tasks_, classes_, history_, seed_, seconds_
        As in :class:`MultiTaskEstimator`; ``history_`` has the columns ``member`` and ``seed``.

    References
    ----------
    .. [1] Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models",
       ICML 2004.

    Examples
    --------
    >>> import multitide as mt
    >>> samples = mt.simulate_rig(n_runs=60, random_state=0)
    >>> network = mt.MultiTaskEstimator(backbone="fcn", max_epochs=2)
    >>> ensemble = mt.Ensemble(network, n_seeds=2, random_state=0, verbose=0).fit(samples)
    >>> ensemble.weights_.shape
    (1, 4)
    """

    def __init__(
        self,
        members: MultiTaskEstimator | Mapping[str, MultiTaskEstimator] | str = BEST,
        *,
        base: MultiTaskEstimator | None = None,
        n_seeds: int = 5,
        budget: str | float | None = None,
        validation: float | Splitter | None = 0.15,
        engine: str = "local",
        n_jobs: int | None = None,
        random_state: int | None = None,
        verbose: int = 1,
    ) -> None:
        self.members = members
        self.base = base
        self.n_seeds = n_seeds
        self.budget = budget
        self.validation = validation
        self.engine = engine
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @silent_on_request
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
        folder: str | Path | None = None,
    ) -> Self:
        """Fit all members, and choose their weights.

        Parameters
        ----------
        X, y, static, groups, time, time_format, sample_weight
            As in :meth:`MultiTaskEstimator.fit`.
        validation : Samples or (X, y), optional
            Validation set of all seeds, in place of samples held out from `X`.
        folder : path, optional
            Keeps finished fits, so that an interrupted call continues when it is repeated with the
            same data and the same `random_state`.

        Returns
        -------
        Ensemble
            This ensemble, fitted.

        Raises
        ------
        ParameterError
            With every wrong parameter.
        DataError
            With what is wrong with the data, or if no fit succeeded.
        """
        self.check()
        check_positive_int("n_seeds", self.n_seeds)
        parse_budget(self.budget)
        check_validation(self.validation)
        seed = resolve_seed(self.random_state)
        data_sets = to_data_sets(
            X,
            y,
            static=static,
            groups=groups,
            time=time,
            time_format=time_format,
            sample_weight=sample_weight,
        )
        members = self.members_for(data_sets)
        tasks = resolve_shared_tasks(members_tasks(members), data_sets)
        data_sets = weighed_sets(data_sets, tasks)
        held_out = weighed_by_name(held_out_sets(validation), tasks)
        members = with_trees_again(members, held_out)
        splits = splits_of_seeds(
            data_sets, tasks, held_out, self.validation, self.n_seeds, seed
        )
        return self.fit_splits(members, tasks, splits, seed, folder=folder)

    def check(self) -> None:
        """Raise unless the members, or the base of the default ones, can be fitted together."""
        members = check_members(self.members)
        if not members:
            check_base(self.base)
        elif self.base is not None:
            raise ParameterError(
                f"`base` must be left out unless `members` is 'best'; got {self.base!r}."
            )

    def members_for(
        self,
        data_sets: Mapping[str, Samples],
        tasks: Sequence[str | Task] | None = None,
    ) -> dict[str, MultiTaskEstimator]:
        """Return the members by name, for "best" those that suit the data and the tasks."""
        members = check_members(self.members)
        if members:
            return members
        return check_members(best_members(data_sets, self.base, tasks))

    def fit_splits(
        self,
        members: Mapping[str, MultiTaskEstimator],
        tasks: Sequence[Task],
        splits: Sequence[Sequence[SplitData]],
        seed: int,
        *,
        folder: str | Path | None = None,
    ) -> Self:
        """Fit all members on given splits; :meth:`fit` and :func:`run_fit` call it.

        Parameters
        ----------
        members : dict of str to MultiTaskEstimator
            Checked members.
        tasks : sequence of Task
            With declared kinds.
        splits : sequence of list of SplitData
            The data sets, as each seed divides them.
        seed : int
            The first seed.
        folder : path, optional
            As in :meth:`fit`.
        """
        devices = [member.device for member in members.values()]
        result = fit_members(
            members,
            tasks,
            splits,
            seed,
            folder=folder,
            engine=make_engine(self.engine, self.n_jobs, devices),
            seconds=parse_budget(self.budget),
            listener=show_fit if self.verbose else None,
        )
        self._take_result(result)
        predict = self.decode_as_trained
        calibrated = calibrated_mean(result, members, splits[0], self._by_task, predict)
        return self._take_result(decided_mean(calibrated))

    def predict_spread(
        self, X: Data, *, static: pd.DataFrame | None = None
    ) -> dict[str, np.ndarray] | dict[str, dict[str, np.ndarray]]:
        """Return how far the fits disagree, by task.

        Returns
        -------
        dict of str to ndarray
            The weighted standard deviation of the fits' predictions, of the shape that
            :meth:`decode` returns: of probabilities, or of numbers in the units of the labels. A
            dict by data set if `X` is a dict.
        """
        require_fitted(self, "result_")
        data_sets = to_data_sets(X, static=static)
        # Without a name for it, mypy would infer a union within a union.
        found = data_sets.like_input(
            combined_predictions(self.result_, self._by_task, data_sets, spread)
        )
        return found  # noqa: RET504

    def save(self, folder: str | Path) -> Path:
        """Write the ensemble as a new folder, with the model of every fit.

        Raises
        ------
        StoreError
            If `folder` exists already or cannot be written.
        """
        require_fitted(self, "result_")
        folder = as_path("folder", folder)
        with new_folder(folder) as draft:
            write_ensemble(self.result_, draft)
        return folder

    @classmethod
    def load(cls, folder: str | Path, *, device: str | None = None) -> Self:
        """Read an ensemble's folder, or the folder of a run with an ensemble.

        Parameters
        ----------
        folder : path
            The ensemble's folder.
        device : str, optional
            In place of the devices that its members were fitted with.

        Raises
        ------
        StoreError
            If it holds no ensemble, or was altered or damaged.
        """
        result = read_ensemble(as_path("folder", folder), device)
        members = {}
        for name, member in result.members.items():
            first = next(iter(member.fits.values()))
            members[name] = MultiTaskEstimator(**first.get_params(deep=False))
        n_seeds = max(len(member.fits) for member in result.members.values())
        ensemble = cls(members, n_seeds=n_seeds, random_state=result.seed)
        return ensemble._take_result(result)

    @property
    def weights_(self) -> pd.DataFrame:
        """The weight of each member per task."""
        require_fitted(self, "result_")
        rows = {}
        for name, member in self.result_.members.items():
            rows[name] = member.weights
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("member")

    @property
    def contributions_(self) -> pd.DataFrame:
        """One row per task and member."""
        require_fitted(self, "result_")
        return contribution_table(self.result_, task_names(self.tasks_))

    def _take_result(self, result: EnsembleResult) -> Self:
        """Set the fitted attributes, after fitting or loading."""
        self.result_ = result
        fits, histories = [], []
        self.members_ = {}
        for name, member in result.members.items():
            self.members_[name] = list(member.fits.values())
            for estimator in member.fits.values():
                fits.append(estimator)
                history = estimator.history_.copy()
                history.insert(0, "seed", estimator.seed_)
                history.insert(0, "member", name)
                histories.append(history)
        first = fits[0]
        self.tasks_: list[Task] = first.tasks_
        self.data_ = first.data_
        self.history_ = pd.concat(histories, ignore_index=True)
        self.seed_, self.seconds_ = result.seed, result.seconds
        self.n_labelled_ = first.n_labelled_
        self.channels_, self.reading_ = first.channels_, first.reading_
        self.n_timepoints_in_ = first.n_timepoints_in_
        self.n_channels_in_ = first.n_channels_in_
        names = task_names(self.tasks_)
        predictors = [estimator.model_ for estimator in fits]
        self._by_task = deciding_targets(
            predictors, names, result.decisions, result.calibrated
        )
        self.decisions_ = decision_table(result.decisions)
        self.targets_ = TargetsByTask(self._by_task)
        self.scores_ = result.calibration.scores
        self.calibration_ = calibration_table(result.calibrated)
        return self

    @property
    def weighted_fits(self) -> list[WeightedFit]:
        """The fits that have a weight in some task."""
        return self.result_.weighted_fits

    @property
    def calibration_of_mean(self) -> Calibration:
        """What is applied to the weighted mean of the fits."""
        return self.result_.calibration

    def decode_data_sets(self, data_sets: DataSets) -> dict[str, Decoded]:
        """Return the weighted mean predictions of each task, by data set."""
        calibrate = self.calibration_of_mean
        calibrated = {}
        for name, decoded in self.decode_as_trained(data_sets).items():
            calibrated[name] = calibrate.of_arrays(decoded)
        return calibrated

    def decode_as_trained(self, data_sets: DataSets) -> dict[str, Decoded]:
        """Return what `decode_data_sets` would without calibration."""
        return combined_predictions(self.result_, self._by_task, data_sets, mean)
