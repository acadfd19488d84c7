"""How much of a loss's gradient arrives at each time step and in each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from multitide._estimator import MultiTaskEstimator
from multitide.data._samples import Samples
from multitide.errors import DataError, ParameterError
from multitide.fitting._data_sets import PLAIN, Domain, as_samples
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import Group
from multitide.model._prediction import check_like_training
from multitide.network._network import Network
from multitide.tasks import resolve_tasks
from multitide.training._batches import DeviceSamples

TOTAL = "sum of losses"


@dataclass(frozen=True)
class GradientFlow:
    """Norms of gradients of losses, which are in units of their trivial losses; see :func:`gradient_flow`.

    Attributes
    ----------
    by_step : DataFrame, step x task
        Norm of the gradient with respect to the encoded input of each time step, over samples and
        channels. The last column, ``sum of losses``, is that of the tasks' plain sum.
    by_layer : DataFrame, parameter x task
        Norm of the gradient with respect to each parameter, in the order of the network, by its
        name.
    """

    by_step: pd.DataFrame
    by_layer: pd.DataFrame


def gradient_flow(estimator: MultiTaskEstimator, X: Any, y: Any = None) -> GradientFlow:
    """Measure how much of each task's gradient arrives at each time step and in each layer (Hochreiter 1991 [1]_).

    Nothing is trained. Dropout is off, and batch norm uses its running statistics.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        Fitted: its network that answers the tasks. Not fitted: a fresh network from its parameters
        and its ``random_state``, whose heads have random weights (in training they start at zero,
        and pass nothing back at first).
    X : Samples or array, shape (n_samples, n_channels, n_timepoints)
        A batch of series of one data set, all of which go through the network at once.
    y : DataFrame, optional
        Their labels, unless `X` holds them; rows without a task's label take no part in its loss.

    Returns
    -------
    GradientFlow

    Raises
    ------
    DataError
        If tasks are answered by several networks, or the model was fitted on several data sets; if
        the samples are not like those of training.
    ParameterError
        If the network reads vectors of a representation, which have no time steps.

    References
    ----------
    .. [1] Bengio, Simard, Frasconi, "Learning long-term dependencies with gradient descent is
       difficult", IEEE Transactions on Neural Networks 5, 1994. https://doi.org/10.1109/72.279181
    """
    samples = as_samples(X, y)
    network = (
        _fitted(estimator, samples) if hasattr(estimator, "model_") else _fresh(estimator, samples)
    )
    network = network.cpu().eval()
    inputs, losses = _losses(network, samples)
    parameters = {name: p for name, p in network.named_parameters() if p.requires_grad}
    steps, layers = {}, {}
    for name, loss in {**losses, TOTAL: torch.stack(list(losses.values())).sum()}.items():
        at_input, *rest = _gradients(loss, [inputs, *parameters.values()])
        steps[name] = at_input.double().square().sum(dim=(0, 1)).sqrt().numpy()
        layers[name] = [float(each.double().norm()) for each in rest]
    by_step = pd.DataFrame(steps).rename_axis("step")
    return GradientFlow(by_step, pd.DataFrame(layers, index=pd.Index(parameters, name="layer")))


def _losses(network: Network, samples: Samples) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the encoded input and the mean loss of every task with labels."""
    targets = network.target_list
    codes = [target.encode(samples.y[target.task.columns]) for target in targets]
    table = DeviceSamples(samples, codes, network.encode_static(samples), torch.device("cpu"))
    batch = table.gather(torch.arange(len(samples)))
    kept: list[Tensor] = []

    def keep(module: nn.Module, arguments: Any, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[0]

    hook = network.inputs.register_forward_hook(keep)
    try:
        outputs = network(batch.x, batch.lengths, batch.static)
    finally:
        hook.remove()
    losses = {
        target.task.name: target.mean_loss(output, code)
        for target, output, code in zip(targets, outputs, batch.codes, strict=True)
        if target.measured(code).any()
    }
    if not losses:
        raise DataError("`y` must have a label in some row; got none.")
    return kept[0], losses


def _gradients(loss: Tensor, at: Sequence[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad(loss, at, retain_graph=True, materialize_grads=True))


def _fitted(estimator: MultiTaskEstimator, samples: Samples) -> Network:
    _refuse_vectors(estimator.representation_)
    if len(estimator.stored_.data) > 1:
        names = [data.name for data in estimator.stored_.data]
        raise DataError(
            f"`estimator` must be fitted on one data set; got {len(names)}, {', '.join(names)}."
        )
    (seen,) = estimator.stored_.data
    check_like_training(estimator.model_, samples, seen.channels, seen.n_timepoints, seen.name)
    answering = [
        network
        for network, names in zip(
            estimator.model_.network_list, estimator.model_.answered, strict=True
        )
        if len(names) == len(estimator.tasks_)
    ]
    if not answering:
        raise DataError(
            "`estimator` must answer all tasks with one network; use sharing='hard' and keep='joint'."
        )
    return answering[0]


def _fresh(estimator: MultiTaskEstimator, samples: Samples) -> Network:
    recipe = make_recipe(estimator.get_params(deep=False))
    _refuse_vectors(recipe.inputs.representation)
    rows, none = np.arange(len(samples)), np.array([], dtype=np.int64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = Group(
            [Domain(PLAIN, samples, rows, none)], resolve_tasks(estimator.tasks, samples.y), recipe
        ).make_network()
        for head in network.heads.modules():
            if isinstance(head, nn.Linear):
                head.reset_parameters()
    return network


def _refuse_vectors(representation: Any) -> None:
    if representation is not None:
        raise ParameterError(
            "`inputs.representation` must be none here: its vectors have no time steps."
        )
