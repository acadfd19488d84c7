"""Three further ways of sharing, as experiments: MMoE, PLE and trace-norm sharing; further_sharings.py measures them.

Importing this module registers them (docs/adding-a-part.md), so that ``sharing="mmoe"`` works in
Python and in studies. A study's processes import it too when they are handed one of its parts: give
them the part, ``MMoE()``, not its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from multitide.backbones._backbone import Backbone, BackboneModule
from multitide.sharing import SHARINGS, Sharing, SharingModule, Soft
from multitide.sharing._hard import HardModule
from multitide.sharing._sharing import parameters_of
from multitide.sharing._soft import SoftModule

PositiveInt = Annotated[int, Field(ge=1)]
# Added to squared singular values: the norm's gradient stays finite, and of length 0, where one of
# them is zero.
SMOOTHING = 1e-12


# -- experts and gates -----------------------------------------------------------------------------


class Expert(nn.Sequential):
    """One linear layer and a ReLU, as in the papers."""

    def __init__(self, n_features: int, n_units: int) -> None:
        super().__init__(nn.Linear(n_features, n_units), nn.ReLU())


class Gate(nn.Module):
    """A softmax over experts, linear in the features: each series is told how much to listen to whom."""

    def __init__(self, n_features: int, n_experts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, n_experts, bias=False)

    def shares(self, features: Tensor) -> Tensor:
        """Return what each expert counts for: (batch, n_features) -> (batch, n_experts), rows of sum 1."""
        return torch.softmax(self.linear(features), dim=1)

    def forward(self, features: Tensor, answers: Sequence[Tensor]) -> Tensor:
        """Return the experts' answers, each of shape (batch, n_units), mixed by the shares."""
        return torch.einsum("be,ebu->bu", self.shares(features), torch.stack(list(answers)))


def make_experts(n_experts: int, n_features: int, n_units: int) -> nn.ModuleList:
    return nn.ModuleList(Expert(n_features, n_units) for _ in range(n_experts))


def ask(experts: Iterable[nn.Module], features: Tensor) -> list[Tensor]:
    return [expert(features) for expert in experts]


@dataclass
class MMoE(Sharing):
    """Small experts on one backbone's features, which a gate a task mixes for each series (Ma et al. 2018).

    Parameters
    ----------
    head_units : int, optional
        See :class:`multitide.sharing.Sharing`.
    n_experts : int, default=4
        Number of experts, all of which every task hears.
    n_units : int, default=16
        Units of an expert, and so the number of features that each head reads.

    Notes
    -----
    In the paper experts and gates read the input itself; here, the pooled features of one shared
    backbone, since a gate on a series would need a fixed length, and experts that are whole
    backbones would cost as much as a network a task.

    References
    ----------
    .. [1] Ma, Zhao, Yi, Chen, Hong and Chi, "Modeling task relationships in multi-task learning
       with multi-gate mixture-of-experts", KDD 2018. https://doi.org/10.1145/3219819.3220007
    """

    n_experts: PositiveInt = 4
    n_units: PositiveInt = 16

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with one backbone, experts on its features and a gate a task."""
        module = backbone.build(n_channels, n_timepoints)
        return (
            HardModule(module, 1)
            if n_tasks == 1
            else MMoEModule(module, self.n_experts, self.n_units, n_tasks)
        )


class MMoEModule(SharingModule):
    """One backbone, experts that all tasks share, a gate a task."""

    def __init__(
        self, backbone: BackboneModule, n_experts: int, n_units: int, n_tasks: int
    ) -> None:
        super().__init__()
        self.backbone, self.n_features = backbone, n_units
        self.experts = make_experts(n_experts, backbone.n_features, n_units)
        self.gates = nn.ModuleList(Gate(backbone.n_features, n_experts) for _ in range(n_tasks))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return each task's mixture, each of shape (batch, n_units)."""
        features = self.backbone(x, lengths)
        answers = ask(self.experts, features)
        return [gate(features, answers) for gate in self.gates]

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return those of the backbone and of the experts."""
        return parameters_of([self.backbone, self.experts])

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Return those of each task's gate."""
        return [list(gate.parameters()) for gate in self.gates]


# -- progressive extraction ------------------------------------------------------------------------


@dataclass
class PLE(Sharing):
    """Experts that all tasks hear and experts of each task, mixed by gates, level over level (Tang et al. 2020).

    Parameters
    ----------
    head_units : int, optional
        See :class:`multitide.sharing.Sharing`.
    n_own : int, default=1
        Experts of each task, on each level.
    n_shared : int, default=1
        Experts that all tasks hear, on each level.
    n_levels : int, default=1
        Extraction layers; with one it is the paper's CGC.
    n_units : int, default=16
        Units of an expert, and so the number of features that each head reads.

    Notes
    -----
    As with :class:`MMoE`, experts read the features of one shared backbone and not the input. Below
    the top level a task's experts are heard by the shared gate, too, and so learn from every task.

    References
    ----------
    .. [1] Tang, Liu, Zhao and Gong, "Progressive layered extraction (PLE): a novel multi-task
       learning (MTL) model for personalized recommendations", RecSys 2020.
       https://doi.org/10.1145/3383313.3412236
    """

    n_own: PositiveInt = 1
    n_shared: PositiveInt = 1
    n_levels: PositiveInt = 1
    n_units: PositiveInt = 16

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with one backbone and extraction layers on its features."""
        module = backbone.build(n_channels, n_timepoints)
        return HardModule(module, 1) if n_tasks == 1 else PLEModule(module, self, n_tasks)


class Extraction(nn.Module):
    """One level: the experts of every task, the shared ones, a gate a task, and below the top the shared gate."""

    def __init__(self, n_features: int, spec: PLE, n_tasks: int, top: bool) -> None:
        super().__init__()
        self.own = nn.ModuleList(
            make_experts(spec.n_own, n_features, spec.n_units) for _ in range(n_tasks)
        )
        self.shared = make_experts(spec.n_shared, n_features, spec.n_units)
        self.gates = nn.ModuleList(
            Gate(n_features, spec.n_own + spec.n_shared) for _ in range(n_tasks)
        )
        self.shared_gate = None if top else Gate(n_features, n_tasks * spec.n_own + spec.n_shared)

    def forward(self, own: Sequence[Tensor], shared: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return each task's features and the shared ones of the next level, each of shape (batch, n_units)."""
        common = ask(self.shared, shared)
        apart = [
            ask(experts, features) for experts, features in zip(self.own_experts, own, strict=True)
        ]
        mixed = [
            gate(x, [*mine, *common]) for gate, x, mine in zip(self.gates, own, apart, strict=True)
        ]
        if self.shared_gate is None:
            return mixed, shared
        everyone = [answer for mine in apart for answer in mine]
        return mixed, self.shared_gate(shared, [*everyone, *common])

    @property
    def own_experts(self) -> list[nn.ModuleList]:
        """Each task's experts."""
        return [experts for experts in self.own if isinstance(experts, nn.ModuleList)]


class PLEModule(SharingModule):
    """One backbone and extraction layers."""

    def __init__(self, backbone: BackboneModule, spec: PLE, n_tasks: int) -> None:
        super().__init__()
        self.backbone, self.n_features = backbone, spec.n_units
        widths = [backbone.n_features] + [spec.n_units] * (spec.n_levels - 1)
        self.extractions = nn.ModuleList(
            Extraction(width, spec, n_tasks, top=i == len(widths) - 1)
            for i, width in enumerate(widths)
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return each task's features from the top level, each of shape (batch, n_units)."""
        shared = self.backbone(x, lengths)
        own = [shared] * len(self.layers[0].gates)
        for layer in self.layers:
            own, shared = layer(own, shared)
        return own

    @property
    def layers(self) -> list[Extraction]:
        """The extraction layers, lowest first."""
        return [layer for layer in self.extractions if isinstance(layer, Extraction)]

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return all but the tasks' own ones."""
        own = {id(parameter) for parameters in self.own_parameters() for parameter in parameters}
        return [parameter for parameter in self.parameters() if id(parameter) not in own]

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Return each task's experts and gate on the top level, and its gate on the level below.

        What lies lower is heard by a shared gate, and with it by all tasks.
        """
        top, below = self.layers[-1], self.layers[-2:-1]
        tasks = range(len(top.gates))
        return [
            parameters_of([top.own[k], top.gates[k], *(layer.gates[k] for layer in below)])
            for k in tasks
        ]


# -- trace norm ------------------------------------------------------------------------------------


@dataclass
class TraceNorm(Soft):
    """A backbone a task, tied by the trace norm of each layer's weights stacked over tasks (Yang and Hospedales 2017).

    Parameters
    ----------
    head_units : int, optional
        See :class:`multitide.sharing.Sharing`.
    strength : float, default=0.001
        Weight of the sum over layers of the trace norms, added to the weighted losses.
    same_start : bool, default=False
        Whether all backbones start from the same weights, as with :class:`multitide.sharing.Soft`.

    Notes
    -----
    The last-axis flattening (LAF) of the paper: a layer's weights are a matrix (n_tasks,
    n_weights), whose trace norm is the sum of its singular values; it is least where the tasks'
    weights span few directions. Biases and batch norms are free, as in the authors' code, which
    starts each network from random weights of its own (``same_start=False``), says that networks
    trained alone may be the start, and has strength 0.001. The authors take the gradient ``U V'``
    of a singular value decomposition; here singular values come from the (n_tasks, n_tasks) Gram
    matrix in float64, smoothed by 1e-6, so that the gradient is finite where some are zero. The
    norm shrinks the weights of every task, one without labels in the batch, too.

    References
    ----------
    .. [1] Yang and Hospedales, "Trace norm regularised deep multi-task learning", ICLR 2017
       workshop. https://arxiv.org/abs/1606.04038
    """

    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001
    same_start: bool = False

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with a backbone a task."""
        modules = [backbone.build(n_channels, n_timepoints) for _ in range(n_tasks)]
        if n_tasks == 1:
            return HardModule(modules[0], 1)
        for module in modules[1:] if self.same_start else []:
            module.load_state_dict(modules[0].state_dict())
        return TraceNormModule(modules, self.strength)


class TraceNormModule(SoftModule):
    """One backbone a task and the trace norm that ties them."""

    def penalty(self) -> Tensor | None:
        """Return the strength times the sum over layers of the trace norm of the tasks' stacked weights, shape ()."""
        if not self.strength:
            return None
        layers = zip(*(backbone.parameters() for backbone in self.backbones), strict=True)
        return self.strength * trace_norms([same for same in layers if same[0].ndim > 1]).to(
            torch.float32
        )


def trace_norms(layers: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the sum over layers of the trace norm of the matrix of all tasks' weights, float64 of shape ().

    Parameters
    ----------
    layers : sequence of sequence of Tensor
        For each layer the weights of each task, of one shape.
    """
    grams = []
    for same in layers:
        rows = torch.stack([weights.flatten() for weights in same]).double()
        grams.append(rows @ rows.T)
    # Only eigenvalues: their gradient stays finite where some are equal, that of eigenvectors does
    # not.
    squares = torch.linalg.eigvalsh(torch.stack(grams)).clamp(min=0)
    return (squares + SMOOTHING).sqrt().sum()


SHARINGS["mmoe"] = MMoE
SHARINGS["ple"] = PLE
SHARINGS["trace_norm"] = TraceNorm
