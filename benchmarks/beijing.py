"""Beijing: one network for wind and PM2.5, compared with gradient boosting.

    python benchmarks/beijing.py [ablation] [refit] [reference] [honest] [--seeds 5]
    [--ablation-seeds 2]

``ablation`` changes one setting at a time in ``configs/beijing_pm25.toml`` and measures the loss on
the validation set. ``refit`` measures whether it helps to train once more with the rows that chose
the epoch: the validation set takes the place of the test set, and the end of the training set
chooses the epoch. Neither reads the test set. ``reference`` evaluates the network of that file on
the test set, in the protocol of the reference system. ``honest`` evaluates the network of
``configs/beijing_pm25_honest.toml``: rows without PM2.5 are kept, and no window crosses a gap.
These two choose nothing. Each fit is a line of ``results.jsonl`` in ``runs/beijing``
(``--folder``), so an interrupted run can be resumed; fits with other settings are run again.
``--known`` trains nothing and prints the stored results. Uses one thread. Prints the tables of
docs/results/beijing.md, and progress to stderr.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from results import Results
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import accuracy_score, log_loss, r2_score
from threadpoolctl import threadpool_limits

from multitide import Config, Inputs, MultiTaskEstimator, Samples, Split, load_config
from multitide.backbones import FC, FCN
from multitide.balancing import Fixed
from multitide.encodings import PiecewiseLinear
from multitide.network._network import Predictor

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
WIND, DUST = "cbwd", "pm2.5"
Figures = dict[str, float]

# The reference system's LSTM-FCN as its authors' code gave it, from ../shared/data/README.md; not
# measured here.
PUBLISHED = {
    "the reference system's LSTM-FCN (published)": {"accuracy": 0.657, "r2": -0.007}
}


def bins(*channels: str) -> PiecewiseLinear:
    return PiecewiseLinear(n_bins=16, channels=channels or None)


CHANGES: dict[str, dict[str, Any]] = {
    "as configured": {},
    "no encodings": {"inputs": Inputs()},
    "differences only": {"inputs": Inputs(encodings=("difference",))},
    "bins of Iws only": {"inputs": Inputs(encodings=(bins("Iws"),))},
    "bins of every channel": {"inputs": Inputs(encodings=("difference", bins()))},
    "lr 0.001": {"lr": 0.001},
    "lr 0.004": {"lr": 0.004},
    "batches of 64": {"batch_size": 64},
    "one_cycle schedule": {"training__schedule": "one_cycle"},
    "no averaging": {"training__averaging": None},
    "weight decay 0.01": {"training__weight_decay": 0.01},
    "weight decay 0.3": {"training__weight_decay": 0.3},
    "conv_dropout 0.1": {"backbone__conv_dropout": 0.1},
    "lstm_dropout 0": {"backbone__lstm_dropout": 0.0},
    "filters 128, 128, 16": {"backbone__filters": (128, 128, 16)},
    "hidden_size 96": {"backbone__hidden_size": 96},
    "without the LSTM (fcn)": {"backbone": FCN(filters=(32, 32, 16), conv_dropout=0.3)},
    "a flat window (fc, 256 units)": {"backbone": FC(hidden_size=256, dropout=0.3)},
    "PM2.5 weighs 0.3": {"weighting": Fixed(weights={DUST: 0.3})},
    "a network a task": {"sharing": "none"},
}


@dataclass(frozen=True)
class Case:
    """A configuration with its samples and their split."""

    config: Config
    samples: Samples
    split: Split

    @classmethod
    def load(cls, name: str) -> Case:
        config = load_config(CONFIGS / f"{name}.toml")
        samples = config.read()
        return cls(config, samples, config.splitter(samples).split(samples))

    def before_test(self) -> Case:
        """Return the case that tests on the validation set and chooses on the end of training."""
        train, splitter = self.split.train, self.config.splitter(self.samples)
        keep, held_out = splitter.hold_out(self.samples[train], splitter.validation)
        return Case(
            self.config,
            self.samples,
            Split(train[keep], train[held_out], self.split.validation),
        )

    @property
    def both(self) -> np.ndarray:
        """All rows before the test set."""
        return np.union1d(self.split.train, self.split.validation)

    def make(self, **params: Any) -> MultiTaskEstimator:
        return clone(self.config.make_estimator(verbose=0)).set_params(**params)

    def fit(self, estimator: MultiTaskEstimator) -> MultiTaskEstimator:
        return estimator.fit(
            self.samples[self.split.train],
            validation=self.samples[self.split.validation],
        )


class KnownFigures:
    """Metrics of fits, from the file if they are known."""

    def __init__(self, folder: Path, only_known: bool) -> None:
        self.results, self.only_known = Results(folder), only_known
        self.known: dict[str, dict[str, Figures]] = {}
        for row in self.results.rows:
            self.known[row["key"]] = row["figures"]

    def get(
        self,
        name: str,
        settings: Any,
        fit: Callable[..., dict[str, Figures]],
        *args: Any,
    ) -> dict[str, Figures]:
        """Return the metrics of each arm of ``fit(*args)``, from the file if they are known."""
        key = f"{name} / {hashlib.sha256(str(settings).encode()).hexdigest()[:8]}"
        if key not in self.known and not self.only_known:
            started = time.process_time()
            self.known[key] = fit(*args)
            self.results.add({"key": key, "figures": self.known[key]})
            print(
                f"{key}: {time.process_time() - started:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        return self.known.get(key, {})

    def network(
        self,
        name: str,
        measure: Callable[..., dict[str, Figures]],
        case: Case,
        **params: Any,
    ) -> Any:
        """Return the metrics of each arm of the configured network with these parameters."""
        estimator = case.make(**params)
        return self.get(
            name, estimator.get_params(deep=False), measure, estimator, case
        )


# -- what is measured ------------------------------------------------------------------------------


def figures(estimator: MultiTaskEstimator, samples: Samples) -> Figures:
    """Return accuracy of the wind, R2 of PM2.5, and both losses in units of the trivial loss."""
    value = estimator.evaluate(samples).set_index(["task", "metric"])["value"]
    return {
        "accuracy": float(value[WIND, "accuracy"]),
        "r2": float(value[DUST, "r2"]),
        "wind_loss": float(value[WIND, "loss"]),
        "dust_loss": float(value[DUST, "loss"]),
        "epoch": float(np.mean(list(estimator.best_epoch_.values()))),
    }


def joint(estimator: MultiTaskEstimator) -> MultiTaskEstimator:
    """Return the estimator with its joint weights first; ``keep="per_task"`` stores them too.

    It is the one that ``keep="joint"`` keeps as long as no patience ends training, which looks at
    what is kept.
    """
    twin = copy.copy(estimator)
    network = estimator.model_.network_list[0]
    twin.model_ = Predictor([network], [network.names])
    return twin


def validated(estimator: MultiTaskEstimator, case: Case) -> dict[str, Figures]:
    """Train on the training set and evaluate on the validation set."""
    return {
        "network": figures(case.fit(estimator), case.samples[case.split.validation])
    }


def tested(estimator: MultiTaskEstimator, case: Case) -> dict[str, Figures]:
    """Train with the epoch chosen on the validation set, and evaluate on the test set."""
    test = case.samples[case.split.test]
    case.fit(estimator)
    if estimator.sharing == "none":
        return {"none": figures(estimator, test)}
    return {
        "joint": figures(joint(estimator), test),
        "per_task": figures(estimator, test),
    }


def window_numbers(samples: Samples) -> np.ndarray:
    """Return the input of boosting: values, steps, and mean, deviation and change per channel."""
    x = samples.gather(slice(None))
    flat = [x.reshape(len(x), -1), np.diff(x, axis=2).reshape(len(x), -1)]
    return np.concatenate(
        [*flat, x.mean(axis=2), x.std(axis=2), x[:, :, -1] - x[:, :, 0]], axis=1
    )


def boosted(
    samples: Samples, learned: np.ndarray, measured: np.ndarray
) -> dict[str, Figures]:
    """Boost each label on its labelled rows."""
    features, y = window_numbers(samples), samples.y
    rows = {
        task: [side[y[task].notna().to_numpy()[side]] for side in (learned, measured)]
        for task in (WIND, DUST)
    }
    (wind, wind_rows), (dust, dust_rows) = rows[WIND], rows[DUST]
    classes = HistGradientBoostingClassifier(max_iter=200, random_state=0).fit(
        features[wind], y[WIND].iloc[wind]
    )
    numbers = HistGradientBoostingRegressor(max_iter=200, random_state=0).fit(
        features[dust], y[DUST].iloc[dust]
    )
    shares, level = (
        y[WIND].iloc[wind].value_counts(normalize=True),
        y[DUST].iloc[dust].mean(),
    )
    answers, truth = numbers.predict(features[dust_rows]), y[DUST].iloc[dust_rows]
    given = classes.predict_proba(features[wind_rows])
    entropy = -(shares * np.log(shares)).sum()
    figures = {
        "accuracy": accuracy_score(
            y[WIND].iloc[wind_rows], classes.predict(features[wind_rows])
        ),
        "r2": r2_score(truth, answers),
        "wind_loss": log_loss(y[WIND].iloc[wind_rows], given, labels=classes.classes_)
        / entropy,
        "dust_loss": float(
            ((truth - answers) ** 2).mean() / ((y[DUST].iloc[dust] - level) ** 2).mean()
        ),
    }
    trivial = {
        "accuracy": float((y[WIND].iloc[wind_rows] == shares.idxmax()).mean()),
        "r2": r2_score(truth, np.full(len(truth), level)),
    }
    return {
        "boosting": {name: float(value) for name, value in figures.items()},
        "trivial": trivial,
    }


# -- the commands ----------------------------------------------------------------------------------


def ablation(results: KnownFigures, n_seeds: int) -> None:
    """Print the effect of each change on the validation set."""
    case = Case.load("beijing_pm25")
    rows: dict[str, list[Figures]] = {}
    for change, params in CHANGES.items():
        for seed in range(n_seeds):
            settings = {"random_state": seed, "training__refit": False, **params}
            found = results.network(
                f"ablation / {change} / {seed}", validated, case, **settings
            )
            rows.setdefault(change, []).extend(found.values())
    train, validation = case.split.train, case.split.validation
    found = results.get(
        "ablation / boosting", "", boosted, case.samples, train, validation
    )
    rows["gradient boosting a label"] = [
        each for arm, each in found.items() if arm == "boosting"
    ]
    print(
        f"\nValidation part, {len(validation)} windows; means; losses: 1 is the trivial one\n"
    )
    print_table(
        ["change", "fits", "mean loss", *COLUMNS.values()],
        {name: mean_row(each) for name, each in rows.items() if each},
    )


def on_test(
    results: KnownFigures,
    name: str,
    case: Case,
    n_seeds: int,
    *,
    alone: bool,
    published: Mapping[str, Figures],
) -> None:
    """Print the test metrics of the configured network and of boosting."""
    rows: dict[str, list[Figures]] = {
        key: [value] for key, value in published.items()
    } | {"best constant": []}
    for what, learned in (
        ("training rows", case.split.train),
        ("training and validation rows", case.both),
    ):
        found = results.get(
            f"{name} / boosting {what}",
            "",
            boosted,
            case.samples,
            learned,
            case.split.test,
        )
        for arm, values in found.items():
            rows[
                "best constant"
                if arm == "trivial"
                else f"gradient boosting a label, {what}"
            ] = [values]
    for refit, sharing in (
        (False, "hard"),
        (True, "hard"),
        *([(True, "none")] if alone else []),
    ):
        for seed in range(n_seeds):
            params = {
                "random_state": seed,
                "keep": "per_task",
                "sharing": sharing,
                "training__refit": refit,
            }
            for arm, values in results.network(
                f"{name} / network / {seed}", tested, case, **params
            ).items():
                rows.setdefault(
                    f"{ARMS[arm]}, {'refit' if refit else 'training rows'}", []
                ).append(values)
    print(f"\n{name}: {len(case.split.test)} windows; networks: mean (range)\n")
    print(case.split.counts(case.samples.y).to_string(), "\n")
    table = {
        row: [
            spread(found, "accuracy"),
            spread(found, "r2"),
            "" if row in published else str(len(found)),
        ]
        for row, found in rows.items()
        if found
    }
    print_table(["", "wind accuracy", "PM2.5 R2", "fits"], table)


COLUMNS = {
    "dust_loss": "PM2.5 loss",
    "wind_loss": "wind loss",
    "accuracy": "wind accuracy",
    "r2": "PM2.5 R2",
    "epoch": "epoch",
}
ARMS = {
    "joint": "one network, joint",
    "per_task": "one network, per_task",
    "none": "a network a task",
}


def mean_row(found: list[Figures]) -> list[str]:
    means = pd.DataFrame(found).mean()
    loss = (means["dust_loss"] + means["wind_loss"]) / 2
    return [
        str(len(found)),
        f"{loss:.3f}",
        *(
            f"{means[c]:.{1 if c == 'epoch' else 3}f}" if c in means else ""
            for c in COLUMNS
        ),
    ]


def spread(found: list[Figures], name: str) -> str:
    values = [each[name] for each in found]
    return f"{np.mean(values):.3f}" + (
        f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
    )


def print_table(columns: list[str], rows: Mapping[str, list[str]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(values) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts",
        nargs="*",
        default=[],
        help="ablation, refit, reference, honest; all of them without",
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ablation-seeds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("runs/beijing"))
    parser.add_argument(
        "--known", action="store_true", help="train nothing, print what is known"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    results, parts = (
        KnownFigures(options.folder, options.known),
        options.parts or ["ablation", "refit", "reference", "honest"],
    )
    reference, honest = "beijing_pm25", "beijing_pm25_honest"
    with threadpool_limits(1):
        if "ablation" in parts:
            ablation(results, options.ablation_seeds)
        if "refit" in parts:
            case = Case.load(reference).before_test()
            on_test(
                results,
                "before the test set",
                case,
                options.seeds,
                alone=False,
                published={},
            )
        if "reference" in parts:
            on_test(
                results,
                reference,
                Case.load(reference),
                options.seeds,
                alone=True,
                published=PUBLISHED,
            )
        if "honest" in parts:
            on_test(
                results,
                honest,
                Case.load(honest),
                options.seeds,
                alone=True,
                published={},
            )


if __name__ == "__main__":
    main()
