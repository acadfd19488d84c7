"""A fitted model as a module of tensors only, from raw series to decoded predictions."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from multitide.encodings._static import StaticLayer
from multitide.errors import ParameterError
from multitide.exporting._interval_output import interval_outputs
from multitide.model._schema import DataRecord
from multitide.network._network import Network, Predictor
from multitide.sharing._across import for_data_set


class ExportedModel(nn.Module):
    """What the graph computes: the predictions of one data set's tasks.

    Parameters
    ----------
    predictor : Predictor
        The fitted model, which stays as it is.
    record : DataRecord
        The data set.

    Attributes
    ----------
    tasks : list of str
        The tasks that it predicts, in the order of the outputs.
    with_interval : list of str
        The tasks whose intervals are further outputs, in this order.
    static : StaticLayer or None
        Says which numbers stand for the static inputs.
    n_timepoints : int or None
        The only number of steps that it reads; None: any from `shortest` on.
    shortest : int
        Length of the shortest series that it reads.
    reads_lengths : bool
        Whether series may be shorter than the array that holds them.
    """

    def __init__(self, predictor: Predictor, record: DataRecord) -> None:
        super().__init__()
        self.predictor = copy.deepcopy(predictor).cpu().eval()
        self.data_set = record.name
        self.tasks = list(record.tasks)
        networks = self.network_list
        self.static = _common_static(networks, record.name)
        self.n_timepoints: int | None = None
        self.shortest, self.reads_lengths = 1, True
        for network in networks:
            if network.backbone is None:
                continue
            pool = network.stems[0].inputs.spec.pool
            needed = (network.backbone.min_timepoints - 1) * pool + 1
            self.shortest = max(self.shortest, needed)
            if network.backbone.needs_equal_lengths:
                self.reads_lengths = False
            fixed = network.backbone.fixes_length or record.n_timepoints == 1
            if fixed or network.backbone.needs_equal_lengths:
                self.n_timepoints = record.n_timepoints
        self._keep_only(record.name)
        targets = {task: predictor.target(task) for task in self.tasks}
        intervals = interval_outputs(targets, predictor.calibration.scores)
        self.with_interval = list(intervals)
        self.intervals = nn.ModuleList(intervals.values())

    @property
    def network_list(self) -> list[Network]:
        """The networks that predict the tasks."""
        pairs = self.predictor.networks_for(self.data_set)
        return [network for network, _ in pairs]

    def _keep_only(self, data_set: str) -> None:
        """Put the layers of one data set in the place of those of all."""
        views = []
        for network in self.predictor.network_list:
            if data_set in network.data_sets:
                position = network.data_sets.index(data_set)
                views.append(for_data_set(network, position))
            else:
                views.append(network)
        self.predictor.networks = nn.ModuleList(views)

    @property
    def series_dtype(self) -> torch.dtype:
        """The precision of the series: that of the subtraction of their centres."""
        for network in self.network_list:
            for stem in network.stems:
                if stem.name == self.data_set and (
                    stem.inputs.center.dtype == torch.float64
                ):
                    return torch.float64
        return torch.float32

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
        statics = [static] * len(self.network_list)
        decoded = self.predictor(series, lengths, statics, self.data_set)
        outputs = [decoded[task] for task in self.tasks]
        for task, interval in zip(self.with_interval, self.intervals, strict=True):
            outputs.append(interval(decoded[task]))
        return tuple(outputs)


def _common_static(networks: list[Network], data_set: str) -> StaticLayer | None:
    """Return the layer whose codes all networks read; None without static inputs."""
    layers = []
    for network in networks:
        for stem in network.stems:
            if stem.name == data_set and stem.static is not None:
                layers.append(stem.static)
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
