"""Multi-task learning on time series: one network answers several questions about a series at once."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Which module holds which public name. A name is imported when it is first used, so that `import multitide` and
# `multitide --help` need no torch. `__init__.pyi` says the same to type checkers; a test keeps the two equal.
_PUBLIC = {
    "config_file": ("Config", "config_problems", "load_config"),
    "encodings.inputs": ("Inputs",),
    "errors": (
        "DataError",
        "MissingDependencyError",
        "MultitideError",
        "MultitideWarning",
        "ParameterError",
        "StoreError",
    ),
    "estimator": ("MultiTaskEstimator",),
    "gradients": ("GradientFlow", "gradient_flow"),
    "loop.affinity": ("AffinityRecorder",),
    "loop.callbacks": ("Callback",),
    "loop.recording": ("GradientRecorder",),
    "loop.training": ("Training",),
    "reporting": ("write_study_report",),
    "samples": ("Samples",),
    "simulate": ("rig_truth", "simulate_rig"),
    "splits": ("Split", "Splitter"),
    "study": (
        *("Comparison", "Comparisons", "Conditions", "Grouping", "LabelCurve"),
        *("check_conditions", "compare", "compare_many", "group_tasks", "label_curve"),
    ),
    "tables": ("column_roles", "read_like", "read_table"),
    "tasks": ("Classification", "Forecast", "MultiLabel", "Regression", "Task", "describe_tasks"),
    "tuning": ("Tuning", "tune"),
}
# Reached as attributes too: `import multitide as mt; mt.plot.history(...)`.
_MODULES = (
    *("backbones", "balancing", "compat", "datasets", "encodings", "methods", "plot", "plot_gradients"),
    *("plot_ranks", "plot_study", "plot_tuning", "representations", "sharing"),
)

_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
