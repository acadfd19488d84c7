"""How much memory a fit needs, estimated before anything large is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from multitide._available_memory import available_memory
from multitide._count_values import count_values
from multitide.backbones._batch_rows import batch_rows
from multitide.backbones._linear import Linear
from multitide.backbones._rocket import Rocket
from multitide.backbones._trees import Trees
from multitide.data._blocks import is_mapped
from multitide.encodings._input_layer import MAX_FIT_VALUES
from multitide.errors import ParameterError
from multitide.fitting._recipe import Recipe, resolve_device
from multitide.fitting._task_group import EncodedData, TaskGroup
from multitide.fitting._training_length import resolve_batch_size
from multitide.fitting._tree_memory import memory_of_trees
from multitide.network._network import Network

FLOAT, DOUBLE = 4, 8  # bytes
MOST_PREDICTED = 500  # samples for the profile of a model, at the end of a fit
# Weights, gradients, two moments of AdamW, the weights of the best epoch, and those of an epoch
# that is about to replace it.
COPIES = 6
# Values that a layer keeps for the gradient, per step and unit, with the normalisation, activation
# and dropout that follow it. Measured; see tests/fitting/test_memory.py.
KEPT = {nn.Conv1d: 5, nn.LSTM: 21, nn.GRU: 9, nn.RNN: 3}
# Values of the largest tensors that are alive at once without training, per step and unit.
ALIVE = 5
# Bytes of the input layer for each value of the raw series: the series as it is gathered, scaled
# and filled, masks, and the steps of last measurements in int64.
OF_INPUT = 40
# Copies of the values that encodings are fitted to.
OF_ENCODINGS = 6


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
    answers : int
        What one batch needs that is answered without training, such as that of the validation set,
        or the fit of the input layer.
    trees : int
        What trees need before the network is trained: their features, and copies of them.
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
    answers: int
    trees: int
    data: int
    batch_size: int
    available: int | None

    @property
    def total(self) -> int:
        """What is needed at once at most."""
        network = self.parameters + max(self.batch, self.answers)
        return max(network, self.trees) + self.data

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
        largest = max(self.parameters, self.batch, self.answers, self.trees, self.data)
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
        if largest == self.trees:
            return (
                "`X` must be such that the features of trees fit into memory; "
                f"got {bytes_in_words(self.trees)} of them and their copies",
                "Use fewer samples or channels, or a network as the `backbone`.",
            )
        if largest == self.answers:
            return (
                "`X` must be such that a batch without training fits into memory; "
                f"got {bytes_in_words(self.answers)}",
                "Use shorter series, fewer channels, or fewer encodings.",
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
        They are trained one after the other, and their networks are kept. Trees come first.
    recipe : Recipe
        The resolved parameters of the estimator.
    """
    counts: dict[object, tuple[int, int, int]] = {}
    n_parameters = kept = training = batch = answers = data = largest = 0
    forests = []
    for group in groups:
        data = max(data, _data(group))
        if isinstance(group.recipe.backbone, Trees):
            forests.append(group)
            continue
        size = resolve_batch_size(recipe.batch_size, group.n_rows)
        largest = max(largest, size)
        kind = repr(group.recipe.backbone), group.shape
        if kind not in counts:
            sketch = group.sketch()
            counts[kind] = (
                count_values(sketch.parameters()),
                _in_training(sketch, group, size),
                _without_training(sketch, group),
            )
        n, in_training, without = counts[kind]
        n_parameters += n
        kept += FLOAT * n
        training = max(training, FLOAT * n * (n_copies(group, recipe) - 1))
        batch = max(batch, in_training)
        answers = max(answers, without)
    return MemoryEstimate(
        n_parameters=n_parameters,
        parameters=kept + training,
        batch=batch,
        answers=answers,
        trees=memory_of_trees(forests),
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
    """Return the bytes of one batch that is answered, or to which the input layer is fitted."""
    largest = 0
    for each in group.data:
        samples = each.samples
        n_answered = min(MOST_PREDICTED, len(each.train.index))
        if each.validation is not None:
            n_answered = len(each.validation.index)
        modules = list(sketch.modules())
        size = batch_rows(modules, samples.n_channels, samples.n_timepoints)
        n_rows = min(size, n_answered)
        width = max([_n_inputs(sketch, each), *map(_n_units, modules)])
        n_raw = samples.n_channels * samples.n_timepoints
        of_layers = FLOAT * ALIVE * width * _n_steps(sketch, each)
        largest = max(largest, n_rows * max(OF_INPUT * n_raw, of_layers))
        largest = max(largest, _fit_of_inputs(sketch, each))
    return largest


def _fit_of_inputs(sketch: Network, data: EncodedData) -> int:
    """Return the bytes while the input layer is fitted to the training set, or to a part of it."""
    samples = data.samples
    n_raw, n_encoded = samples.n_channels, _n_inputs(sketch, data)
    per_row = max(n_raw, n_encoded) * samples.n_timepoints
    n_rows = min(len(data.train.index), max(1, MAX_FIT_VALUES // per_row))
    values = n_rows * samples.n_timepoints
    if n_encoded == n_raw:
        return 2 * FLOAT * values * n_raw
    return OF_INPUT * values * n_raw + OF_ENCODINGS * FLOAT * values * n_encoded


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


def _data(group: TaskGroup) -> int:
    """Return the bytes of what is made of the series before the first step."""
    backbone = group.recipe.backbone
    total = 0
    for each in group.data:
        samples = each.samples
        if not is_mapped(samples.values):
            total += samples.values.nbytes
        if isinstance(backbone, Linear):
            n_features = samples.n_channels * samples.n_timepoints
            if isinstance(backbone, Rocket):
                n_features = backbone.n_features
            # As features, as vectors, and scaled.
            total += 3 * DOUBLE * len(samples) * n_features
    return total
