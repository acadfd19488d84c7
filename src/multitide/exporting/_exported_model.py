"""A fitted model as a module of tensors only: the weighted mean of its fits, calibrated."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from multitide.encodings._input_layer import InputLayer
from multitide.encodings._static import StaticLayer
from multitide.errors import ParameterError
from multitide.exporting._exported_fit import ExportedFit
from multitide.exporting._interval_output import interval_outputs
from multitide.model._aligned import aligned
from multitide.model._fitted_model import FittedModel
from multitide.model._schema import DataRecord
from multitide.network._forest import forests_of
from multitide.network._network import Predictor
from multitide.network._shared_features import SharedFeatures
from multitide.tasks import Target


class ExportedModel(nn.Module):
    """What the graph computes: the predictions of one data set's tasks.

    Parameters
    ----------
    model : FittedModel
        The fitted model or ensemble, which stays as it is.
    record : DataRecord
        The data set.

    Attributes
    ----------
    tasks : list of str
        The tasks that it predicts, in the order of the outputs.
    targets : dict of str to Target
        The target of each task.
    with_interval : list of str
        The tasks whose intervals are further outputs, in this order.
    static : StaticLayer or None
        Says which numbers stand for the static inputs.
    n_timepoints : int or None
        The only number of steps that it reads; None: any from `shortest` on.
    shortest : int
        Number of steps that an array must have.
    reads_lengths : bool
        Whether series may be shorter than the array that holds them.
    """

    def __init__(self, model: FittedModel, record: DataRecord) -> None:
        super().__init__()
        self.data_set = record.name
        self.tasks = list(record.tasks)
        self.targets = {task: model.targets_.target(task) for task in self.tasks}
        self.weights: list[dict[str, float]] = []
        fits, means = [], []
        weighted = model.weighted_fits
        for stored, weights in weighted:
            (own,) = [each for each in stored.data if each.name == record.name]
            fits.append(ExportedFit(stored, own))
            self.weights.append(weights)
            if len(weighted) > 1:
                means.append(AlignedFit(stored.predictor, self.targets))
        self.fits, self.means = nn.ModuleList(fits), nn.ModuleList(means)
        self.calibration = copy.deepcopy(model.calibration_of_mean).cpu()
        self.static = _common_static(fits)
        self.n_timepoints = _common_length(fits)
        self.shortest = max(fit.shortest for fit in fits)
        self.reads_lengths = all(fit.reads_lengths for fit in fits)
        intervals = interval_outputs(self.targets, model.scores_)
        self.with_interval = list(intervals)
        self.intervals = nn.ModuleList(intervals.values())

    @property
    def fit_list(self) -> list[ExportedFit]:
        """The fits, as a typed list."""
        return [each for each in self.fits if isinstance(each, ExportedFit)]

    @property
    def raw_layers(self) -> list[InputLayer]:
        """The layers that read the raw series."""
        layers = []
        for fit in self.fit_list:
            layers += fit.raw_layers
        return layers

    @property
    def series_dtype(self) -> torch.dtype:
        """The precision of the series: that of the subtraction of their centres."""
        for layer in self.raw_layers:
            if layer.center.dtype == torch.float64:
                return torch.float64
        return torch.float32

    def has_trees(self, task: str) -> bool:
        """Return whether trees take part in the prediction of a task."""
        for fit, weights in zip(self.fit_list, self.weights, strict=True):
            for network, names in fit.predictor.networks_for(self.data_set):
                if task in weights and task in names and forests_of(network):
                    return True
        return False

    def forward(
        self,
        series: Tensor,
        lengths: Tensor | None = None,
        static: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Return the predictions of each task as its target decodes them, then the intervals.

        Parameters
        ----------
        series : Tensor, shape (batch, channels, time)
            Raw series; NaN for missing values.
        lengths : Tensor of int64, shape (batch,), optional
            Number of valid steps of each series.
        static : Tensor, shape (batch, n_static), optional
            Static inputs as numbers and codes; see :meth:`StaticLayer.encode`.
        """
        decoded = self.calibration(self._mean(series, lengths, static))
        outputs = [decoded[task] for task in self.tasks]
        for task, interval in zip(self.with_interval, self.intervals, strict=True):
            outputs.append(interval(decoded[task]))
        return tuple(outputs)

    def _mean(
        self, series: Tensor, lengths: Tensor | None, static: Tensor | None
    ) -> dict[str, Tensor]:
        shared = SharedFeatures()
        if not len(self.means):
            only: dict[str, Tensor] = self.fit_list[0](series, lengths, static, shared)
            return only
        total: dict[str, Tensor] = {}
        for fit, align, weights in zip(
            self.fits, self.means, self.weights, strict=True
        ):
            for task, values in align(fit(series, lengths, static, shared)).items():
                if task in weights:
                    part = weights[task] * values
                    total[task] = total[task] + part if task in total else part
        return total


class AlignedFit(nn.Module):
    """The predictions of a fit with the classes and intervals of the ensemble, in float64.

    Where they differ, they are an affine map of the fit's own: its matrix is what becomes of zeros
    and of single ones.
    """

    def __init__(self, predictor: Predictor, targets: Mapping[str, Target]) -> None:
        super().__init__()
        self.places: dict[str, int] = {}
        self.matrices, self.offsets = nn.ParameterList(), nn.ParameterList()
        for task, target in targets.items():
            own = predictor.target(task)
            if own.to_config() == target.to_config() or own.n_outputs == 1:
                continue
            eye = np.eye(own.n_outputs)
            offset = aligned({task: 0 * eye}, predictor, targets)[task][0]
            matrix = aligned({task: eye}, predictor, targets)[task] - offset
            self.places[task] = len(self.matrices)
            self.matrices.append(_constant(matrix))
            self.offsets.append(_constant(offset))

    def forward(self, decoded: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the predictions by task."""
        found = {}
        for task, values in decoded.items():
            found[task] = values.double()
            if task in self.places:
                place = self.places[task]
                moved = found[task] @ self.matrices[place]
                found[task] = moved + self.offsets[place]
        return found


def _constant(values: np.ndarray) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(values), requires_grad=False)


def _common_length(fits: list[ExportedFit]) -> int | None:
    """Return the only length that some fits read; None if all read any."""
    known = {fit.n_timepoints for fit in fits} - {None}
    if len(known) > 1:
        raise ParameterError(
            "`model` must have fits that read series of the same length to be exported; "
            f"got {sorted(filter(None, known))}. Use members that read any length."
        )
    return next(iter(known), None)


def _common_static(fits: list[ExportedFit]) -> StaticLayer | None:
    """Return the layer whose codes all networks read; None without static inputs."""
    layers = []
    for fit in fits:
        layers += fit.statics
    for layer in layers:
        if layer.categories != layers[0].categories:
            raise ParameterError(
                "`model` must have networks that know the same categories of "
                "static inputs to be exported; got different ones. "
                "Train it again without `static` of rare categories."
            )
    if layers:
        return layers[0]
    return None
