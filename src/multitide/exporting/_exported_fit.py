"""One fit as a module of tensors only, from raw series to decoded predictions."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from multitide.backbones import Trees
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._representation import Encoder
from multitide.encodings._static import StaticLayer
from multitide.errors import ParameterError
from multitide.model._schema import DataRecord
from multitide.model._store import StoredModel
from multitide.network._network import Network
from multitide.network._shared_features import SharedFeatures
from multitide.representations._representation import SeriesEncoder
from multitide.sharing._across import for_data_set

# An export of trees needs so many steps, for changes of changes; series may be shorter.
STEPS_OF_TREES = 3


class ExportedFit(nn.Module):
    """What a fit computes for the series of one data set.

    Parameters
    ----------
    stored : StoredModel
        The fit, which stays as it is.
    record : DataRecord
        The data set.

    Attributes
    ----------
    statics : list of StaticLayer
        The layers that read the static inputs.
    n_timepoints : int or None
        The only number of steps that it reads; None: any from `shortest` on.
    shortest : int
        Number of steps that an array must have.
    reads_lengths : bool
        Whether series may be shorter than the array that holds them.
    """

    def __init__(self, stored: StoredModel, record: DataRecord) -> None:
        super().__init__()
        self.predictor = copy.deepcopy(stored.predictor).cpu().eval()
        self.encoder = _as_module(stored.encoder)
        self.data_set = record.name
        self.n_timepoints: int | None = None
        self.shortest, self.reads_lengths = 1, stored.encoder is None
        if self.encoder is None:
            for network in self.network_list:
                self._read_limits(network, record.n_timepoints)
        self._keep_only(record.name)

    def _read_limits(self, network: Network, n_timepoints: int) -> None:
        """Note the lengths that a network reads."""
        backbone = network.backbone
        if backbone is None:
            return
        is_fixed = backbone.fixes_length or n_timepoints == 1
        if backbone.needs_equal_lengths:
            self.reads_lengths, is_fixed = False, True
        least = backbone.min_timepoints
        if isinstance(backbone, Trees):
            least = STEPS_OF_TREES
        # Of the series itself, of which the layers may read means of blocks.
        needed = (least - 1) * network.stems[0].inputs.spec.pool + 1
        if isinstance(backbone, Trees) and n_timepoints < needed:
            is_fixed = True
        else:
            self.shortest = max(self.shortest, needed)
        if is_fixed:
            self.n_timepoints = n_timepoints

    @property
    def network_list(self) -> list[Network]:
        """The networks that predict the tasks."""
        pairs = self.predictor.networks_for(self.data_set)
        return [network for network, _ in pairs]

    @property
    def statics(self) -> list[StaticLayer]:
        """The layers of static inputs."""
        layers = []
        for network in self.network_list:
            for stem in network.stems:
                if stem.name == self.data_set and stem.static is not None:
                    layers.append(stem.static)
        return layers

    @property
    def raw_layers(self) -> list[InputLayer]:
        """The layers that read the raw series."""
        if self.encoder is not None:
            return [self.encoder.layer]
        layers = []
        for network in self.network_list:
            for stem in network.stems:
                if stem.name == self.data_set:
                    layers.append(stem.inputs)
        return layers

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

    def forward(
        self,
        series: Tensor,
        lengths: Tensor | None,
        static: Tensor | None,
        shared: SharedFeatures,
    ) -> dict[str, Tensor]:
        """Return the predictions of each task as its target decodes them.

        `shared` are the features of the series, which other fits read too.
        """
        if self.encoder is not None:
            series = self.encoder(series)[:, :, None]
            shared = SharedFeatures()  # its vectors are of this fit only
        statics = [static] * len(self.network_list)
        decoded: dict[str, Tensor] = self.predictor(
            series, lengths, statics, self.data_set, shared
        )
        return decoded


class ExportedEncoder(nn.Module):
    """Raw series of equal length to vectors."""

    def __init__(self, encoder: SeriesEncoder) -> None:
        super().__init__()
        self.layer = copy.deepcopy(encoder.layer).cpu().eval()
        self.module = copy.deepcopy(encoder.as_module()).cpu().eval()

    def forward(self, series: Tensor) -> Tensor:
        """Return vectors, (batch, n_features)."""
        vectors: Tensor = self.module(self.layer(series))
        return vectors.to(torch.float32)


def _as_module(encoder: Encoder | None) -> ExportedEncoder | None:
    if encoder is None:
        return None
    if isinstance(encoder, SeriesEncoder):
        return ExportedEncoder(encoder)
    raise ParameterError(
        "`model` must have a representation by name, such as minirocket, to be exported; "
        f"got {type(encoder).__name__}. Use `start` to train on from a model's weights."
    )
