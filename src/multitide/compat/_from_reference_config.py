"""A configuration of the reference system as an estimator of ours."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch

from multitide._checks import check_choice, gathering, raise_problems, suggest
from multitide._estimator import MultiTaskEstimator
from multitide._part import annotation_problems
from multitide.balancing._fixed import Fixed
from multitide.compat._model_folder import model_folder
from multitide.compat._page import PAGES, CNNPage, FCPage, MultiPage, Page
from multitide.encodings._inputs import Inputs
from multitide.errors import MultitideWarning, ParameterError
from multitide.tasks import Classification, Regression, Task
from multitide.training._settings import Training

logger = logging.getLogger("multitide")
KEYS = ("model", "best_model_path", "parameter")
ALIASES = {
    "drop_out": "dropout"
}  # the page says `dropout`, the reference's own config.py says `drop_out` in places


def from_reference_config(
    config: Mapping[str, Any], tasks: Sequence[str] | None = None
) -> MultiTaskEstimator:
    """Make an estimator of a configuration of the reference system.

    What the configuration says of the data (``input_size``, ``num_classes``, ``seq_len``) is
    checked when the estimator is fitted. It trains as the reference does: Adam at a constant rate
    without weight decay or clipping, for all of ``num_epochs``, and keeps the epoch that is best on
    validation; by the mean loss of all tasks, where the reference looks at the accuracy only.

    Parameters
    ----------
    config : mapping
        ``{"model": "LSTM", "best_model_path": "./ckpt/lstm.pt", "parameter": {"input_size": 9,
        ...}}``. What is left out of ``parameter`` has the default of the page.
    tasks : sequence of str, optional
        Names of the label columns, the first task's first. Else "class" for a classification and
        "number" for a regression; "class_1", "class_2" or "number_1", "number_2" if both tasks are
        of one kind.

    Returns
    -------
    MultiTaskEstimator
        Not fitted. ``fit(X, y, start=model_folder(other_config))`` starts from a saved model, whose
        backbone stays as it is with ``freeze``.

    Raises
    ------
    ParameterError
        With everything that is wrong: unknown names with a "did you mean", values that are missing
        or out of range.

    Warns
    -----
    MultitideWarning
        If "cuda" is asked for and not there; the CPU is used.
    """
    problems: list[str] = []
    kind, values = _read(config, problems)
    if kind is not None:
        problems += annotation_problems(kind, values, "parameter")
        problems += [] if tasks is None else _name_problems(tasks, kind)
    if "best_model_path" in config:
        with gathering(problems):
            model_folder(config)
    raise_problems(problems)
    assert kind is not None
    return _estimator(kind(**values), tasks, device_asked="device" in values)


def _read(
    config: Mapping[str, Any], problems: list[str]
) -> tuple[type[Page] | None, dict[str, Any]]:
    """Return the page of a configuration's model and its hyperparameters, and add what is wrong to `problems`."""
    if not isinstance(config, Mapping):
        raise ParameterError(
            f"`config` must be a mapping with {', '.join(map(repr, KEYS))}; got {config!r}."
        )
    problems += [
        f"`config` has no key {key!r}.{suggest(str(key), KEYS)}"
        for key in config
        if key not in KEYS
    ]
    values = config.get("parameter", {})
    if not isinstance(values, Mapping):
        problems.append(f"`parameter` must be a mapping of hyperparameters; got {values!r}.")
        values = {}
    with gathering(problems):
        check_choice("model", config.get("model"), PAGES)
        kind = PAGES[config["model"]]
        return kind, _without_aliases(kind, values, problems)
    return None, {}


def _without_aliases(
    kind: type[Page], values: Mapping[str, Any], problems: list[str]
) -> dict[str, Any]:
    """Return the values under the page's names."""
    known = {field.name for field in fields(kind)}
    if {"dropout", "drop_out"} <= set(values) and "dropout" in known:
        problems.append(
            "`parameter` must have either 'dropout' or 'drop_out', which are the same; got both."
        )
    return {
        ALIASES[key] if ALIASES.get(key) in known else str(key): value
        for key, value in values.items()
    }


def _name_problems(names: Any, kind: type[Page]) -> list[str]:
    n_tasks = 2 if issubclass(kind, MultiPage) else 1
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    if (
        is_list
        and all(isinstance(name, str) for name in names)
        and len(names) == len(set(names)) == n_tasks
    ):
        return []
    return [
        f"`tasks` must be a list of {n_tasks} different names of label columns, one a task; got {names!r}."
    ]


def _default_names(class_counts: Sequence[int]) -> list[str]:
    kinds = ["number" if n == 1 else "class" for n in class_counts]
    if len(set(kinds)) == len(kinds):
        return kinds
    return [f"{kind}_{i}" for i, kind in enumerate(kinds, start=1)]


def _task(name: str, n_classes: int) -> Task:
    return Regression(name) if n_classes == 1 else Classification(name, n_classes=n_classes)


def _estimator(page: Page, names: Sequence[str] | None, device_asked: bool) -> MultiTaskEstimator:
    counts = page.class_counts()
    n_timepoints = (
        page.seq_len if isinstance(page, CNNPage) else 1 if isinstance(page, FCPage) else None
    )
    training = Training(
        weight_decay=0.0,
        schedule="constant",
        patience=None,
        clip_norm=None,
        order="shuffle",
        freeze="backbone" if getattr(page, "freeze", False) else "nothing",
    )
    return MultiTaskEstimator(
        [_task(name, n) for name, n in zip(names or _default_names(counts), counts, strict=True)],
        backbone=page.backbone(),
        inputs=Inputs(n_channels=page.input_size, n_timepoints=n_timepoints),
        weighting=Fixed(alpha=page.alpha) if isinstance(page, MultiPage) else "uniform",
        max_epochs=page.num_epochs,
        batch_size=page.batch_size,
        lr=page.lr,
        training=training,
        device=_device(page, device_asked),
    )


def _device(page: Page, asked: bool) -> str:
    """Return the page's device where it is there; the page's default "cuda" is no wish, and falls back silently."""
    if page.device == "cpu" or torch.cuda.is_available():
        return page.device
    message = "`parameter.device` is 'cuda', and CUDA is not there: the CPU is used."
    if asked:
        warnings.warn(message, MultitideWarning, stacklevel=4)
    else:
        logger.info(message)
    return "cpu"
