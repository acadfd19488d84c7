"""How much memory a fit needs, estimated before anything large is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from multitide._available_memory import available_memory
from multitide._count_values import count_values
from multitide.backbones._batch_rows import batch_rows
from multitide.backbones._linear import Linear
from multitide.data._blocks import is_mapped
from multitide.errors import ParameterError
from multitide.fitting._recipe import Recipe, resolve_device
from multitide.fitting._task_group import EncodedData, TaskGroup
from multitide.fitting._training_length import resolve_batch_size
from multitide.network._network import Network

FLOAT, DOUBLE = 4, 8  # bytes
# Weights, gradients, two moments of AdamW, the weights of the best epoch, and those of an epoch
# that is about to replace it.
COPIES = 6
# Values that a layer keeps for the gradient, per step and unit, with the normalisation, activation
# and dropout that follow it. Measured; see tests/fitting/test_memory.py.
KEPT = {nn.Conv1d: 5, nn.LSTM: 21, nn.GRU: 9, nn.RNN: 3}
# Values of the largest tensors that are alive at once without training, per step and unit.
ALIVE = 3


@dataclass(frozen=True)
class MemoryEstimate:
    """What a fit needs besides the data that are in memory already; all in bytes.

    Attributes
    ----------
    n_parameters : int
        Trained values of all networks.
    parameters : int
        Weights, gradients, the state of the optimiser and the weights of the best epochs.
    batch : int
        What the layers keep of one batch.
    data : int
        The copy of the series that batches are gathered from.
    batch_size : int
        Number of series of that batch.
    available : int or None
        What this process can still get; None if that is not known.
    """

    n_parameters: int
    parameters: int
    batch: int
    data: int
    batch_size: int
    available: int | None

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return self.parameters + self.batch + self.data

    def in_words(self) -> str:
        """Return, for instance, "about 240 MB (3.1 million parameters), 14 GB are available"."""
        words = (
            f"about {bytes_in_words(self.total)} "
            f"({count_in_words(self.n_parameters)} parameters)"
        )
        if self.available is not None:
            words += f", {bytes_in_words(self.available)} are available"
        return words

    def check(self, recipe: Recipe, n_at_once: int = 1) -> None:
        """Raise if fits do not fit into the memory that is available.

        Parameters
        ----------
        recipe : Recipe
            The parameters of the fit.
        n_at_once : int, default=1
            How many such fits run at the same time.

        Raises
        ------
        ParameterError
            With the parameter that asks for most, and how to need less.
        """
        if self.available is None or n_at_once * self.total <= self.available:
            return
        if self.total <= self.available:
            raise ParameterError(
                "`n_jobs` must be such that all "
                "processes fit into memory; "
                f"got {n_at_once}. Each needs {self.in_words()}. "
                f"Use n_jobs={self.available // self.total}."
            )
        what, remedy = self._largest(recipe)
        raise ParameterError(f"{what}. Training needs {self.in_words()}. {remedy}")

    def _largest(self, recipe: Recipe) -> tuple[str, str]:
        """Return the parameter that asks for most memory, and the remedy."""
        largest = max(self.parameters, self.batch, self.data)
        if largest == self.parameters:
            return (
                "`backbone` must make a network "
                "that fits into memory; "
                f"got {recipe.backbone!r}",
                "Use fewer layers or units.",
            )
        if largest == self.batch:
            return (
                f"`batch_size` must be such that a batch fits into memory; got {self.batch_size}",
                "Use a smaller `batch_size`, shorter series, or fewer units.",
            )
        return (
            f"`X` must fit into memory; got {bytes_in_words(self.data)} of series",
            "Use fewer samples, shorter series, or fewer features.",
        )


def estimate_memory(groups: Sequence[TaskGroup], recipe: Recipe) -> MemoryEstimate:
    """Estimate the memory of a fit from the shapes of its networks and data.

    No weights are made: the networks are built without memory. Layers of a user's own that are
    neither convolutions nor recurrent count with their weights only.

    Parameters
    ----------
    groups : sequence of TaskGroup
        They are trained one after the other, and their networks are kept.
    recipe : Recipe
        The resolved parameters of the estimator.
    """
    counts: dict[object, tuple[int, int, int]] = {}
    n_parameters = kept = training = batch = data = largest = 0
    for group in groups:
        size = resolve_batch_size(recipe.batch_size, group.n_rows)
        largest = max(largest, size)
        if group.shape not in counts:
            sketch = group.sketch()
            counts[group.shape] = (
                count_values(sketch.parameters()),
                _in_training(sketch, group, size),
                _without_training(sketch, group),
            )
        n, in_training, without = counts[group.shape]
        n_parameters += n
        kept += FLOAT * n
        training = max(training, FLOAT * n * (n_copies(group, recipe) - 1))
        batch = max(batch, in_training, without)
        data = max(data, _data(group, recipe))
    return MemoryEstimate(
        n_parameters=n_parameters,
        parameters=kept + training,
        batch=batch,
        data=data,
        batch_size=largest,
        available=available_memory(resolve_device(recipe.device)),
    )


def n_copies(group: TaskGroup, recipe: Recipe) -> int:
    """Return how many numbers the training of a group keeps per parameter."""
    n = COPIES
    if recipe.training.averaging is not None:
        n += 1
    if recipe.keep == "per_task":
        n += len(group.names)
    if recipe.aggregator is not None and recipe.aggregator.at == "parameters":
        n += 2 * len(group.names)  # the gradient of each task, and the matrix of all
    return n


def bytes_in_words(n_bytes: int) -> str:
    """Return a number of bytes with two significant digits, as in "240 MB"."""
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if n_bytes >= size:
            return f"{_two_digits(n_bytes / size)} {unit}"
    return f"{_two_digits(max(1, n_bytes / 1e6))} MB"


def count_in_words(n: int) -> str:
    """Return a large number with two significant digits, as in "3.1 million"."""
    for unit, size in (("trillion", 1e12), ("billion", 1e9), ("million", 1e6)):
        if n >= size:
            return f"{_two_digits(n / size)} {unit}"
    return f"{n:,}"


def _two_digits(value: float) -> str:
    if value < 9.95:
        return f"{value:.1f}"
    return f"{float(f'{value:.2g}'):,.0f}"


def _in_training(sketch: Network, group: TaskGroup, batch_size: int) -> int:
    """Return the bytes that the layers keep of one batch for the gradient."""
    if isinstance(group.recipe.backbone, Linear):
        return 0
    per_step, per_row = 0, 0
    for module in sketch.modules():
        for kind, n_kept in KEPT.items():
            if isinstance(module, kind):
                per_step += n_kept * _n_units(module)
        if isinstance(module, nn.Linear):
            per_row += module.in_features + module.out_features
    longest = max(_n_steps(sketch, each) for each in group.data)
    per_step += 2 * max(_n_inputs(sketch, each) for each in group.data)
    n_rows = min(batch_size, group.n_rows)
    return FLOAT * n_rows * (per_step * longest + per_row)


def _without_training(sketch: Network, group: TaskGroup) -> int:
    """Return the bytes of one batch of the validation set."""
    largest = 0
    for each in group.data:
        if each.validation is None:
            continue
        samples = each.samples
        modules = list(sketch.modules())
        size = batch_rows(modules, samples.n_channels, samples.n_timepoints)
        width = max([_n_inputs(sketch, each), *map(_n_units, modules)])
        n_rows = min(size, len(each.validation.index))
        n_steps = _n_steps(sketch, each)
        largest = max(largest, FLOAT * ALIVE * n_rows * width * n_steps)
    return largest


def _n_inputs(sketch: Network, data: EncodedData) -> int:
    """Return the number of channels that the backbone reads of a data set."""
    for stem in sketch.stems:
        if stem.name == data.name:
            return stem.inputs.n_channels
    return data.samples.n_channels


def _n_steps(sketch: Network, data: EncodedData) -> int:
    """Return the number of steps that the backbone reads of the longest series."""
    n_raw = data.samples.n_timepoints
    for stem in sketch.stems:
        if stem.name == data.name:
            return stem.inputs.n_steps(n_raw)
    return n_raw


def _n_units(module: nn.Module) -> int:
    if isinstance(module, nn.Conv1d):
        return module.out_channels
    if isinstance(module, nn.RNNBase):
        n_directions = 1 + int(module.bidirectional)
        return n_directions * module.num_layers * module.hidden_size
    return 0


def _data(group: TaskGroup, recipe: Recipe) -> int:
    """Return the bytes of what is made of the series before the first step."""
    total = 0
    for each in group.data:
        samples = each.samples
        if not is_mapped(samples.values):
            total += samples.values.nbytes
        if isinstance(recipe.backbone, Linear):
            n_values = len(samples) * samples.n_channels * samples.n_timepoints
            total += 3 * DOUBLE * n_values  # as features, as vectors, and scaled
    return total
