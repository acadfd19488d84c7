"""The peers of time_to_quality.py: other trainers of the same network, and MiniRocket with ridge.

All networks come from our estimator and read the same batches, so that the trainers alone differ:
a plain loop, skorch, Lightning, and the recipe of the reference system with its published loss. An
arm is a function of a case, a seed and the clock, whose `note` returns whether the fit is over.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from cases import Case
from scipy.linalg import solve
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from multitide import MultiTaskEstimator
from multitide._plan_fit import plan_fit
from multitide.data._data_sets import DataSets
from multitide.fitting._training_length import resolve_batch_size
from multitide.network._network import Network
from multitide.network._stacking import Losses
from multitide.tasks import ClassificationTarget
from multitide.tasks._task import Target
from multitide.training._mixing import DeviceData
from multitide.training._validation import validate

CPU = torch.device("cpu")
CLIP_NORM = 1.0
# Of the reference system: its learning rate, batch size, epochs, and factor of the regression loss.
REFERENCE_LR, REFERENCE_BATCH, REFERENCE_EPOCHS = 1e-4, 64, 150
REFERENCE_FACTOR = 5e-5
RIDGE_PENALTIES = np.logspace(0, 5, 6)
RIDGE_SCALES = np.logspace(-1, 2, 31)


class Stopwatch(Protocol):
    """What an arm needs of the clock."""

    def note(self, loss: float) -> bool:
        """Keep a validation loss; return whether the fit is over."""


class Problem:
    """A network of our estimator with its data, and the settings that our default would use."""

    def __init__(self, case: Case, seed: int, **params: object) -> None:
        split = case.splits[0]
        estimator = MultiTaskEstimator(
            case.tasks, **{"backbone": "lstm_fcn", "random_state": seed, **params}
        )
        plan = plan_fit(
            estimator.get_params(deep=False),
            DataSets({"": case.samples[split.train]}),
            {"": case.samples[split.validation]},
        )
        (group,) = plan.groups
        torch.manual_seed(seed)
        self.network: Network = group.make_network()
        self.data: DeviceData = group.data[0].on_device(self.network, 0, CPU)
        self.targets: list[Target] = self.network.target_list
        self.rows = torch.from_numpy(self.data.train.index)
        self.lr = float(group.recipe.lr)
        self.batch_size = resolve_batch_size(group.recipe.batch_size, group.n_rows)
        self.max_epochs = int(group.recipe.max_epochs)

    def validation_loss(self) -> float:
        """Return the mean loss of the tasks on the validation set."""
        found = validate(self.network, [self.data], Losses(self.targets))
        self.network.train()
        return float(np.mean(list(found.losses.values())))


class OnRows(nn.Module):
    """The network as a function of row numbers, so that every trainer gathers alike."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.network, self.samples = problem.network, problem.data.samples

    def forward(self, rows: Tensor) -> list[Tensor]:
        batch = self.samples.gather(rows)
        return self.network(batch.x, batch.lengths, batch.static)


class SumOfLosses(nn.Module):
    """The sum of the tasks' losses over labelled rows, in units of the trivial loss."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem

    def forward(self, outputs: Sequence[Tensor], rows: Tensor) -> Tensor:
        codes = self.problem.data.samples.gather(rows).codes
        losses = []
        for target, output, code in zip(
            self.problem.targets, outputs, codes, strict=True
        ):
            losses.append(target.mean_loss(output, code))
        return torch.stack(losses).sum()


def plain_loop(case: Case, seed: int, clock: Stopwatch) -> None:
    """Train with a plain torch loop."""
    problem = Problem(case, seed)
    model, criterion = OnRows(problem), SumOfLosses(problem)
    optimizer = torch.optim.AdamW(model.parameters(), lr=problem.lr, fused=True)
    for _ in range(problem.max_epochs):
        model.train()
        order = problem.rows[torch.randperm(len(problem.rows))]
        for rows in order.split(problem.batch_size):
            if len(rows) < 2:
                continue
            optimizer.zero_grad()
            criterion(model(rows), rows).backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
        if clock.note(problem.validation_loss()):
            return


def skorch_net(case: Case, seed: int, clock: Stopwatch) -> None:
    """Train with skorch's NeuralNet."""
    from skorch import NeuralNet
    from skorch.callbacks import Callback, GradientNormClipping

    problem = Problem(case, seed)

    class Watch(Callback):
        def on_epoch_end(self, net: Any, **_: Any) -> None:
            if clock.note(problem.validation_loss()):
                raise KeyboardInterrupt  # with which skorch ends a training

    net = NeuralNet(
        OnRows(problem),
        criterion=SumOfLosses(problem),
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        lr=problem.lr,
        batch_size=problem.batch_size,
        max_epochs=problem.max_epochs,
        iterator_train__shuffle=True,
        iterator_train__drop_last=len(problem.rows) > problem.batch_size,
        train_split=None,
        callbacks=[GradientNormClipping(CLIP_NORM), Watch()],
        verbose=0,
    )
    net.fit(TensorDataset(problem.rows, problem.rows), None)


def lightning_trainer(case: Case, seed: int, clock: Stopwatch) -> None:
    """Train with Lightning's Trainer, without logger, bar and checkpoints."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    problem = Problem(case, seed)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss = OnRows(problem), SumOfLosses(problem)

        def training_step(self, batch: Any, i: int) -> Tensor:
            return self.loss(self.model(batch[0]), batch[0])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=problem.lr, fused=True)

    class Watch(lightning.Callback):
        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            trainer.should_stop = clock.note(problem.validation_loss())

    loader = DataLoader(
        TensorDataset(problem.rows),
        problem.batch_size,
        shuffle=True,
        drop_last=len(problem.rows) > problem.batch_size,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=problem.max_epochs,
            accelerator="cpu",
            devices=1,
            callbacks=[Watch()],
            gradient_clip_val=CLIP_NORM,
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        trainer.fit(Module(), loader)


class Published:
    """The network of the reference system on raw inputs, with its published loss.

    Its regression loss compares (B, 1) with (B,), so that each output is compared with the labels
    of the whole batch, and is multiplied by 0.00005.
    """

    def __init__(self, case: Case, seed: int) -> None:
        self.problem = Problem(
            case,
            seed,
            backbone={"name": "lstm_fcn", "lstm_dropout": 0.4},
            inputs={"scale": "none"},
        )
        for head in self.problem.network.heads:
            head[-1].reset_parameters()  # ours start as the best constant
        self.model = OnRows(self.problem)
        self.lines = [_line_of(target) for target in self.problem.targets]

    def loss(self, rows: Tensor) -> Tensor:
        """Return the mean of the tasks' losses."""
        outputs, losses = self.model(rows), []
        codes = self.problem.data.samples.gather(rows).codes
        for i, target in enumerate(self.problem.targets):
            known = target.labelled(codes[i])
            if known.any():
                line = self.lines[i]
                losses.append(_published_loss(outputs[i][known], codes[i][known], line))
        return torch.stack(losses).mean()

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Return the mean loss of the tasks on the validation set, as ours are measured."""
        self.model.eval()
        rows = torch.from_numpy(self.problem.data.validation.index)
        parts = [self.model(some) for some in rows.split(1024)]
        codes = self.problem.data.samples.gather(rows).codes
        losses = []
        for i, target in enumerate(self.problem.targets):
            output = torch.cat([part[i] for part in parts])
            line = self.lines[i]
            if line is not None:
                output = (output - line[0]) / line[1]
            losses.append(float(target.mean_loss(output, codes[i])))
        self.model.train()
        return float(np.mean(losses))


def as_published(case: Case, seed: int, clock: Stopwatch) -> None:
    """Train the recipe of the reference system: Adam with a constant learning rate."""
    published = Published(case, seed)
    rows_of_training = published.problem.rows
    optimizer = torch.optim.Adam(published.model.parameters(), lr=REFERENCE_LR)
    for _ in range(REFERENCE_EPOCHS):
        published.model.train()
        order = rows_of_training[torch.randperm(len(rows_of_training))]
        for rows in order.split(REFERENCE_BATCH):
            if len(rows) > 1:
                optimizer.zero_grad()
                published.loss(rows).backward()
                optimizer.step()
        if clock.note(published.validation_loss()):
            return


def _published_loss(
    output: Tensor, code: Tensor, line: tuple[float, float] | None
) -> Tensor:
    """Return the loss of the rows of a task; `line` is that of the labels of a number."""
    if line is None:
        return F.cross_entropy(output, code)
    pairs = output - (line[0] + line[1] * code)  # (B, 1) - (B,) is (B, B)
    return REFERENCE_FACTOR * pairs.square().mean()


def _line_of(target: Target) -> tuple[float, float] | None:
    """Return the mean and the scale of a number's labels; None for classes."""
    if isinstance(target, ClassificationTarget):
        return None
    with torch.no_grad():
        zero, one = target(torch.tensor([[0.0], [1.0]])).flatten().tolist()
    return zero, one - zero


def minirocket_ridge(case: Case, seed: int, clock: Stopwatch) -> None:
    """Fit ridge on aeon's MiniRocket features, task by task.

    Missing values are replaced by the last one and then by the mean of the channel, and short
    series are padded with their last value. The validation set chooses the penalty. Probabilities
    of classes are the softmax of ridge's scores, with the scale of the least validation loss.
    """
    from aeon.transformations.collection.convolution_based import MiniRocket
    from sklearn.preprocessing import StandardScaler

    split = case.splits[0]
    series = _filled(case)
    rocket = MiniRocket(random_state=seed, n_jobs=1).fit(series[split.train])
    scaler = StandardScaler()
    train = scaler.fit_transform(rocket.transform(series[split.train]))
    seen = scaler.transform(rocket.transform(series[split.validation]))
    losses = []
    for task in case.tasks:
        labels = case.samples.y[task.columns]
        own = labels.iloc[split.train].reset_index(drop=True)
        judged = labels.iloc[split.validation].reset_index(drop=True)
        target = task.fit_target(own)
        known = target.has_label(target.truth(own))
        truth = target.truth(own)[known]
        of_penalties = []
        for scores in _ridge_scores(train[known], _columns_of(target, truth), seen):
            of_penalties.append(_least_loss(target, judged, scores))
        losses.append(min(of_penalties))
    clock.note(float(np.mean(losses)))


def _columns_of(target: Target, truth: np.ndarray) -> np.ndarray:
    """Return what ridge predicts: a number, or -1 and 1 for each class, (n_samples, n_outputs)."""
    if isinstance(target, ClassificationTarget):
        return 2.0 * np.eye(target.n_outputs)[truth] - 1.0
    return truth[:, None].astype(np.float64)


def _ridge_scores(
    train: np.ndarray, labels: np.ndarray, seen: np.ndarray
) -> Iterator[np.ndarray]:
    """Yield ridge's predictions of `seen` by each penalty.

    The leave-one-out rule of scikit-learn's RidgeCV decomposes the features, which takes hours for
    more rows than features. Here the normal equations of the smaller side are solved.
    """
    middle = labels.mean(axis=0)
    rest = labels - middle
    is_tall = len(train) > train.shape[1]
    if is_tall:
        matrix = (train.T @ train).astype(np.float64)
        right, side = train.T @ rest, seen
    else:
        matrix = (train @ train.T).astype(np.float64)
        right, side = rest, seen @ train.T
    diagonal = matrix.diagonal().copy()
    for penalty in RIDGE_PENALTIES:
        np.fill_diagonal(matrix, diagonal + penalty)
        yield middle + side @ solve(matrix, right, assume_a="pos")


def _least_loss(target: Target, judged: pd.DataFrame, scores: np.ndarray) -> float:
    """Return the validation loss of ridge's scores; of classes, with the best scale."""
    if not isinstance(target, ClassificationTarget):
        return float(np.nanmean(target.row_losses(judged, scores[:, 0])))
    of_scales = []
    for scale in RIDGE_SCALES:
        decoded = _softmax(scale * scores)
        of_scales.append(float(np.nanmean(target.row_losses(judged, decoded))))
    return min(of_scales)


def _filled(case: Case) -> np.ndarray:
    """Return complete series of equal length, float32 (n_samples, n_channels, n_timepoints)."""
    series = case.samples.gather(slice(None)).astype(np.float32)
    mean = np.nanmean(series[case.splits[0].train], axis=(0, 2))
    filled = series.copy()
    for step in range(1, series.shape[2]):
        now, before = filled[:, :, step], filled[:, :, step - 1]
        filled[:, :, step] = np.where(np.isnan(now), before, now)
    return np.where(np.isnan(filled), mean[:, None], filled)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


PEERS: dict[str, Callable[[Case, int, Any], None]] = {
    "minirocket": minirocket_ridge,
    "reference": as_published,
    "plain loop": plain_loop,
    "skorch": skorch_net,
    "Lightning": lightning_trainer,
}
