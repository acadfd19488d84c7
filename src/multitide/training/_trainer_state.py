"""The state of a trainer as tensors and plain values: all that its next steps depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from multitide.training._best_weights import Snapshot
from multitide.training._callbacks import Callback
from multitide.training._checkpoint_store import State
from multitide.training._mixing import MixerState
from multitide.training._random_states import (
    random_states,
    restore_random_states,
)

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


def state_of_trainer(trainer: Trainer, *, is_finished: bool) -> State:
    """Return the state of a trainer between two steps, or after its last one.

    A finished training leaves its network, its best epochs and its history.
    """
    tensors = dict(_prefixed("network", tensors_of(trainer.network)))
    values: dict[str, Any] = {
        "is_finished": is_finished,
        "epoch": trainer.epoch,
        "diverged": trainer.diverged,
        "seconds": trainer.seconds,
        "history": trainer.history,
        "cool_down_at": trainer.schedule.cool_down_at,
        "last_improvement": trainer.schedule.last_improvement,
    }
    values["best"] = _keep_best(trainer, tensors)
    values["random"] = random_states(_device(trainer), tensors)
    values["callbacks"] = []
    for callback in _with_state(trainer.callbacks):
        values["callbacks"].append([type(callback).__name__, callback.state()])
    if not is_finished:
        _keep_steps(trainer, tensors, values)
    return State(tensors, values)


def restore_trainer(trainer: Trainer, state: State) -> None:
    """Put a fresh trainer of the same network into a state; its callbacks follow later.

    Raises
    ------
    Exception
        Of any kind, if the state is not that of such a trainer.
    """
    values = state.values
    put_tensors(trainer.network, _of_prefix("network", state.tensors))
    trainer.epoch = int(values["epoch"])
    trainer.diverged = str(values["diverged"])
    trainer.seconds = float(values["seconds"])
    trainer.history = [dict(row) for row in values["history"]]
    trainer.schedule.cool_down_at = values["cool_down_at"]
    trainer.schedule.last_improvement = int(values["last_improvement"])
    _restore_best(trainer, state)
    if values["is_finished"]:
        trainer.stop = True
    else:
        _restore_steps(trainer, state)
    # Last, in case that anything above draws.
    restore_random_states(_device(trainer), state.tensors, values["random"])


def restore_callbacks(trainer: Trainer, state: State) -> None:
    """Put the callbacks into a state; they must be of the same classes, in the same order."""
    stored = state.values["callbacks"]
    own = _with_state(trainer.callbacks)
    for callback, (name, values) in zip(own, stored, strict=True):
        if type(callback).__name__ != name:
            raise ValueError(
                f"callback {name} must be there; got {type(callback).__name__}"
            )
        callback.restore(values)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and all buffers of a module by name."""
    return dict([*module.named_parameters(), *module.named_buffers()])


@torch.no_grad()
def put_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into the parameters and buffers of the same names and shapes."""
    own = tensors_of(module)
    if set(own) != set(tensors):
        raise ValueError(f"tensors must be {sorted(own)}; got {sorted(tensors)}")
    for name, tensor in tensors.items():
        if own[name].shape != tensor.shape or own[name].dtype != tensor.dtype:
            raise ValueError(f"{name} must be {own[name].dtype} {own[name].shape}")
        own[name].copy_(tensor)


# -- parts of the state ----------------------------------------------------------------------------


def _with_state(callbacks: Sequence[Callback]) -> list[Callback]:
    """Return the callbacks that have a state of their own."""
    found = []
    for callback in callbacks:
        if type(callback).state is not Callback.state:
            found.append(callback)
    return found


def _keep_best(
    trainer: Trainer, tensors: dict[str, Tensor]
) -> dict[str, dict[str, Any]]:
    """Add the weights of the best epochs, each once, and return which keys they are for."""
    best: dict[str, dict[str, Any]] = {}
    for key, snapshot in trainer.keeper.best.items():
        best[key] = {"epoch": snapshot.epoch, "loss": snapshot.loss}
        tensors |= _prefixed(f"best.{snapshot.epoch}", snapshot.state)
    return best


def _restore_best(trainer: Trainer, state: State) -> None:
    weights: dict[int, dict[str, Tensor]] = {}
    for key, values in state.values["best"].items():
        epoch = int(values["epoch"])
        if epoch not in weights:
            weights[epoch] = {}
            stored = _of_prefix(f"best.{epoch}", state.tensors)
            for name, tensor in trainer.network.state_dict().items():
                if stored[name].shape != tensor.shape:
                    raise ValueError(f"{name} must have the shape {tensor.shape}")
                weights[epoch][name] = stored[name].to(tensor)
        trainer.keeper.best[key] = Snapshot(
            epoch, float(values["loss"]), weights[epoch]
        )


def _keep_steps(
    trainer: Trainer, tensors: dict[str, Tensor], values: dict[str, Any]
) -> None:
    """Add what the next step of an epoch depends on."""
    tensors["taken"] = torch.stack(trainer.taken)
    tensors |= _prefixed("weighting", tensors_of(trainer.weighting))
    tensors |= _prefixed("generator", _generators(trainer.weighting))
    values["rates"] = [group["rate"] for group in trainer.optimizer.param_groups]
    for i, parameter in enumerate(_parameters(trainer)):
        moments = trainer.optimizer.state.get(parameter, {})
        tensors |= _prefixed(f"optimizer.{i}", moments)
    mixer = trainer.before_epoch
    values["mixer"] = mixer.generator
    for i, left in enumerate(mixer.left):
        tensors[f"left.{i}"] = torch.from_numpy(left)
    if trainer.average is not None:
        tensors |= _prefixed("average", tensors_of(trainer.average.network))
        values["average_has_begun"] = trainer.average.has_begun
    if trainer.aggregator is not None:
        values["aggregator"] = trainer.aggregator.state(tensors)


def _restore_steps(trainer: Trainer, state: State) -> None:
    tensors, values = state.tensors, state.values
    device = _device(trainer)
    trainer.taken = list(tensors["taken"].to(device).unbind())
    put_tensors(trainer.weighting, _of_prefix("weighting", tensors))
    stored = _of_prefix("generator", tensors)
    for name, generator in _weighting_generators(trainer.weighting):
        generator.set_state(stored[name])
    groups = trainer.optimizer.param_groups
    for group, rate in zip(groups, values["rates"], strict=True):
        group["rate"] = float(rate)
    for i, parameter in enumerate(_parameters(trainer)):
        moments = _of_prefix(f"optimizer.{i}", tensors)
        if moments:
            trainer.optimizer.state[parameter] = {
                name: tensor.to(device) for name, tensor in moments.items()
            }
    left = []
    for i in range(len(trainer.before_epoch.left)):
        left.append(tensors[f"left.{i}"].numpy())
    trainer.mixer.restore(MixerState(values["mixer"], left))
    if trainer.average is not None:
        put_tensors(trainer.average.network, _of_prefix("average", tensors))
        trainer.average.has_begun = bool(values["average_has_begun"])
    if trainer.aggregator is not None:
        trainer.aggregator.restore(values["aggregator"], tensors, device)


def _parameters(trainer: Trainer) -> Iterator[nn.Parameter]:
    """Yield the parameters of the optimiser, which are those of network and weighting."""
    for group in trainer.optimizer.param_groups:
        yield from group["params"]


def _weighting_generators(module: nn.Module) -> Iterator[tuple[str, torch.Generator]]:
    """Yield the generators that a weighting draws from."""
    for name, value in vars(module).items():
        if isinstance(value, torch.Generator):
            yield name, value


def _generators(module: nn.Module) -> dict[str, Tensor]:
    states = {}
    for name, generator in _weighting_generators(module):
        states[name] = generator.get_state()
    return states


def _device(trainer: Trainer) -> torch.device:
    return next(trainer.network.parameters()).device


def _prefixed(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    named = {}
    for name, tensor in tensors.items():
        named[f"{prefix}/{name}"] = tensor
    return named


def _of_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    named = {}
    for name, tensor in tensors.items():
        start, _, rest = name.partition("/")
        if start == prefix:
            named[rest] = tensor
    return named
