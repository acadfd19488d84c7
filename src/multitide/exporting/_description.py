"""What an exported file says about itself, as JSON in its metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from multitide._installed_versions import installed_versions
from multitide.exporting._exported_model import ExportedModel
from multitide.exporting._interval_output import LEVEL
from multitide.model._schema import DataRecord
from multitide.tasks import (
    ClassificationTarget,
    MultiLabelTarget,
    RegressionTarget,
    Target,
)

KEY = "multitide"  # of the metadata
FORMAT = 1

# JSON values, for readers in any language.
Description: TypeAlias = "dict[str, object]"


def describe_exported(model: ExportedModel, record: DataRecord) -> Description:
    """Return the inputs, the outputs and the versions of an exported model.

    Parameters
    ----------
    model : ExportedModel
        What is exported.
    record : DataRecord
        Its data set.
    """
    tasks = []
    names = output_names(model.tasks, model.with_interval)
    intervals = dict(zip(model.with_interval, names[len(model.tasks) :], strict=True))
    for task, output in zip(model.tasks, names, strict=False):
        described = describe_task(model.targets[task])
        described["output"] = output
        if task in intervals:
            described["interval"] = intervals[task]
            described["level"] = LEVEL
        tasks.append(described)
    series: Description = {
        "channels": list(record.channels),
        "categories": record.categories,
        "dtype": str(model.series_dtype).removeprefix("torch."),
        "n_timepoints": record.n_timepoints,
        "fixed_length": model.n_timepoints is not None,
        "shortest": model.shortest,
    }
    inputs: Description = {"series": series}
    if model.static is not None:
        inputs["static"] = {"columns": model.static.categories}
    return {
        "format": FORMAT,
        "inputs": inputs,
        "tasks": tasks,
        "versions": installed_versions(),
    }


def output_names(tasks: Sequence[str], with_interval: Sequence[str] = ()) -> list[str]:
    """Return the name of each output: that of the task, unless an input has it; then intervals."""
    names: list[str] = []
    for name in (*tasks, *(f"{task}_interval" for task in with_interval)):
        while name in ("series", "lengths", "static", *names):
            name += "_"
        names.append(name)
    return names


def describe_task(target: Target) -> Description:
    """Return what a program needs to know of a task to read its predictions."""
    described: Description = {
        "name": target.task.name,
        "kind": target.task.kind,
        "columns": target.task.columns,
        **target.to_config(),
    }
    if isinstance(target, RegressionTarget) and target.n_outputs > 1:
        described["quantiles"] = list(target.task.quantiles)
    if isinstance(target, ClassificationTarget):
        if target.positive is not None:
            described["positive"] = target.classes[target.positive]
            described["threshold"] = target.thresholds_or_none[0]
        elif (target.decision_weights != 1).any():
            described["decision_weights"] = target.decision_weights.tolist()
    if isinstance(target, MultiLabelTarget):
        described["thresholds"] = target.thresholds_or_none
    return described
