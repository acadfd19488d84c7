"""Make an estimator from a configuration of the reference system."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

import torch

from multitide._checks import check_choice, gathering, raise_problems, suggest
from multitide._estimator import MultiTaskEstimator
from multitide._part import annotation_problems
from multitide.balancing._fixed import Fixed
from multitide.compat._hyperparameters import PAGES, CNNPage, FCPage, MultiPage, Page
from multitide.compat._model_folder import model_folder
from multitide.encodings._inputs import Inputs
from multitide.errors import MultitideWarning, ParameterError
from multitide.tasks import Classification, Regression, Task
from multitide.training._settings import Training

logger = logging.getLogger("multitide")

Values: TypeAlias = dict[
    str, Any
]  # hyperparameters by name, which the page's annotations check
KEYS = ("model", "best_model_path", "parameter")
# The page says `dropout`; the reference's config.py says `drop_out` in places.
ALIASES = {"drop_out": "dropout"}


def from_reference_config(
    config: Mapping[str, object], tasks: Sequence[str] | None = None
) -> MultiTaskEstimator:
    """Make an estimator from a configuration of the reference system.

    ``input_size``, ``num_classes`` and ``seq_len`` are checked against the data in ``fit``. The
    estimator trains like the reference: Adam with a constant learning rate, no weight decay and no
    gradient clipping, for all of ``num_epochs``. It keeps the best epoch on the validation set by
    the mean loss over tasks; the reference uses the accuracy only.

    Parameters
    ----------
    config : mapping
        ``{"model": "LSTM", "best_model_path": "./ckpt/lstm.pt", "parameter": {"input_size": 9,
        ...}}``. Hyperparameters that are missing from ``parameter`` have the page's defaults.
    tasks : sequence of str, optional
        Names of the label columns, in the order of the tasks. Default: "class" for classification
        and "number" for regression; "class_1", "class_2" or "number_1", "number_2" if both tasks
        have the same kind.

    Returns
    -------
    MultiTaskEstimator
        Not fitted. ``fit(X, y, start=model_folder(other_config))`` starts from a saved model;
        ``freeze`` keeps its backbone unchanged.

    Raises
    ------
    ParameterError
        With all unknown names, missing values and values out of range.

    Warns
    -----
    MultitideWarning
        If the configuration sets "cuda" and there is none; the CPU is used.
    """
    problems: list[str] = []
    kind, values = _read(config, problems)
    if kind is not None:
        problems += annotation_problems(kind, values, "parameter")
        if tasks is not None:
            problems += _name_problems(tasks, kind)
    if "best_model_path" in config:
        with gathering(problems):
            model_folder(config)
    raise_problems(problems)
    assert kind is not None
    return _estimator(kind(**values), tasks, device_is_given="device" in values)


def _read(
    config: Mapping[str, object], problems: list[str]
) -> tuple[type[Page] | None, Values]:
    """Return the page of the model and its hyperparameters; add to `problems`."""
    if not isinstance(config, Mapping):
        raise ParameterError(
            "`config` must be a mapping with "
            f"{', '.join(map(repr, KEYS))}; "
            f"got {config!r}."
        )
    for key in config:
        if key not in KEYS:
            problems.append(f"`config` has no key {key!r}.{suggest(str(key), KEYS)}")
    values = config.get("parameter", {})
    if not isinstance(values, Mapping):
        problems.append(
            f"`parameter` must be a mapping of hyperparameters; got {values!r}."
        )
        values = {}
    with gathering(problems):
        check_choice("model", config.get("model"), PAGES)
        kind = PAGES[str(config["model"])]
        return kind, _without_aliases(kind, values, problems)
    return None, {}


def _without_aliases(
    kind: type[Page], values: Mapping[str, object], problems: list[str]
) -> Values:
    """Return the values under the page's names."""
    known = set()
    for field in fields(kind):
        known.add(field.name)
    if {"dropout", "drop_out"} <= set(values) and "dropout" in known:
        problems.append(
            "`parameter` must have either 'dropout' "
            "or 'drop_out', which are the same; "
            "got both."
        )
    renamed: Values = {}
    for key, value in values.items():
        if ALIASES.get(key) in known:
            name = ALIASES[key]
        else:
            name = str(key)
        renamed[name] = value
    return renamed


def _name_problems(names: object, kind: type[Page]) -> list[str]:
    if issubclass(kind, MultiPage):
        n_tasks = 2
    else:
        n_tasks = 1
    if isinstance(names, Sequence) and not isinstance(names, str):
        all_text = all(isinstance(name, str) for name in names)
        if all_text and len(names) == len(set(names)) == n_tasks:
            return []
    return [
        f"`tasks` must be a list of {n_tasks} different "
        "names of label columns, one per task; "
        f"got {names!r}."
    ]


def _default_names(class_counts: Sequence[int]) -> list[str]:
    kinds = []
    for n in class_counts:
        kinds.append("number" if n == 1 else "class")
    if len(set(kinds)) == len(kinds):
        return kinds
    names = []
    for i, kind in enumerate(kinds, start=1):
        names.append(f"{kind}_{i}")
    return names


def _task(name: str, n_classes: int) -> Task:
    if n_classes == 1:
        return Regression(name)
    return Classification(name, n_classes=n_classes)


def _n_timepoints(page: Page) -> int | None:
    if isinstance(page, CNNPage):
        return page.seq_len
    if isinstance(page, FCPage):
        return 1
    return None


def _estimator(
    page: Page, names: Sequence[str] | None, device_is_given: bool
) -> MultiTaskEstimator:
    counts = page.class_counts()
    names = names or _default_names(counts)
    training = Training(
        weight_decay=0.0,
        schedule="constant",
        patience=None,
        clip_norm=None,
        order="shuffle",
        freeze="backbone" if getattr(page, "freeze", False) else "nothing",
    )
    return MultiTaskEstimator(
        [_task(name, n_classes) for name, n_classes in zip(names, counts, strict=True)],
        backbone=page.backbone(),
        inputs=Inputs(n_channels=page.input_size, n_timepoints=_n_timepoints(page)),
        weighting=Fixed(alpha=page.alpha) if isinstance(page, MultiPage) else "uniform",
        max_epochs=page.num_epochs,
        batch_size=page.batch_size,
        lr=page.lr,
        training=training,
        device=_device(page, device_is_given),
    )


def _device(page: Page, is_given: bool) -> str:
    """Return the page's device, or the CPU without CUDA; warn only if the user set the device."""
    if page.device == "cpu" or torch.cuda.is_available():
        return page.device
    message = (
        "`parameter.device` is 'cuda', but CUDA is not available: the CPU is used."
    )
    if is_given:
        warnings.warn(message, MultitideWarning, stacklevel=4)
    else:
        logger.info(message)
    return "cpu"
