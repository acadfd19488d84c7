"""Integrated gradients: what each value of one series contributes to the answer for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from multitide._estimator import MultiTaskEstimator
from multitide._ready_to_predict import ready_to_predict
from multitide._require_extra import require_extra
from multitide.data._samples import Samples
from multitide.encodings._double_center import DoubleCenter
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._static import StaticLayer
from multitide.errors import ParameterError
from multitide.model._fitted_model import FittedModel
from multitide.model._prediction import check_like_training
from multitide.model._schema import DataRecord
from multitide.network._forest_head import ForestHead
from multitide.network._network import Network, Predictor
from multitide.reasons._explanation import SampleReasons, TaskReasons
from multitide.tasks import SurvivalTarget, Target

N_STEPS = 64  # of the integral
PER_CALL = 16  # series that go through the network at once
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Answer:
    """What is explained of a prediction: one column of it, or the mean of all."""

    words: str
    column: int | None = None

    def of(self, decoded: Tensor) -> Tensor:
        """Return the answer for each row, (batch,)."""
        if decoded.ndim == 1:
            return decoded
        if self.column is None:
            return decoded.mean(dim=1)
        return decoded[:, self.column]


def check_row(row: object, samples: Samples) -> None:
    """Raise unless `row` is the number of a sample."""
    is_number = isinstance(row, Integral) and not isinstance(row, bool)
    if not is_number or not 0 <= int(row) < len(samples):  # type: ignore[call-overload]
        raise ParameterError(
            f"`row` must be the number of a sample, from 0 to {len(samples) - 1}; "
            f"got {row!r}."
        )


def explain_sample(
    model: FittedModel, samples: Samples, record: DataRecord, row: int
) -> tuple[SampleReasons, list[str]]:
    """Return the integrated gradients of every task for one sample, and notes for the reader.

    Raises
    ------
    MissingDependencyError
        If Captum is not installed.
    ParameterError
        If no network of the model has gradients.
    """
    model = _estimator(model)
    sample = samples[[row]]
    check_like_training(model.model_, sample, record)
    shares = tree_shares(model.model_, record.name, record.tasks)
    explained = [task for task in record.tasks if shares[task] < 1]
    if not explained:
        raise ParameterError(
            "`row` must be left out: trees alone predict the tasks, and trees have no gradient. "
            "Permutation importance works for them."
        )
    predictor = ready_to_predict(model.model_, CPU)
    gradients = _Gradients(predictor, sample, record.name)
    tasks = {}
    for task in explained:
        tasks[task] = gradients.reasons(task, shares[task])
    series = sample.gather([0])[0]
    found = SampleReasons(row, _origin(sample), sample.channels, series, tasks)
    return found, _notes(shares, sample)


def _estimator(model: FittedModel) -> MultiTaskEstimator:
    """Return the model if it has gradients with respect to series."""
    if not isinstance(model, MultiTaskEstimator):
        raise ParameterError(
            "`row` must be left out for an ensemble, which has no single network; "
            "permutation importance works. Or explain one of `ensemble.members_`."
        )
    if model.representation_ is not None:
        raise ParameterError(
            "`row` must be left out for a model that reads a representation, which has no "
            "gradient with respect to the series; permutation importance works."
        )
    return model


def tree_shares(
    predictor: Predictor, data_set: str, tasks: list[str]
) -> dict[str, float]:
    """Return the weight of trees in the prediction of each task."""
    shares = dict.fromkeys(tasks, 0.0)
    for (network, names), weights in zip(
        predictor.pairs, predictor.shares, strict=True
    ):
        if data_set not in network.data_sets:
            continue
        heads = dict(zip(network.names, network.heads, strict=True))
        for name in names:
            if name in shares and isinstance(heads[name], ForestHead):
                shares[name] += weights.get(name, 1.0)
    return shares


def _notes(shares: dict[str, float], sample: Samples) -> list[str]:
    """Say which parts of the answers and of the input have no gradient."""
    notes = []
    alone = [task for task, share in shares.items() if share == 1]
    partly = []
    for task, share in shares.items():
        if 0 < share < 1:
            partly.append(f"{task} {share:.0%}")
    if alone:
        notes.append(
            f"Trees alone predict {', '.join(alone)}; they have no gradient, so there is no "
            "picture of the sample."
        )
    if partly:
        notes.append(
            "Trees have no gradient: the pictures show the part of the network. "
            f"Weight of the trees: {', '.join(partly)}."
        )
    if sample.categories:
        notes.append(
            f"Categories have no gradient: {', '.join(sample.categories)} contribute 0 in the "
            "pictures."
        )
    return notes


class _Gradients:
    """The series and static inputs of one sample, and their baseline."""

    def __init__(self, predictor: Predictor, sample: Samples, data_set: str) -> None:
        self.predictor = predictor
        self.data_set = data_set
        networks = [network for network, _ in predictor.networks_for(data_set)]
        self.reads_static = [network.static is not None for network in networks]
        x = torch.from_numpy(np.ascontiguousarray(sample.gather([0])))
        stem = _stem(networks, data_set)
        inputs, baselines = [x], [_baseline(stem[0], x)]
        self.static_names: list[str] = []
        for network in networks:
            static = network.encode_static(sample, network.data_sets.index(data_set))
            if static is not None and stem[1] is not None:
                raw = torch.from_numpy(static)
                self.static_names = list(stem[1].categories)
                inputs.append(raw)
                baselines.append(_static_baseline(stem[1], raw))
                break
        self.missing = [each.isnan() for each in inputs]
        self.inputs = tuple(each.nan_to_num() for each in inputs)
        self.baselines = []
        for each, missing in zip(baselines, self.missing, strict=True):
            self.baselines.append(each.masked_fill(missing, 0.0))

    def decoded(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return the predictions for series and static inputs without NaN."""
        raw = []
        for each, missing in zip(inputs, self.missing, strict=True):
            raw.append(each.masked_fill(missing, torch.nan))
        statics: list[Tensor | None] = []
        for reads in self.reads_static:
            statics.append(raw[1] if reads and len(raw) > 1 else None)
        return self.predictor(raw[0], None, statics, self.data_set)  # type: ignore[no-any-return]

    def reasons(self, task: str, tree_share: float) -> TaskReasons:
        """Return the contributions to the answer of a task."""
        target = self.predictor.target(task)
        with torch.no_grad():
            known = self.decoded(*self.inputs)[task]
            without = self.decoded(*self.baselines)[task]
        answer = answer_of(target, known.numpy())

        def forward(*inputs: Tensor) -> Tensor:
            return answer.of(self.decoded(*inputs)[task])

        found = integrated_gradients(forward, self.inputs, tuple(self.baselines))
        static = {}
        if self.static_names:
            values = found[1][0].tolist()
            static = dict(zip(self.static_names, values, strict=True))
        return TaskReasons(
            answer=answer.words,
            value=float(answer.of(known)[0]),
            baseline=float(answer.of(without)[0]),
            steps=found[0][0].double().numpy(),
            static=static,
            tree_share=tree_share,
        )


def integrated_gradients(
    forward: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    baselines: tuple[Tensor, ...],
) -> tuple[Tensor, ...]:
    """Return the contribution of each value, by Captum."""
    require_extra("explain", "Explaining a single sample")
    from captum.attr import IntegratedGradients

    found: tuple[Tensor, ...] = IntegratedGradients(forward).attribute(
        inputs, baselines, n_steps=N_STEPS, internal_batch_size=PER_CALL
    )
    return tuple(each.detach() for each in found)


def answer_of(target: Target, decoded: np.ndarray) -> Answer:
    """Return what is explained: the likeliest class, the median, or the number.

    Parameters
    ----------
    target : Target
        Of the task.
    decoded : ndarray, one row
        Its prediction.
    """
    task = target.task.name
    probabilities = target.probabilities(decoded)
    if probabilities is not None:
        column = int(probabilities.iloc[0].argmax())
        label = probabilities.columns[column]
        if probabilities.columns.name:
            return Answer(f"p({task} = {label})", column)
        return Answer(f"p({label})", column)
    if target.quantiles(decoded) is not None:
        column = int(np.flatnonzero(decoded[0] == target.point(decoded)[0])[0])
        return Answer(f"median of {task}", column)
    if isinstance(target, SurvivalTarget):
        return Answer(f"mean of the survival curve of {task}")
    if decoded.ndim > 1:
        return Answer(f"mean of {task} over its {decoded.shape[1]} values")
    return Answer(task)


def _stem(
    networks: list[Network], data_set: str
) -> tuple[InputLayer, StaticLayer | None]:
    """Return the input layers of a network that is no forest, if there is one."""
    for network in networks:
        if not any(isinstance(head, ForestHead) for head in network.heads):
            networks = [network]
            break
    stem = networks[0].stems[networks[0].data_sets.index(data_set)]
    return stem.inputs, stem.static


def _baseline(layer: InputLayer, x: Tensor) -> Tensor:
    """Return the series in which every number is the one that replaces missing values.

    Categories keep their values: codes in between mean nothing.
    """
    constant = _replacements(layer)[:, 0]
    baseline = x.clone()
    numeric = layer.numeric
    baseline[:, numeric] = constant[numeric][:, None].to(x.dtype)
    return baseline


def _static_baseline(layer: StaticLayer, raw: Tensor) -> Tensor:
    baseline = raw.clone()
    baseline[:, layer.number] = _replacements(layer).to(raw.dtype)
    return baseline


def _replacements(layer: DoubleCenter) -> Tensor:
    """Return what replaces missing values, in the unit of the raw values."""
    fill = layer.get_buffer("fill").double()
    gain = layer.gain.double()
    steps = torch.where(gain == 0, torch.zeros_like(fill), fill / gain)
    return layer.center.double() + steps


def _origin(sample: Samples) -> str:
    words = f"series {sample.series[0]}"
    if sample.time is not None:
        words += f", {pd.Series(sample.time).iloc[0]}"
    return words
