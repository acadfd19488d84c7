"""Which parts should the default have, and should its trees be grown again on all rows?

    python benchmarks/default_parts.py [CASE ...] [--seeds 1] [--rows N] [--rules RULE ...]
        [--folder runs/default_parts]

No test set is read. The validation rows of each case stand in for one, and the default holds out
validation rows of its own among the training rows. One fit per case and seed grows all parts: the
network, boosted trees (for few labels also with large leaves), extra trees on statistics and on
quantiles, and linear heads on convolutions, and all of them once more on its training and
validation rows. Each arm then weights some of these parts as the default
does, by what they predicted for the held-out rows before they were grown again. Losses are in units
of the trivial loss. The predictions of the parts stay in ``--folder``. ``--rows`` fits only so many
random training rows, to see what very few labels need. ``--rules`` compares rules for the weights
(see ``weight_rules.py``) of the default's parts instead, with trees grown again.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
from cases import CASES, Case
from kept_fits import fits_of_default, keep, kept
from weight_rules import RULES, Rule

from multitide import MultiTaskEstimator, Samples, _plan_fit
from multitide.backbones import Rocket, Trees
from multitide.errors import DataError
from multitide.fitting import _auto_backbone
from multitide.fitting._held_out import HeldOut, shares_of_fits
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._weigh_fits import GroupFit
from multitide.model._prediction import decode
from multitide.network._network import Network, Predictor
from multitide.reports._pages import markdown_table
from multitide.tasks import Target

EXTRA, QUANTILES, ROCKET = "extra trees", "extra trees, quantiles", "rocket"
BOOSTED = ("boosting", "leaves")


@dataclasses.dataclass(frozen=True)
class Arm:
    """Parts, and which of them are fitted again on all rows: none, the trees, or all."""

    parts: tuple[str, ...]
    again: bool
    network_again: bool = False

    def uses_again(self, part: str) -> bool:
        """Return whether the arm has the part that was fitted again."""
        if part == "network":
            return self.network_again
        return self.again


ARMS = {
    "network": Arm(("network",), again=False),
    "network, again": Arm(("network",), again=True, network_again=True),
    "boosting": Arm(("boosting",), again=False),
    "boosting, again": Arm(("boosting",), again=True),
    EXTRA: Arm((EXTRA,), again=False),
    f"{EXTRA}, again": Arm((EXTRA,), again=True),
    f"{QUANTILES}, again": Arm((QUANTILES,), again=True),
    ROCKET: Arm((ROCKET,), again=False),
    f"{ROCKET}, again": Arm((ROCKET,), again=True),
    "network, boosting": Arm(("network", *BOOSTED), again=False),
    "network, boosting; again": Arm(("network", *BOOSTED), again=True),
    f"network, boosting, {EXTRA}; again": Arm(("network", *BOOSTED, EXTRA), again=True),
    f"network, boosting, {EXTRA}, {ROCKET}; again": Arm(
        ("network", *BOOSTED, EXTRA, ROCKET), again=True
    ),
    "all; again": Arm(("network", *BOOSTED, EXTRA, QUANTILES, ROCKET), again=True),
    "all; network again too": Arm(
        ("network", *BOOSTED, EXTRA, QUANTILES, ROCKET), again=True, network_again=True
    ),
    "all but the network; again": Arm((*BOOSTED, EXTRA, QUANTILES, ROCKET), again=True),
    f"boosting, {EXTRA}, {ROCKET}; again": Arm((*BOOSTED, EXTRA, ROCKET), again=True),
    f"boosting, {EXTRA} of both kinds; again": Arm(
        (*BOOSTED, EXTRA, QUANTILES), again=True
    ),
    f"{EXTRA} of both kinds; again": Arm((EXTRA, QUANTILES), again=True),
}


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a part predicts.

    Attributes
    ----------
    held_out : dict of str to HeldOut
        By task, for the rows that it held out.
    outer : dict of str to ndarray
        By task, for the outer rows.
    crossed : dict of str to HeldOut
        By task, for the training rows, by fits that have not seen them; empty for many rows.
    again : dict of str to ndarray
        The same after it was grown again; equal to `outer` for networks.
    seconds : float
        Of the whole fit.
    """

    held_out: dict[str, HeldOut]
    outer: dict[str, np.ndarray]
    again: dict[str, np.ndarray]
    crossed: dict[str, HeldOut]
    seconds: float


@contextmanager
def all_parts() -> Iterator[None]:
    """Let fits in the block train a network, and grow extra trees of both kinds for all tasks."""
    extra_groups = _auto_backbone.extra_groups

    def more(params, recipe, groups, data, source):  # type: ignore[no-untyped-def]
        grown = []
        for group in extra_groups(params, recipe, groups, data, source):
            backbone = group.recipe.backbone
            if isinstance(backbone, Rocket) or backbone.kind == "boosting":
                grown.append(group)
        first = grown[0]
        n_channels = data[0].samples.n_channels
        forest = _auto_backbone.forest_for_many(first.n_rows, n_channels)
        of_quantiles = Trees(n_trees=_auto_backbone.QUANTILE_TREES, steps=forest.steps)
        for trees in (forest, of_quantiles):
            changed = dataclasses.replace(first.recipe, backbone=trees)
            grown.append(TaskGroup(data, first.tasks, changed))
        return grown

    with (
        mock.patch.object(_plan_fit, "extra_groups", more),
        mock.patch.object(_plan_fit, "trains_network", lambda *of_fit: True),
    ):
        yield


def train(
    case: Case, seed: int, n_rows: int | None
) -> tuple[dict[str, Target], dict[str, Trained]]:
    """Fit all parts, and return the targets and the predictions of the parts.

    With `n_rows`, only so many random training rows are used.
    """
    split = case.splits[0]
    rows = split.train
    if n_rows is not None and n_rows < len(rows):
        generator = np.random.default_rng(seed)
        rows = np.sort(generator.choice(rows, n_rows, replace=False))
    estimator = MultiTaskEstimator(
        case.tasks,
        training={"refit": True},
        validation=case.rule,
        random_state=seed,
        verbose=0,
    )
    with all_parts(), fits_of_default() as fits:
        estimator.fit(case.samples[rows])
    (record,) = estimator.stored_.data
    outer = case.samples[split.validation]

    def predictions(
        networks: list[Network], tasks: list[list[str]]
    ) -> dict[str, np.ndarray]:
        predictor = Predictor(networks, tasks).cpu().eval()
        return decode(predictor, outer, record, torch.device("cpu"))

    found = {}
    for name, fit in zip(names_of(fits), fits, strict=True):
        found[name] = Trained(
            fit.held_out,
            predictions(*fit.before_refit),
            predictions(fit.networks, fit.predicted),
            fit.crossed,
            fit.seconds,
        )
    targets = {}
    for task in estimator.tasks_:
        targets[task.name] = estimator.targets_.target(task.name)
    return targets, found


def names_of(fits: list[GroupFit]) -> list[str]:
    """Return the names of the parts in the arms."""
    names = []
    for fit in fits:
        if fit.is_trained:
            names.append("network")
        elif fit.name == "rocket":
            names.append(ROCKET)
        elif fit.name.startswith("extra_trees"):
            n_forests = sum(name.startswith(EXTRA) for name in names)
            names.append((EXTRA, QUANTILES)[n_forests])
        else:
            names.append("leaves" if "leaves" in fit.name else "boosting")
    return names


def loss_of(
    arm: Arm, task: str, target: Target, parts: dict[str, Trained], outer: Samples
) -> float:
    """Return the mean loss of an arm on the outer rows; NaN without its parts."""
    own = {}
    for name in arm.parts:
        if name in parts and task in parts[name].held_out:
            own[name] = parts[name]
    if not own:
        return float("nan")
    weights = [1.0]
    if len(own) > 1:
        held_out = [part.held_out[task] for part in own.values()]
        crossed = [part.crossed.get(task) for part in own.values()]
        weights, _ = shares_of_fits(held_out, 0, crossed)
    decoded = 0.0
    for weight, (name, part) in zip(weights, own.items(), strict=True):
        predicted = part.again if arm.uses_again(name) else part.outer
        decoded = decoded + weight * predicted[task]
    truth = target.truth(outer.y[target.task.columns])
    return float(np.nanmean(target.decoded_losses(truth, decoded)))


def loss_of_rule(
    rule: Rule, task: str, target: Target, parts: dict[str, Trained], outer: Samples
) -> float:
    """Return the mean loss on the outer rows of the default's parts, weighted by a rule."""
    own = []
    for name in (*BOOSTED, EXTRA, QUANTILES, ROCKET):
        if name in parts and task in parts[name].held_out:
            own.append(parts[name])
    held = own[0].held_out[task]
    truth = target.truth(outer.y[target.task.columns])
    n_outer = len(truth)

    def losses(values: np.ndarray) -> np.ndarray:
        chosen_on = held.target.decoded_losses(held.truth, values[n_outer:])
        return np.concatenate([np.full(n_outer, np.nan), chosen_on])

    predictions = []
    for part in own:
        both = [part.again[task], part.held_out[task].decoded]
        predictions.append(np.concatenate(both).astype(np.float64))
    groups = np.concatenate([np.zeros(n_outer, dtype=int), held.recordings])
    combined = rule(predictions, losses, groups)[:n_outer]
    return float(np.nanmean(target.decoded_losses(truth, combined)))


def main() -> None:
    """Fit what is not fitted yet, and print the losses of the arms."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rules", nargs="+", choices=RULES, default=[])
    parser.add_argument("--folder", type=Path, default=Path("runs/default_parts"))
    arguments = parser.parse_args()
    rows = []
    for seed in range(arguments.seeds):
        for name in arguments.cases or CASES:
            case = CASES[name]()
            place = arguments.folder / f"{name}-{seed}-{arguments.rows}.pickle"
            if not place.exists():
                started = time.perf_counter()
                try:
                    keep(train(case, seed, arguments.rows), place)
                except DataError as error:  # few rows may lack a class
                    print(f"{name}, seed {seed}: {error}", file=sys.stderr)
                    continue
                seconds = time.perf_counter() - started
                print(f"{name}, seed {seed}: {seconds:.0f} s", file=sys.stderr)
            targets: dict[str, Target]
            parts: dict[str, Trained]
            targets, parts = kept(place)  # type: ignore[misc]
            seconds_of = {key: round(part.seconds, 1) for key, part in parts.items()}
            print(name, seconds_of, file=sys.stderr)
            outer = case.samples[case.splits[0].validation]
            for task, target in targets.items():
                for rule in arguments.rules:
                    loss = loss_of_rule(RULES[rule], task, target, parts, outer)
                    rows.append((name, seed, task, rule, loss))
                for arm_name, arm in () if arguments.rules else ARMS.items():
                    loss = loss_of(arm, task, target, parts, outer)
                    rows.append((name, seed, task, arm_name, loss))
    table = pd.DataFrame(rows, columns=["case", "seed", "task", "arm", "loss"])
    order = arguments.rules or list(ARMS)
    by_task = table.pivot_table("loss", "arm", ["case", "task"], sort=False).reindex(
        order
    )
    print(markdown_table(by_task.T.reset_index().round(3)))
    by_case = table.pivot_table("loss", "arm", "case", sort=False).reindex(order)
    by_case["mean"] = by_case.mean(axis=1)
    print(markdown_table(by_case.reset_index().round(3)))


if __name__ == "__main__":
    main()
