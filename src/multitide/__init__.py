"""Multi-task learning on time series: one network predicts several labels of a series at once."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# The public names by module. A name is imported when it is first used, so that `import multitide`
# and `multitide --help` do not import torch. `__init__.pyi` declares the same names for type
# checkers; a test keeps the two equal.
_PUBLIC = {
    "_alarm_lead_times": ("alarm_lead_times",),
    "_compare_runs": ("RunComparison", "compare_runs"),
    "_estimator": ("MultiTaskEstimator",),
    "_gradient_flow": ("GradientFlow", "gradient_flow"),
    "_load": ("load",),
    "_run_fit": ("Run", "run_fit"),
    "config": ("Config", "DataSection", "config_problems", "load_config"),
    "data": (
        *("Samples", "Split", "Splitter", "column_roles", "read_like", "read_parts"),
        *("read_table", "rig_truth", "simulate_rig"),
    ),
    "drift": ("DriftReport", "check_data"),
    "encodings": ("Inputs",),
    "ensemble": ("Ensemble",),
    "exporting": ("export",),
    "errors": (
        "DataError",
        "MissingDependencyError",
        "MultitideError",
        "MultitideWarning",
        "ParameterError",
        "StoreError",
    ),
    "reasons": ("Explanation", "SampleReasons", "explain"),
    "reports": ("write_explanation", "write_study_report"),
    "study": (
        *("Comparison", "Comparisons", "Conditions", "Grouping", "LabelCurve"),
        *("check_conditions", "compare", "compare_many", "group_tasks", "label_curve"),
    ),
    "tasks": (
        "Classification",
        "Forecast",
        "Metric",
        "MultiLabel",
        "Regression",
        "Survival",
        "Task",
        "describe_tasks",
    ),
    "training": (
        *("AffinityRecorder", "Callback", "GradientRecorder"),
        *("MLflow", "TensorBoard", "Training"),
    ),
    "tuning": ("Tuning", "tune"),
}
# Modules that are attributes too: `import multitide as mt; mt.plot.history(...)`.
_MODULES = {
    "backbones": "backbones",
    "balancing": "balancing",
    "compat": "compat",
    "datasets": "data.datasets",
    "encodings": "encodings",
    "methods": "methods",
    "plot": "plot",
    "representations": "representations",
    "sharing": "sharing",
}

_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:  # a class, a function or a module
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
