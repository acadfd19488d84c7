"""Explain a fitted model: which inputs matter for which task, and why one sample got its answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from multitide._checks import check_positive_int, check_seed, check_type, counted
from multitide._require_fitted import require_fitted
from multitide._torch_defaults import torch_defaults
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.errors import DataError
from multitide.fitting._data_sets import check_names
from multitide.model._fitted_model import FittedModel
from multitide.model._schema import DataRecord
from multitide.reasons._explanation import Explanation
from multitide.reasons._gradients import check_row, explain_sample
from multitide.reasons._importance import judges_of, permutation_importance
from multitide.reasons._input_parts import Groups, input_parts
from multitide.tasks import label_names


@torch_defaults()
def explain(
    model: FittedModel,
    samples: Samples | Mapping[str, Samples],
    *,
    row: int | None = None,
    n_segments: int = 8,
    groups: Groups | None = None,
    n_repeats: int = 5,
    max_samples: int = 1000,
    random_state: int = 0,
) -> Explanation:
    """Say which inputs the predictions of a fitted model rest on.

    Permutation importance [1]_: a channel, a static input or a segment of time of every sample is
    replaced by that of another sample, and the loss rises by as much as the predictions rest on
    it. What changes hands is a whole channel with its missing values; a donor of another length is
    stretched to that of the sample. The labels must not be those of the training set, or the
    importance is that of what the model has learned by heart.

    With `row`, also integrated gradients [2]_ for one sample: how much each value of its series
    moves the answer away from that for its baseline, the series in which every value is the one
    that replaces missing values. They sum to this difference.

    Parameters
    ----------
    model : MultiTaskEstimator or Ensemble
        A fitted model. Integrated gradients need an estimator whose network reads the series.
    samples : Samples, or dict with one Samples
        The data; for a model of several data sets with the name of one.
    row : int, optional
        Number of the sample to explain, from 0. Needs Captum: ``pip install "multitide[explain]"``.
    n_segments : int, default=8
        Number of equal parts of the series that are permuted, all channels together.
    groups : dict of str to list, list of lists, or "correlated", optional
        Channels and static inputs that are permuted together. A channel that others repeat looks
        unimportant alone, because the model finds its values there. "correlated" forms the groups
        of channels with a rank correlation of 0.8 or more.
    n_repeats : int, default=5
        How often each part is permuted; the intervals are over the repeats.
    max_samples : int, default=1000
        At most so many samples are used, drawn at random.
    random_state : int, default=0
        Seed of the samples and permutations.

    Returns
    -------
    Explanation
        Tables; :func:`write_explanation` makes a page of it.

    Raises
    ------
    ParameterError
        If an argument is invalid, or the model has no gradients to explain `row` with.
    DataError
        If there is no label of any task, and no `row`.

    References
    ----------
    .. [1] Breiman, "Random Forests", Machine Learning 45, 2001; Fisher, Rudin and Dominici, "All
       Models are Wrong, but Many are Useful", JMLR 20, 2019.
    .. [2] Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017.
       https://arxiv.org/abs/1703.01365

    Examples
    --------
    >>> import multitide as mt
    >>> samples = mt.simulate_rig(n_runs=60, random_state=0)
    >>> estimator = mt.MultiTaskEstimator(backbone="fcn", max_epochs=2, random_state=0, verbose=0)
    >>> found = mt.explain(estimator.fit(samples), samples, n_segments=4, n_repeats=2)
    >>> found.importance.columns[:4].tolist()
    ['task', 'kind', 'input', 'loss']
    """
    check_type("model", model, FittedModel, "Give a fitted estimator or ensemble.")
    require_fitted(model, "tasks_")
    check_positive_int("n_repeats", n_repeats)
    check_positive_int("max_samples", max_samples)
    check_seed("random_state", random_state)
    data_sets = DataSets(samples)
    data = data_sets.only("`explain`")
    record = _record(model, data_sets)
    if row is not None:
        check_row(row, data)
    drawn = _drawn(data, max_samples, random_state)
    parts = input_parts(drawn, n_segments, groups)
    judges = judges_of(model, drawn, record.tasks)
    if not judges and row is None:
        raise DataError(
            f"`samples` must have labels of {label_names(model.tasks_)}; "
            f"got none in {counted(len(drawn), 'sample')}. "
            "Without labels, single samples can be explained: give `row`."
        )
    if len(drawn) < 2 and row is None:
        raise DataError(
            "`samples` must be at least two, which exchange their values; got 1."
        )
    sample = None
    notes: list[str] = []
    if row is not None:
        sample, notes = explain_sample(model, data, record, row)
    importance, scores = pd.DataFrame(columns=["task", "kind", "input"]), pd.DataFrame()
    if judges and len(drawn) > 1:
        importance, scores = permutation_importance(
            model, drawn, next(iter(data_sets)), parts, judges, n_repeats, random_state
        )
    elif row is not None:
        notes.append("The data have no labels, so nothing was permuted.")
    return Explanation(importance, scores, sample, len(drawn), n_repeats, notes)


def _drawn(samples: Samples, most: int, seed: int) -> Samples:
    """Return at most so many samples, in their order."""
    if len(samples) <= most:
        return samples
    rows = np.random.default_rng(seed).choice(len(samples), most, replace=False)
    return samples[np.sort(rows)]


def _record(model: FittedModel, data_sets: DataSets) -> DataRecord:
    """Return the data set of the model that the samples belong to."""
    records = {record.name: record for record in model.data_}
    if not data_sets.named and len(records) == 1:
        return model.data_[0]
    check_names(data_sets, list(records), "samples")
    return records[next(iter(data_sets))]
