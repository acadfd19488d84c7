"""The checkpoint folder of a fit: opened for it, and refused to any other fit."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from multitide._installed_versions import installed_versions
from multitide._one_process import LOCK, one_process
from multitide._plan_fit import FitPlan
from multitide._result_folder import DRAFT_PREFIX, refuse_existing, writable
from multitide.fitting._recipe import Recipe, resolve_device
from multitide.fitting._warm_start import Source
from multitide.training._callbacks import Callback
from multitide.training._checkpoint_store import (
    PIECE,
    RECORD,
    CheckpointStore,
    read_checkpoint,
)
from multitide.training._settings import Training

ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # in the representation of an object


@contextmanager
def open_checkpoint(
    folder: Path | None, plan: FitPlan, callbacks: Sequence[Callback]
) -> Iterator[CheckpointStore | None]:
    """Give the block the store of a fit, and note at its end that the fit is complete.

    Parameters
    ----------
    folder : path or None
        Is made, or holds a checkpoint of the same fit. None: there is no store.
    plan : FitPlan
        The fit.
    callbacks : sequence of Callback
        Those of the user.

    Raises
    ------
    StoreError
        If the folder cannot be written, or holds anything else.
    """
    if folder is None:
        yield None
        return
    if not _is_of_a_fit(folder):
        refuse_existing(folder, "checkpoint")
    with writable(folder, "checkpoint"):
        folder.mkdir(parents=True, exist_ok=True)
    with one_process(folder, "checkpoint"):
        minutes = plan.recipe.training.checkpoint_minutes
        store = CheckpointStore(folder, _identity(plan, callbacks), minutes)
        yield store
        store.complete()


def _is_of_a_fit(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint, or what a fit leaves that is killed before it."""
    if (folder / RECORD).is_file():
        return True
    with writable(folder, "checkpoint"):
        if not folder.is_dir():
            return False
        names = [path.name for path in folder.iterdir()]
    for name in names:
        is_draft = name.startswith(DRAFT_PREFIX)
        if name != LOCK and not is_draft and not PIECE.fullmatch(name):
            return False
    return True


def with_stored_seed(
    params: Mapping[str, object], folder: Path | None
) -> dict[str, object]:
    """Return the parameters of an estimator with the seed of the fit that is taken up."""
    if params["random_state"] is not None or folder is None:
        return dict(params)
    if not (folder / RECORD).is_file():
        return dict(params)
    seed = read_checkpoint(folder).fit.get("random_state", "")
    if not seed.isdecimal():
        return dict(params)
    return {**params, "random_state": int(seed)}


def is_complete(folder: Path) -> bool:
    """Return whether a folder holds the checkpoint of a fit that has ended by itself."""
    return (folder / RECORD).is_file() and read_checkpoint(folder).is_complete


def _identity(plan: FitPlan, callbacks: Sequence[Callback]) -> dict[str, str]:
    """Return what makes the fit what it is, in words that are shown if they differ."""
    identity = {"multitide": installed_versions()["multitide"]}
    identity |= _of_recipe(plan.recipe)
    identity["tasks"] = _plain(plan.tasks)
    rows = hashlib.sha256()
    for data in plan.data:
        place = f"data {data.name!r}" if data.name else "data"
        identity[place] = data.samples.fingerprint()
        rows.update(data.split.train.tobytes() + b"|")
        rows.update(data.split.validation.tobytes() + b"|")
        rows.update(data.split.calibration.tobytes() + b"|")
    identity["start"] = _of_source(plan.source)
    networks = []
    for group in [*plan.extra_groups, *plan.groups]:
        networks.append((group.names, group.recipe.backbone, group.recipe.max_epochs))
    identity["networks"] = _plain(networks)
    with_state = []
    for callback in callbacks:
        if type(callback).state is not Callback.state:
            with_state.append(type(callback).__name__)
    identity["callbacks"] = _plain(with_state)
    identity["validation"] = rows.hexdigest()[:16]
    return identity


def _of_recipe(recipe: Recipe) -> dict[str, str]:
    interval = Training().checkpoint_minutes  # any will do
    training = dataclasses.replace(recipe.training, checkpoint_minutes=interval)
    values = {}
    for field in dataclasses.fields(recipe):
        values[field.name] = _plain(getattr(recipe, field.name))
    values["random_state"] = values.pop("seed")
    values["training"] = _plain(training)
    values["device"] = str(resolve_device(recipe.device))
    return values


def _of_source(source: Source | None) -> str:
    if source is None:
        return "none"
    digest = hashlib.sha256()
    for name, tensor in source.predictor.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _plain(value: object) -> str:
    return ADDRESS.sub("", repr(value))
