"""Measure the gradient of each task's loss at each time step and in each layer."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from multitide._checks import check_type
from multitide._estimator import MultiTaskEstimator
from multitide._own_random_numbers import own_random_numbers
from multitide._torch_defaults import torch_defaults
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.errors import DataError, ParameterError
from multitide.fitting._data_sets import to_samples
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import TaskGroup
from multitide.model._prediction import check_like_training
from multitide.network._network import Network
from multitide.tasks import resolve_tasks
from multitide.training._batches import DeviceSamples

TOTAL = "sum of losses"


@dataclass(frozen=True, repr=False)
class GradientFlow:
    """Gradient norms of losses in units of their trivial losses; see :func:`gradient_flow`.

    Attributes
    ----------
    by_step : DataFrame, step x task
        Norm of the gradient with respect to the encoded input of each time step, over samples and
        channels. The last column, ``sum of losses``, is the gradient of the sum over tasks.
    by_layer : DataFrame, parameter x task
        Norm of the gradient with respect to each parameter of the network, in its order.
    """

    by_step: pd.DataFrame
    by_layer: pd.DataFrame

    def __repr__(self) -> str:
        """Return the sizes; the tables would fill the screen."""
        tasks = ", ".join(map(str, self.by_step.columns.drop(TOTAL, errors="ignore")))
        return (
            f"<GradientFlow: tasks {tasks}; "
            f"{len(self.by_step)} steps, "
            f"{len(self.by_layer)} parameters>"
        )


@torch_defaults()
def gradient_flow(
    estimator: MultiTaskEstimator, X: Samples | ArrayLike, y: pd.DataFrame | None = None
) -> GradientFlow:
    """Measure the gradient of each task's loss at each time step and in each layer [1]_.

    The function does not train. Dropout is off, and batch norm uses its running statistics.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        If fitted, its network is used. Otherwise a new network is made from its parameters and its
        ``random_state``, with random weights in the heads (in training, heads start at zero and
        pass no gradient back at first).
    X : Samples or array, shape (n_samples, n_channels, n_timepoints)
        Series of one data set. All of them go through the network in one batch.
    y : DataFrame, optional
        Their labels, unless `X` holds them. The loss of a task leaves out missing labels.

    Returns
    -------
    GradientFlow

    Raises
    ------
    DataError
        If several networks predict the tasks, the model was fitted on several data sets, or the
        samples do not match the training data.
    ParameterError
        If the inputs of the network are a representation, which has no time steps.

    References
    ----------
    .. [1] Bengio, Simard, Frasconi, "Learning long-term dependencies with gradient descent is
       difficult", IEEE Transactions on Neural Networks 5, 1994. https://doi.org/10.1109/72.279181
    """
    check_type("estimator", estimator, MultiTaskEstimator)
    samples = to_samples(X, y)
    is_fitted = hasattr(estimator, "model_")
    if is_fitted:
        network = _fitted(estimator, samples)
    else:
        network = _new_network(estimator, samples)
    # Its own copy, because the hook below would also see the calls of other threads.
    network = copy.deepcopy(network).cpu().eval()
    inputs, losses = _losses(network, samples)
    losses[TOTAL] = torch.stack(list(losses.values())).sum()
    parameters = {}
    for name, p in network.named_parameters():
        if p.requires_grad:
            parameters[name] = p
    steps = {}
    layers = {}
    for name, loss in losses.items():
        at_input, *at_layers = _gradients(loss, [inputs, *parameters.values()])
        steps[name] = at_input.double().square().sum(dim=(0, 1)).sqrt().numpy()
        layers[name] = [float(gradient.double().norm()) for gradient in at_layers]
    by_step = pd.DataFrame(steps).rename_axis("step")
    return GradientFlow(
        by_step, pd.DataFrame(layers, index=pd.Index(parameters, name="layer"))
    )


def _losses(network: Network, samples: Samples) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the encoded input, and the mean loss of each task that has labels."""
    targets = network.target_list
    codes = []
    for target in targets:
        codes.append(target.encode(samples.y[target.task.columns]))
    table = DeviceSamples(
        samples, codes, network.encode_static(samples), torch.device("cpu")
    )
    batch = table.gather(torch.arange(len(samples)))
    kept: list[Tensor] = []

    def keep(module: nn.Module, arguments: object, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[0]

    hook = network.inputs.register_forward_hook(keep)
    try:
        outputs = network(batch.x, batch.lengths, batch.static)
    finally:
        hook.remove()
    losses = {}
    for target, output, code in zip(targets, outputs, batch.codes, strict=True):
        if target.measured(code).any():
            losses[target.task.name] = target.mean_loss(output, code)
    if not losses:
        raise DataError("`y` must have at least one label; got none.")
    return kept[0], losses


def _gradients(loss: Tensor, at: Sequence[Tensor]) -> list[Tensor]:
    return list(
        torch.autograd.grad(loss, at, retain_graph=True, materialize_grads=True)
    )


def _fitted(estimator: MultiTaskEstimator, samples: Samples) -> Network:
    _refuse_vectors(estimator.representation_)
    if len(estimator.stored_.data) > 1:
        names = []
        for data in estimator.stored_.data:
            names.append(data.name)
        raise DataError(
            "`estimator` must be fitted on one data set; "
            f"got {len(names)}, {', '.join(names)}."
        )
    (seen,) = estimator.stored_.data
    check_like_training(estimator.model_, samples, seen)
    for network, _ in estimator.model_.trained_pairs:
        if len(network.names) == len(estimator.tasks_):
            return network
    raise DataError(
        "`estimator` must predict all tasks with one network; "
        "use sharing='hard' and keep='joint'."
    )


def _new_network(estimator: MultiTaskEstimator, samples: Samples) -> Network:
    recipe = make_recipe(estimator.get_params(deep=False))
    _refuse_vectors(recipe.inputs.representation)
    with own_random_numbers(recipe.seed):
        tasks = resolve_tasks(estimator.tasks, samples.y)
        network = TaskGroup(
            [SplitData.for_training(samples)], tasks, recipe
        ).make_network()
        for head in network.heads.modules():
            if isinstance(head, nn.Linear):
                head.reset_parameters()
    return network


def _refuse_vectors(representation: object) -> None:
    if representation is not None:
        raise ParameterError(
            "`inputs.representation` must be none; "
            "the vectors of a representation have no time steps."
        )
