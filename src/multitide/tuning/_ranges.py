"""What is searched by default: ranges as plain values, as ``[tune.space]`` of a configuration holds them.

A list holds choices, a table with ``low`` and ``high`` a range. Where there are parts to choose
from (backbone, sharing, weighting, aggregator), a table holds those to try, each with the ranges of
its parameters. What costs much and seldom wins is left out; a configuration can name it.
"""

from __future__ import annotations

from typing import Any

WIDTHS = [[32, 32, 32], [64, 64, 32], [128, 128, 16]]
DROPOUTS = [0.0, 0.1, 0.3]
RECURRENT = {"hidden_size": [32, 64, 128], "num_layers": [1, 2], "dropout": DROPOUTS}

RANGES: dict[str, Any] = {
    "lr": {"low": 3e-4, "high": 3e-2, "log": True},
    "batch_size": [16, 32, 64, 128],
    "training": {"weight_decay": {"low": 1e-4, "high": 0.1, "log": True}},
    "backbone": {
        "lstm_fcn": {"filters": WIDTHS, "hidden_size": [16, 32, 64], "conv_dropout": DROPOUTS},
        "fcn": {"filters": WIDTHS, "conv_dropout": DROPOUTS},
        "gru": RECURRENT,
        "cnn1d": {
            "output_channels": [32, 64],
            "hidden_channels": [16, 32, 64],
            "dropout": DROPOUTS,
        },
        "inception_time": {"n_filters": [8, 16, 32], "n_blocks": [1, 2]},
    },
    "sharing": {
        "hard": {"branch": [0, 1]},
        "none": {},
        "soft": {"strength": {"low": 1e-4, "high": 1.0, "log": True}},
        "cross_stitch": {},
    },
    "weighting": {"uniform": {}, "uncertainty": {}, "dwa": {}, "geometric_mean": {}},
    "aggregator": {"pcgrad": {}, "upgrad": {}},
}
# What validation cannot choose, each with the reason.
NOT_SEARCHED = {
    "keep": "each task's own best epoch always looks better on validation, which it was chosen on",
    "training.refit": "a refit is measured on no validation part",
    "tasks": "another question has another loss",
    "validation": "it is what settings are chosen on",
    "random_state": "a lucky seed is no setting",
    "device": "it decides the time and not the result",
    "verbose": "it decides nothing",
}
