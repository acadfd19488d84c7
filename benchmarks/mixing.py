"""Choose how the default combines its network and its trees, on validation sets only.

    python benchmarks/mixing.py [CASE ...] [--seeds 1] [--folder runs/mixing] [--tasks] [--wider]

The network and the boosted trees of ``backbone="auto"`` are fitted on the training set of each
case. Each rule then finds the weight of the trees per task on four fifths of the validation set,
and is judged on the rest, in five folds of whole recordings. The table shows the mean loss of the
tasks in units of the trivial loss, and the number of tasks where the rule is over 1 % worse than
the better of the two. No test set is read. The predictions are kept in the folder, so that an
interrupted run continues.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from cases import CASES, Case

from multitide import MultiTaskEstimator
from multitide.backbones import Trees
from multitide.fitting._auto_backbone import boosted_trees
from multitide.fitting._data_sets import to_data_sets
from multitide.fitting._greedy_weights import greedy_weights

N_FOLDS = 5
SHARES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
NETWORK, TREES, CAUTIOUS, FOREST = "network", "trees", "leaf20", "forest"
ENOUGH_LABELS = 200  # with fewer, some rules choose for several tasks together
Losses = dict[str, np.ndarray]  # by task, (n_shares, n_labelled)


class Rows:
    """The labelled validation rows of a task.

    Attributes
    ----------
    predictions : dict of str to ndarray
        By candidate.
    row_losses : callable
        The losses of the rows, given predictions of all of them.
    groups : ndarray of int
        The recording of each row.
    """

    def __init__(
        self,
        predictions: dict[str, np.ndarray],
        row_losses: Callable[[np.ndarray], np.ndarray],
        groups: np.ndarray,
    ) -> None:
        self.predictions = predictions
        self.row_losses = row_losses
        self.groups = groups
        self.known = ~np.isnan(row_losses(predictions[NETWORK]))

    def losses(self, share: float) -> np.ndarray:
        """Return the losses of the labelled rows with a weight of the trees."""
        network, trees = self.predictions[NETWORK], self.predictions[TREES]
        return self.row_losses((1 - share) * network + share * trees)[self.known]

    def losses_of_mean(self, weights: dict[str, float]) -> np.ndarray:
        """Return the losses of the labelled rows with weights of the candidates."""
        mean = sum(weight * self.predictions[name] for name, weight in weights.items())
        return self.row_losses(np.asarray(mean))[self.known]


def fitted(name: str, case: Case, seed: int) -> MultiTaskEstimator:
    """Fit a candidate on the training set."""
    split = case.splits[0]
    samples = case.samples[split.train]
    estimator = MultiTaskEstimator(
        case.tasks, backbone="lstm_fcn", random_state=seed, verbose=0
    )
    trees = boosted_trees(len(samples), samples.n_channels)
    if name == TREES:
        estimator.backbone = trees
    if name == CAUTIOUS:
        estimator.backbone = dataclasses.replace(trees, min_samples_leaf=20)
    if name == FOREST:
        estimator.backbone = Trees(kind="extra_trees")
    return estimator.fit(samples, validation=case.samples[split.validation])


def predictions_of(
    name: str, case_name: str, case: Case, seed: int, folder: Path
) -> dict[str, np.ndarray]:
    """Return what a candidate predicts for the validation set, by task."""
    path = folder / f"{case_name}-{name}-{seed}.npz"
    if not path.exists():
        started = time.perf_counter()
        estimator = fitted(name, case, seed)
        validation = case.samples[case.splits[0].validation]
        decoded = estimator.decode_data_sets(to_data_sets(validation))
        (by_task,) = decoded.values()
        np.savez(path, **by_task)
        print(path.stem, round(time.perf_counter() - started), "s", flush=True)
    with np.load(path) as file:
        return {task: file[task].astype(np.float64) for task in file.files}


def rows_of(
    case_name: str, seed: int, folder: Path, pool: list[str]
) -> dict[str, Rows]:
    """Return the validation rows of each task of a case."""
    case = CASES[case_name]()
    split = case.splits[0]
    decoded = {}
    for name in pool:
        decoded[name] = predictions_of(name, case_name, case, seed, folder)
    train, validation = case.samples[split.train], case.samples[split.validation]
    codes, _ = pd.factorize(pd.Series(validation.series))
    if codes.max() < 2 * N_FOLDS:
        codes = np.arange(len(validation)) * 2 * N_FOLDS // len(validation)
    rows = {}
    for task in case.tasks:
        target = task.fit_target(train.y[task.columns].reset_index(drop=True))
        labels = validation.y[task.columns]

        def row_losses(decoded: np.ndarray, target=target, labels=labels) -> np.ndarray:
            return target.row_losses(labels, decoded)

        of_task = {name: by_task[task.name] for name, by_task in decoded.items()}
        rows[task.name] = Rows(of_task, row_losses, codes)
    return rows


def lowest(rows: dict[str, Rows], losses: Losses, chosen_on: Losses) -> dict:
    """Choose the network or the trees; together for the tasks with few labels."""
    return _argmin(losses, chosen_on, [0, len(SHARES) - 1])


def best_share(rows: dict[str, Rows], losses: Losses, chosen_on: Losses) -> dict:
    """Choose the best share per task; together for the tasks with few labels."""
    return _argmin(losses, chosen_on, list(range(len(SHARES))))


def best_of_three(rows: dict[str, Rows], losses: Losses, chosen_on: Losses) -> dict:
    """Choose the network, the trees or their mean; together for the tasks with few labels."""
    return _argmin(losses, chosen_on, [0, 2, 4])


def share_alone(rows: dict[str, Rows], losses: Losses, chosen_on: Losses) -> dict:
    """Choose the best share per task, whatever the number of labels."""
    shares = {}
    for task, of_task in losses.items():
        means = of_task[:, chosen_on[task]].mean(axis=1)
        shares[task] = SHARES[int(np.argmin(means))]
    return shares


def greedy(*names: str) -> Callable[..., dict]:
    """Return the rule of greedy selection on bootstrap samples, as ensembles do."""

    def rule(rows: dict[str, Rows], losses: Losses, chosen_on: Losses) -> dict:
        return _greedy_weights(rows, chosen_on, names)

    return rule


def _greedy_weights(
    rows: dict[str, Rows], chosen_on: Losses, names: tuple[str, ...]
) -> dict:
    found = {}
    for task, own in rows.items():
        places = np.flatnonzero(own.known)[chosen_on[task]]
        masked = np.zeros(len(own.known), dtype=bool)
        masked[places] = True

        def row_losses(decoded: np.ndarray, own=own, masked=masked) -> np.ndarray:
            return np.where(masked, own.row_losses(decoded), np.nan)

        predictions = [own.predictions[name] for name in names]
        weights = greedy_weights(predictions, row_losses, own.groups, 0)
        found[task] = dict(zip(names, weights.tolist(), strict=True))
    return found


def _argmin(losses: Losses, chosen_on: Losses, places: list[int]) -> dict:
    means = {}
    for task, of_task in losses.items():
        means[task] = of_task[:, chosen_on[task]].mean(axis=1)[places]
    few = [task for task in losses if chosen_on[task].sum() < ENOUGH_LABELS]
    shares = {}
    for task, own in means.items():
        if task in few:
            own = np.mean([means[other] for other in few], axis=0)
        shares[task] = SHARES[places[int(np.argmin(own))]]
    return shares


def always(share: float) -> Callable[..., dict]:
    """Return the rule of a fixed share."""

    def rule(rows: dict[str, Rows], losses: Losses, chosen_on: Losses) -> dict:
        return dict.fromkeys(losses, share)

    return rule


# Of more candidates.
WIDER: dict[str, Callable[..., dict]] = {
    "greedy, leaves of 20": greedy(NETWORK, CAUTIOUS),
    "greedy, both leaves": greedy(NETWORK, TREES, CAUTIOUS),
    "greedy, forest": greedy(NETWORK, TREES, FOREST),
    "greedy, all": greedy(NETWORK, TREES, CAUTIOUS, FOREST),
}
RULES: dict[str, Callable[..., dict]] = {
    "network": always(0.0),
    "trees": always(1.0),
    "mean": always(0.5),
    "lowest": lowest,
    "network, trees or mean": best_of_three,
    "best share": best_share,
    "best share, each task alone": share_alone,
    "greedy": greedy(NETWORK, TREES),
}


def judged(
    rows: dict[str, Rows], rules: dict[str, Callable[..., dict]]
) -> dict[str, dict[str, float]]:
    """Return the loss of each task by rule, on rows that have not chosen."""
    losses, folds = {}, {}
    for task, own in rows.items():
        losses[task] = np.stack([own.losses(share) for share in SHARES])
        folds[task] = own.groups[own.known] % N_FOLDS
    found: dict[str, dict[str, float]] = {}
    for name, rule in rules.items():
        sums = dict.fromkeys(rows, 0.0)
        for fold in range(N_FOLDS):
            chosen_on = {task: folds[task] != fold for task in rows}
            if any(not chosen.any() for chosen in chosen_on.values()):
                continue
            shares = rule(rows, losses, chosen_on)
            for task, own in rows.items():
                share = shares[task]
                if not isinstance(share, dict):
                    share = {NETWORK: 1 - share, TREES: share}
                of_all = own.losses_of_mean(share)
                sums[task] += float(of_all[folds[task] == fold].sum())
        found[name] = {task: sums[task] / len(folds[task]) for task in rows}
    return found


def main() -> None:
    """Fit what is not fitted yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs/mixing"))
    parser.add_argument("--tasks", action="store_true", help="print each task")
    parser.add_argument("--wider", action="store_true", help="more candidates")
    arguments = parser.parse_args()
    pool, rules = [NETWORK, TREES], RULES
    if arguments.wider:
        pool, rules = [*pool, CAUTIOUS, FOREST], RULES | WIDER
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    table, worse = {}, {}
    for case_name in arguments.cases or CASES:
        for seed in range(arguments.seeds):
            rows = rows_of(case_name, seed, arguments.folder, pool)
            found = pd.DataFrame(judged(rows, rules))
            if arguments.tasks:
                print(case_name, seed, found.round(3).T.to_string(), sep="\n")
            least = found[["network", "trees"]].min(axis=1)
            table[case_name, seed] = found.mean()
            worse[case_name, seed] = found.gt(1.01 * least, axis=0).sum()
    means = pd.DataFrame(table).T.groupby(level=0, sort=False).mean().T
    means["mean"] = means.mean(axis=1)
    means["worse"] = pd.DataFrame(worse).sum(axis=1)
    print(means.round(3).to_string())


if __name__ == "__main__":
    main()
