"""Wind direction and fine dust of Beijing from weather, by one network.

    python examples/beijing_pm25.py [path/to/beijing_pm25.csv]

Reads ../shared/data where it lies there; else downloads the table once. A few minutes on one core.
The settings are those of configs/beijing_pm25.toml; what each of them is worth, and how the figures
compare: docs/results/beijing.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import multitide as mt
from multitide.backbones import LSTMFCN
from multitide.encodings import PiecewiseLinear

NEARBY = Path(__file__).resolve().parents[2] / "shared" / "data" / "beijing_pm25.csv"


def make_estimator() -> mt.MultiTaskEstimator:
    """One network for both tasks; bins of the cumulated wind speed, which drops at each turn."""
    bins = PiecewiseLinear(n_bins=16, channels=("Iws", "Iws_difference"))
    return mt.MultiTaskEstimator(
        backbone=LSTMFCN(hidden_size=64, filters=(32, 32, 16), conv_dropout=0.3),
        inputs=mt.Inputs(encodings=("difference", bins)),
        training=mt.Training(
            schedule="cosine", averaging=0.99, patience=None, refit=True
        ),
        max_epochs=8,
        batch_size=256,
        lr=0.008,
        random_state=0,
    )


def main(path: Path | None) -> None:
    samples = mt.datasets.load_beijing_pm25(path, missing_rows="drop", on_gap="ignore")
    split = mt.Splitter(by="time", test=0.2, validation=0.15).split(samples)
    print(split.counts(samples.y))
    estimator = make_estimator().fit(
        samples[split.train], validation=samples[split.validation]
    )
    print(estimator.evaluate(samples[split.test]).to_string(index=False))
    print(estimator.predict(samples[split.test][:5]))


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else NEARBY if NEARBY.exists() else None
    )
