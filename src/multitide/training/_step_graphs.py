"""Whole training steps as CUDA graphs: recorded once, then replayed for every batch.

A small step keeps a GPU busy for less time than Python needs to start its kernels one by one. A
replayed graph starts them all at once: gathering, forward pass, masked losses, backward pass,
clipping, optimiser and average. It reads and writes the same memory every time. So the rows of a
step are copied to where the graph reads them, the learning rates are tensors, and labels are
counted on the device.

There is a graph for each size of batch and each set of tasks that have labels in it. A step of a
new kind is taken in the ordinary way until it has come often enough. The first replay of a graph is
compared with an ordinary step from the same weights, and only that one counts.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from multitide.errors import MultitideError
from multitide.training._adamw import AdamW
from multitide.training._agreement import OF_CHANGE, ROUNDING, distance
from multitide.training._generator_states import GeneratorStates

logger = logging.getLogger("multitide")
# Ordinary steps of a kind before it is recorded. They load kernels and make the optimiser's state;
# the last of them is watched for what cannot be recorded.
WARM_UP = 2
# Of one training; with labels that are missing in many patterns, the other steps are ordinary.
MOST_GRAPHS = 16
WAITS = "synchronizing CUDA operation"

T = TypeVar("T")


class StepResult(NamedTuple):
    """What a step leaves on the device.

    Attributes
    ----------
    losses : Tensor, shape (n_tasks,)
    norm : Tensor or None, shape ()
        Of the gradient before it is clipped; None without clipping.
    """

    losses: Tensor
    norm: Tensor | None


Compute = Callable[[Sequence[Tensor], np.ndarray], StepResult]


class NotRecordable(Exception):
    """The work needs the host while the device computes; the message says where."""


class Recorder(Protocol):
    """Records work of a device."""

    def stream(self) -> AbstractContextManager[object]:
        """Return the context in which all work is done."""

    def watched(self, work: Callable[[], T]) -> tuple[T, str]:
        """Do the work once; return also why it cannot be recorded, or ""."""

    def record(self, work: Callable[[], T]) -> Callable[[], T]:
        """Return a function that repeats the work on the same memory.

        The work itself is not done. Raises :class:`NotRecordable` if that is impossible.
        """


class StepGraphs:
    """Takes the steps of one training, and replays those that it has recorded.

    Parameters
    ----------
    compute : callable
        Takes a step, given the rows of each data set and the number of labelled rows per task.
    modules : sequence of Module
        All that a step changes, besides the state of the optimiser; the network first.
    optimizer : AdamW
        Its learning rates become tensors.
    recorder : Recorder
        Records the steps.
    is_required : bool
        Whether a step that cannot be recorded is an error. Otherwise steps stay ordinary.
    """

    def __init__(
        self,
        compute: Compute,
        modules: Sequence[nn.Module],
        optimizer: AdamW,
        recorder: Recorder,
        is_required: bool,
    ) -> None:
        self._compute = compute
        self._modules = modules
        self._optimizer = optimizer
        self._recorder = recorder
        self._is_required = is_required
        self._is_off = False
        self._state: Hashable = None
        self._n_seen: Counter[Hashable] = Counter()
        self._recorded: dict[Hashable, _RecordedStep] = {}
        self._parameters: list[nn.Parameter] = []
        for group in optimizer.param_groups:
            self._parameters += group["params"]
            device = group["params"][0].device
            group["lr"] = torch.tensor(float(group["lr"]), device=device)

    @property
    def n_graphs(self) -> int:
        """How many steps have been recorded."""
        return len(self._recorded)

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """Take the steps of an epoch within the block."""
        # What a graph does not read again: a thawed layer needs new graphs.
        modes = [module.training for module in self._modules[0].modules()]
        trained = [parameter.requires_grad for parameter in self._parameters]
        self._state = (tuple(modes), tuple(trained))
        with self._recorder.stream():
            yield

    def step(self, rows: Sequence[Tensor], n_labelled: np.ndarray) -> StepResult:
        """Take a step; see :meth:`multitide.training._trainer.Trainer.step`."""
        key = (self._state, tuple(map(len, rows)), tuple((n_labelled > 0).tolist()))
        if key not in self._recorded:
            self._n_seen[key] += 1
            if self._is_off or len(self._recorded) == MOST_GRAPHS:
                return self._compute(rows, n_labelled)
            if self._n_seen[key] < WARM_UP:
                return self._compute(rows, n_labelled)
            if self._n_seen[key] == WARM_UP:
                return self._watched(rows, n_labelled)
            return self._recorded_now(key, rows, n_labelled)
        return self._recorded[key].replay(rows)

    def _watched(self, rows: Sequence[Tensor], n_labelled: np.ndarray) -> StepResult:
        result, reason = self._recorder.watched(lambda: self._compute(rows, n_labelled))
        if reason:
            self._give_up(reason)
        return result

    def _recorded_now(
        self, key: Hashable, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> StepResult:
        """Take a step of this kind, and record it for the next ones."""
        try:
            recorded = _RecordedStep(
                self._compute, self._parameters, self._recorder, rows, n_labelled
            )
        except NotRecordable as error:
            self._optimizer.zero_grad()
            self._give_up(str(error))
            return self._compute(rows, n_labelled)
        result, is_same = self._compared(recorded, rows, n_labelled)
        if is_same:
            self._recorded[key] = recorded
        else:
            self._give_up("A replayed step gave another result than an ordinary one.")
        return result

    def _compared(
        self, recorded: _RecordedStep, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> tuple[StepResult, bool]:
        """Replay a step, take it back, and take it in the ordinary way.

        Return also whether both have the same losses and change the weights alike.
        """
        changing = self._changing()
        before = _copies(changing)
        generators = GeneratorStates(self._parameters[0].device)
        replayed = recorded.replay(rows)
        weights = _copies(self._parameters)
        with torch.no_grad():
            for tensor, value in zip(changing, before, strict=True):
                tensor.copy_(value)
        self._optimizer.zero_grad()
        generators.set()
        result = self._compute(rows, n_labelled)
        changes = distance(self._parameters, before)
        difference = distance(self._parameters, weights)
        is_same = torch.allclose(
            replayed.losses, result.losses, rtol=ROUNDING, equal_nan=True
        )
        # A weight that is not finite is found at the end of the epoch.
        return result, is_same and not difference > OF_CHANGE * changes

    def _changing(self) -> list[Tensor]:
        """Return the tensors that a step changes, the trained parameters first."""
        tensors: list[Tensor] = list(self._parameters)
        for state in self._optimizer.state.values():
            tensors += [each for each in state.values() if isinstance(each, Tensor)]
        for module in self._modules:
            tensors += [*module.parameters(), *module.buffers()]
        return tensors

    def _give_up(self, reason: str) -> None:
        if self._is_required:
            raise MultitideError(
                "`training.graph` must be 'auto' or False with a training step that cannot be "
                f"recorded; got True. {reason}"
            )
        logger.info("Steps are not replayed as CUDA graphs: %s", reason)
        self._is_off = True


class _RecordedStep:
    """A step on memory of its own."""

    def __init__(
        self,
        compute: Compute,
        parameters: Sequence[nn.Parameter],
        recorder: Recorder,
        rows: Sequence[Tensor],
        n_labelled: np.ndarray,
    ) -> None:
        self._rows = [each.clone() for each in rows]
        self._parameters = parameters

        def work() -> tuple[StepResult, list[Tensor | None]]:
            result = compute(self._rows, n_labelled)
            return result, [parameter.grad for parameter in parameters]

        self._repeat = recorder.record(work)

    def replay(self, rows: Sequence[Tensor]) -> StepResult:
        """Take the step for other rows; each parameter gets its gradient, as in other steps."""
        for own, given in zip(self._rows, rows, strict=True):
            own.copy_(given)
        result, gradients = self._repeat()
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        # The next replay writes to the same memory.
        norm = None if result.norm is None else result.norm.clone()
        return StepResult(result.losses.clone(), norm)


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


class CudaRecorder:
    """Records work of a GPU as CUDA graphs.

    All work is done on one stream of its own, since the default stream cannot be recorded. The
    graphs share their memory, because no two of them run at the same time.

    Parameters
    ----------
    device : torch.device
        The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Work on the stream within the block, after what came before and before what comes."""
        outside = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(outside)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            outside.wait_stream(self._stream)

    def watched(self, work: Callable[[], T]) -> tuple[T, str]:
        """Do the work once; return also the first place that waits for the device, or ""."""
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                result = work()
            finally:
                torch.cuda.set_sync_debug_mode(before)
        reason = ""
        for each in caught:
            if WAITS in str(each.message):
                reason = (
                    reason or f"It waits for the GPU in {each.filename}:{each.lineno}."
                )
            elif "debug mode is a prototype" not in str(each.message):
                warnings.warn_explicit(
                    each.message, each.category, each.filename, each.lineno
                )
        return result, reason

    def record(self, work: Callable[[], T]) -> Callable[[], T]:
        """Return a function that replays the work."""
        graph = torch.cuda.CUDAGraph()
        try:
            with self._recording(graph):
                results = work()
        except RuntimeError as error:
            # An ended recording closes the books of the random numbers, a broken one does not.
            with self._recording(torch.cuda.CUDAGraph()):
                torch.zeros((), device=self._device)
            raise NotRecordable(str(error.__context__ or error)) from error

        def replay() -> T:
            graph.replay()
            return results

        return replay

    def _recording(self, graph: torch.cuda.CUDAGraph) -> AbstractContextManager[None]:
        # Other threads may use the GPU meanwhile.
        return torch.cuda.graph(
            graph, self._pool, self._stream, capture_error_mode="thread_local"
        )
