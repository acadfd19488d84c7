"""Compare networks with trees and published results on three real data sets.

    python benchmarks/real_data.py [hydraulic] [phalanx] [physionet2012] [--seeds 3] [--folder
    runs/real_data]

The networks are those of ``configs/NAME.toml``; nothing is chosen here. The predictions of each fit
on its test rows are a line of ``results.jsonl`` in the folder, so an interrupted run can be
resumed; other configurations are run again. Uses one thread. Prints the tables of
docs/results/real-data.md, and progress to stderr.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from results import Results
from sklearn import ensemble, metrics
from threadpoolctl import threadpool_limits

from multitide import Classification, Config, Samples, Split, Splitter, load_config
from multitide.study.design._window_features import window_features

ROOT = Path(__file__).resolve().parents[1]
RANKED = (
    "death"  # the task that is measured by how it ranks: its answers are probabilities
)
Answers = dict[str, np.ndarray]
Fit = Callable[[], Answers]


# -- what is measured ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    """One split: the rows for training and for validation, and the test rows of each task."""

    name: str
    samples: Samples
    train: np.ndarray
    validation: np.ndarray
    test: dict[str, np.ndarray]

    @property
    def learned(self) -> np.ndarray:
        return np.union1d(self.train, self.validation)

    def labels(self, task: str) -> np.ndarray:
        return self.samples.y[task].to_numpy(dtype=float, na_value=np.nan)[
            self.test[task]
        ]


class KnownAnswers:
    """Predictions on test rows, from the file if they are known."""

    def __init__(self, folder: Path, n_seeds: int) -> None:
        self.results, self.seeds = Results(folder), range(n_seeds)
        self.known = {}
        for row in self.results.rows:
            self.known[row["key"]] = row["answers"]

    def get(self, key: str, fit: Fit) -> Answers:
        """Return the predictions of a fit, from the file if they are stored."""
        if key not in self.known:
            started = time.perf_counter()
            answers = {
                task: np.round(values, 6).tolist() for task, values in fit().items()
            }
            self.results.add({"key": key, "answers": answers})
            self.known[key] = answers
            print(
                f"{key}: {time.perf_counter() - started:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        return {task: np.array(values) for task, values in self.known[key].items()}

    def network(self, case: Case, config: Config) -> list[Answers]:
        """Return the predictions of the configured network, one entry per seed."""
        said = hashlib.sha256(config.to_toml().encode()).hexdigest()[:8]
        key = f"{case.name} / network {said}"
        return [
            self.get(f"{key} / seed {seed}", lambda s=seed: train(case, config, s))
            for seed in self.seeds
        ]

    def trees(
        self, case: Case, config: Config, family: str, inputs: str, features: np.ndarray
    ) -> list[Answers]:
        """Return predictions of a forest or of boosting on these features, one model per task."""
        grow = FAMILIES[family]
        return [
            self.get(
                f"{case.name} / {family} / {inputs}",
                lambda: grow_all(case, config, grow, features),
            )
        ]


def train(case: Case, config: Config, seed: int) -> Answers:
    """Train one network on the tasks that the case tests."""
    tasks = [task for task in config.tasks or () if task.name in case.test]
    estimator = config.make_estimator(tasks=tasks, random_state=seed, verbose=0)
    estimator.fit(case.samples[case.train], validation=case.samples[case.validation])
    answers = estimator.predict(case.samples)
    if RANKED in answers:
        answers[RANKED] = estimator.predict_proba(case.samples)[RANKED][1]
    return {
        task: answers[task].to_numpy(dtype=float)[rows]
        for task, rows in case.test.items()
    }


# -- trees -----------------------------------------------------------------------------------------


def grow_all(
    case: Case, config: Config, grow: Callable[..., Any], features: np.ndarray
) -> Answers:
    """Fit one model per task, to the rows that have its label."""
    answers = {}
    for task in config.tasks or ():
        if task.name in case.test:
            y = case.samples.y[task.name].to_numpy(dtype=float, na_value=np.nan)
            sides = [rows[~np.isnan(y[rows])] for rows in (case.train, case.validation)]
            useful = features[:, varying(features[sides[0]])]
            model = grow(
                useful,
                y,
                *sides,
                "Classifier" if isinstance(task, Classification) else "Regressor",
            )
            answer = (
                (lambda x, m=model: m.predict_proba(x)[:, 1])
                if task.name == RANKED
                else model.predict
            )
            answers[task.name] = answer(useful[case.test[task.name]])
    return answers


def varying(x: np.ndarray) -> np.ndarray:
    """Return the features with two values or more; boosting cannot bin the others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns without any value
        return np.nanmin(x, axis=0) < np.nanmax(x, axis=0)


def grow_forest(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, validation: np.ndarray, kind: str
) -> Any:
    """Return ExtraTrees fitted to the training and validation rows."""
    rows = np.concatenate([train, validation])
    return getattr(ensemble, f"ExtraTrees{kind}")(300, random_state=0, n_jobs=1).fit(
        x[rows], y[rows]
    )


def boost(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, validation: np.ndarray, kind: str
) -> Any:
    """Return boosting on training and validation rows, with the best number of trees."""
    make, fixed = (
        getattr(ensemble, f"HistGradientBoosting{kind}"),
        {"early_stopping": False, "random_state": 0},
    )
    first = make(max_iter=300, learning_rate=0.05, **fixed).fit(x[train], y[train])
    if kind == "Classifier":
        stages, known = first.staged_predict_proba(x[validation]), y[validation]
        losses = [
            metrics.log_loss(known, stage, labels=first.classes_) for stage in stages
        ]
    else:
        losses = [
            np.square(stage - y[validation]).mean()
            for stage in first.staged_predict(x[validation])
        ]
    rows = np.concatenate([train, validation])
    return make(max_iter=int(np.argmin(losses)) + 1, learning_rate=0.05, **fixed).fit(
        x[rows], y[rows]
    )


FAMILIES = {"ExtraTrees": grow_forest, "HistGradientBoosting": boost}


def values_and_steps(samples: Samples) -> np.ndarray:
    """Return all values and all differences, as a network with `difference` reads them."""
    series = samples.gather(slice(None))
    return np.concatenate([series, np.diff(series, axis=2)], axis=2).reshape(
        len(series), -1
    )


def summaries(samples: Samples) -> np.ndarray:
    """Return statistics of each channel, and how often it was measured."""
    return np.concatenate(
        [
            window_features(samples),
            (~np.isnan(samples.gather(slice(None)))).sum(axis=2),
        ],
        axis=1,
    )


# -- tables ----------------------------------------------------------------------------------------


def accuracies(cases: Sequence[Case], runs: Sequence[Sequence[Answers]]) -> list[str]:
    """Return one cell per task over the test rows of all cases; `runs` has seeds per case."""
    return [
        spread([accuracy(cases, answers, task) for answers in zip(*runs, strict=True)])
        for task in cases[0].test
    ]


def accuracy(cases: Sequence[Case], answers: Sequence[Answers], task: str) -> float:
    right = [
        case.labels(task) == given[task]
        for case, given in zip(cases, answers, strict=True)
    ]
    return float(np.concatenate(right).mean())


def constant(cases: Sequence[Case]) -> list[str]:
    """Return the accuracy of the most frequent class of the training rows."""
    runs = []
    for case in cases:
        likely = case.samples.y.iloc[case.learned].mode().iloc[0]
        runs.append(
            [
                {
                    task: np.repeat(likely[task], len(rows))
                    for task, rows in case.test.items()
                }
            ]
        )
    return accuracies(cases, runs)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return "mean ± standard deviation", or the value alone."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def show(title: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> None:
    """Print a table as Markdown."""
    print(
        f"**{title}**\n\n| {' | '.join(['', *columns])} |\n|{'---|' * (len(columns) + 1)}"
    )
    print(
        "\n".join(f"| {' | '.join([name, *cells])} |" for name, cells in rows.items())
        + "\n"
    )


# -- the three data sets ---------------------------------------------------------------------------

# Published results, from the notes of the data; the protocol is the same only where the text
# says so.
PUBLISHED = {
    "hydraulic by run": {
        "ExtraTrees a task (published)": [".957", ".478", ".999", ".812", ".850"]
    },
    "hydraulic at random": {
        "one multi-task CNN, 100 Hz signals (published)": [
            "1.00",
            "1.00",
            ".98",
            ".95",
            "-",
        ],
        "one multi-task LSTM, 100 Hz signals (published)": [
            "1.00",
            ".75",
            ".95",
            ".85",
            "-",
        ],
        "ExtraTrees a task (published)": ["1.00", ".973", "1.00", ".995", ".991"],
    },
    "phalanx": {
        "ResNet per task, its training set (published)": [".718", ".770", ".663"],
        "InceptionTime per task, its training set (published)": [
            ".734",
            ".783",
            ".683",
        ],
        "ROCKET per task, its training set (published)": [".759", ".770", ".719"],
        "MultiRocket-Hydra per task, its training set (published)": [
            ".770",
            ".793",
            ".683",
        ],
    },
    "physionet2012": {
        "mean predictor, tested on set b (published)": [
            "-",
            "-",
            "13.15",
            "5.22",
            "4.12",
        ],
        "boosting a task on summaries, tested on set b (published)": [
            ".851",
            ".502",
            "12.36",
            "2.55",
            "1.68",
        ],
    },
}


def read(name: str) -> tuple[Config, Samples, list[str]]:
    """Return a configuration, its samples and the names of its tasks."""
    config = load_config(ROOT / "configs" / f"{name}.toml")
    samples = config.read()
    return config, samples, list(samples.y.columns)


def hydraulic(results: KnownAnswers) -> None:
    """Five folds of runs, and a random tenth."""
    config, samples, tasks = read("hydraulic")
    folds = config.splitter(samples).folds(samples)
    by_run = [
        whole_case(f"hydraulic, fold {i}", samples, split)
        for i, split in enumerate(folds, start=1)
    ]
    at_random = [
        whole_case(
            "hydraulic, random", samples, Splitter(by="random", test=0.1).split(samples)
        )
    ]
    every = dataclasses.replace(config, data={**config.data, "channels": None}).read()
    features = {
        "statistics of 17 sensors": window_features(every),
        "every value and step of 17 sensors": values_and_steps(every),
        "every value and step of the 7 sensors": values_and_steps(samples),
    }
    rows, grown, networks = hydraulic_rows(by_run, results, config, features)
    published = PUBLISHED["hydraulic by run"]
    show(
        "Hydraulic, five folds of runs, predictions pooled: accuracy",
        tasks,
        published | rows,
    )
    rows = {}
    for i, (case, trees, seeds) in enumerate(
        zip(by_run, grown, networks, strict=True), start=1
    ):
        rows[f"fold {i}, ExtraTrees, the 7 sensors"] = accuracies([case], [trees])
        rows[f"fold {i}, one network"] = accuracies([case], [seeds])
    show("Hydraulic, each fold of runs: accuracy", tasks, rows)
    rows, _, _ = hydraulic_rows(at_random, results, config, features)
    show(
        "Hydraulic, random 10 % test: accuracy",
        tasks,
        PUBLISHED["hydraulic at random"] | rows,
    )


def whole_case(name: str, samples: Samples, split: Split) -> Case:
    """Return a case in which all tasks have the same test rows."""
    return Case(
        name,
        samples,
        split.train,
        split.validation,
        dict.fromkeys(samples.y, split.test),
    )


def hydraulic_rows(
    cases: Sequence[Case],
    results: KnownAnswers,
    config: Config,
    features: Mapping[str, np.ndarray],
) -> tuple[dict[str, list[str]], list[list[Answers]], list[list[Answers]]]:
    """Return the rows of a table, and the predictions of trees and networks per case."""
    rows = {"most frequent class": constant(cases)}
    grown: list[list[Answers]] = []
    for label, x in features.items():
        grown = [results.trees(case, config, "ExtraTrees", label, x) for case in cases]
        rows[f"ExtraTrees a task, {label}"] = accuracies(cases, grown)
    networks = [results.network(case, config) for case in cases]
    rows[f"one network, the 7 sensors, {len(results.seeds)} seeds"] = accuracies(
        cases, networks
    )
    return rows, grown, networks


def phalanx(results: KnownAnswers) -> None:
    """The archive's test set per task: trained jointly, and on its own training set."""
    config, samples, tasks = read("phalanx")
    assert samples.extra is not None
    sides = samples.extra.set_axis(tasks, axis=1)
    test = {task: np.flatnonzero(sides[task] == "test") for task in tasks}
    joint = archive_case("joint", samples, (sides != "test").all(axis=1), test)
    alone = [
        archive_case(task, samples, sides[task] == "train", {task: test[task]})
        for task in tasks
    ]
    features = window_features(samples)
    rows = {"most frequent class": constant([joint])}
    for part, cases in {"the 514 series": [joint], "its training set": alone}.items():
        counts = [
            int(case.samples.y[task].iloc[case.learned].notna().sum())
            for case in cases
            for task in case.test
        ]
        where = f"{part} ({'/'.join(map(str, counts))} labels)"
        for family in FAMILIES:
            grown = [
                results.trees(
                    case, config, family, "statistics, values, steps", features
                )
                for case in cases
            ]
            rows[f"{family} a task, {where}"] = each(cases, grown)
        networks = [results.network(case, config) for case in cases]
        name = "one network" if len(cases) == 1 else "a network a task"
        rows[f"{name}, {where}, {len(results.seeds)} seeds"] = each(cases, networks)
    show(
        "Phalanx, the archive's test set of each task: accuracy",
        tasks,
        PUBLISHED["phalanx"] | rows,
    )


def archive_case(
    name: str, samples: Samples, learned: pd.Series, test: dict[str, np.ndarray]
) -> Case:
    """Return a case with a test set per task; validation is drawn from the training rows."""
    rows, rule = np.flatnonzero(learned), Splitter(by="random")
    train, validation = rule.hold_out(samples[rows], rule.validation)
    return Case(f"phalanx, {name}", samples, rows[train], rows[validation], test)


def each(cases: Sequence[Case], runs: Sequence[Sequence[Answers]]) -> list[str]:
    """Return the cells of one case after the other."""
    return [
        cell
        for case, answers in zip(cases, runs, strict=True)
        for cell in accuracies([case], [answers])
    ]


def physionet2012(results: KnownAnswers) -> None:
    """A random fifth of the stays, stratified by death."""
    config, samples, tasks = read("physionet2012")
    split = config.splitter(samples).split(samples)
    test = {
        task: split.test[samples.y[task].iloc[split.test].notna()] for task in tasks
    }
    case = Case("physionet2012", samples, split.train, split.validation, test)
    means = samples.y.iloc[case.learned].astype(float).mean()
    rows = {
        "mean predictor": outcomes(
            case, [{task: np.repeat(means[task], len(test[task])) for task in tasks}]
        )
    }
    for family in FAMILIES:
        answers = results.trees(case, config, family, "summaries", summaries(samples))
        rows[f"{family} a task on summaries"] = outcomes(case, answers)
    rows[f"one network, {len(results.seeds)} seeds"] = outcomes(
        case, results.network(case, config)
    )
    columns = [
        "death AUROC",
        "death average precision",
        "length of stay RMSE",
        "SAPS RMSE",
        "SOFA RMSE",
    ]
    show(
        "PhysioNet 2012, random 20 % test of set a",
        columns,
        PUBLISHED["physionet2012"] | rows,
    )


def outcomes(case: Case, runs: Sequence[Answers]) -> list[str]:
    """Return the AUC of death, and the errors of the other tasks in their own units."""
    cells = [
        spread([score(case.labels(RANKED), run[RANKED]) for run in runs])
        for score in (metrics.roc_auc_score, metrics.average_precision_score)
    ]
    for task in case.test:
        if task != RANKED:
            errors = [
                metrics.root_mean_squared_error(case.labels(task), run[task])
                for run in runs
            ]
            cells.append(spread(errors, 2))
    return cells


STUDIES = {"hydraulic": hydraulic, "phalanx": phalanx, "physionet2012": physionet2012}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure three real data sets.")
    parser.add_argument(
        "names",
        nargs="*",
        choices=[[], *STUDIES],
        metavar="NAME",
        help=", ".join(STUDIES),
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="networks of each configuration"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "runs" / "real_data",
        help="where answers are kept",
    )
    arguments = parser.parse_args()
    if not (ROOT.parent / "shared" / "data").exists():
        parser.exit(
            message="Skipped: the data are not there (see the paths in configs/).\n"
        )
    torch.set_num_threads(1)
    results = KnownAnswers(arguments.folder, arguments.seeds)
    with threadpool_limits(1):
        for name in arguments.names or STUDIES:
            STUDIES[name](results)


if __name__ == "__main__":
    main()
