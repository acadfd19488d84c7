"""What every target must satisfy: masking, starting loss, gradients, saving and metrics."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from makers import a_third_now
from multitide.tasks import (
    TASKS,
    Classification,
    Forecast,
    MultiLabel,
    Regression,
    Survival,
    Target,
    Task,
    task_from_config,
    task_to_config,
)

SPECS: dict[str, Task] = {
    "classes": Classification("label"),
    "balanced": Classification("label", class_weight="balanced"),
    "weighted": Classification("label", class_weight={"b": 3.0, "d": 0.2}),
    "mse": Regression("label"),
    "mae": Regression("label", loss="mae"),
    "huber": Regression("label", loss="huber"),
    "huber, narrow": Regression("label", loss="huber", delta=0.05),
    "huber, wide": Regression("label", loss="huber", delta=100.0),
    "smoothed": Classification("label", label_smoothing=0.2),
    "focal": Classification("label", loss="focal"),
    "focal, weighted, smoothed": Classification(
        "label", loss="focal", gamma=1.5, label_smoothing=0.1, class_weight="balanced"
    ),
    "quantiles": Regression("label", loss="quantile", quantiles=(0.1, 0.5, 0.8)),
    "several answers": MultiLabel("label", columns=["p", "q", "r"]),
    "forecast, mse": Forecast("label", horizon=3),
    "forecast, mae": Forecast("label", horizon=3, lead=2, loss="mae"),
    "forecast, huber": Forecast("label", horizon=3, loss="huber", delta=0.3),
}


def make_labels(task: Task, n: int, seed: int, missing: float = 0.4) -> pd.DataFrame:
    """Skewed labels, whose mean, median and best Huber constant differ; some are missing."""
    rng = np.random.default_rng(seed)
    if len(task.columns) > 1:
        return make_several(task, n, rng, missing)
    if isinstance(task, Classification):
        values = pd.Series(rng.choice(list("abcd"), size=n, p=[0.1, 0.2, 0.5, 0.2]))
        values[:4] = list("abcd")
    else:
        values = pd.Series(1e3 + 50 * rng.lognormal(size=n))
    absent = rng.random(n) < missing
    absent[:4] = False
    return pd.DataFrame({"label": values.mask(absent)})


def make_several(
    task: Task, n: int, rng: np.random.Generator, missing: float
) -> pd.DataFrame:
    """Columns with different means; labels are missing one by one, and all of them in some rows."""
    values = {}
    for i, column in enumerate(task.columns):
        odds = pd.Series(np.where(rng.random(n) < 0.2 + 0.2 * i, "yes", "no"))
        odds[:2] = ["no", "yes"]
        numbers = pd.Series(1e3 + 20 * i + 50 * rng.lognormal(size=n))
        values[column] = odds if isinstance(task, MultiLabel) else numbers
    absent = rng.random((n, len(values))) < missing
    absent[rng.random(n) < missing / 3] = True
    absent[:4] = False
    return pd.DataFrame(values).mask(absent)


def known(labels: pd.DataFrame) -> np.ndarray:
    return labels.notna().any(axis=1).to_numpy(copy=True)


def expected_row_losses(target: Target, output: Tensor, codes: Tensor) -> Tensor:
    """torch.nn.functional on rows that are all labelled, in units of the trivial loss."""
    task = target.task
    if codes.ndim > 1:
        cells = [expected_cells(task, output[i], codes[i]) for i in range(len(codes))]
        losses = torch.stack([each.mean() for each in cells])
    elif isinstance(task, Classification):
        losses = (
            expected_class_losses(task, output, codes) * target.class_weights[codes]
        )
    elif task.loss == "quantile":
        losses = expected_pinball_losses(task, output, codes)
    elif task.loss == "mse":
        losses = (output[:, 0] - codes) ** 2
    elif task.loss == "mae":
        losses = (output[:, 0] - codes).abs()
    else:
        losses = F.huber_loss(output[:, 0], codes, reduction="none", delta=task.delta)
    return losses / target.trivial_loss


def expected_class_losses(
    task: Classification, output: Tensor, codes: Tensor
) -> Tensor:
    """Cross-entropy or focal loss with label smoothing, without class weights."""
    n_classes = output.shape[1]
    q = F.one_hot(codes, n_classes) * (1 - task.label_smoothing)
    q = q + task.label_smoothing / n_classes
    p = output.softmax(dim=1)
    gamma = task.gamma if task.loss == "focal" else 0
    return -(q * (1 - p) ** gamma * p.log()).sum(dim=1)


def expected_pinball_losses(task: Regression, output: Tensor, codes: Tensor) -> Tensor:
    """The mean pinball loss over three quantiles."""
    values = [output[:, 0], output[:, 0] + F.softplus(output[:, 1])]
    values.append(values[1] + F.softplus(output[:, 2]))
    losses = []
    for level, value in zip(task.quantiles, values, strict=True):
        error = codes - value
        losses.append(torch.where(error > 0, level * error, (level - 1) * error))
    return sum(losses) / 3


def expected_cells(task: Task, output: Tensor, codes: Tensor) -> Tensor:
    """The losses of one row's known labels."""
    output, codes = output[~codes.isnan()], codes[~codes.isnan()]
    if isinstance(task, MultiLabel):
        return F.binary_cross_entropy_with_logits(output, codes, reduction="none")
    if task.loss == "huber":
        return F.huber_loss(output, codes, reduction="none", delta=task.delta)
    return (output - codes).abs() if task.loss == "mae" else (output - codes) ** 2


@pytest.fixture(params=SPECS)
def task(request: pytest.FixtureRequest) -> Task:
    return SPECS[request.param]


@pytest.fixture
def target(task: Task) -> Target:
    return task.fit_target(make_labels(task, 200, seed=0))


def test_every_registered_kind_is_tested() -> None:
    tested_elsewhere = {Survival}  # test_survival.py
    tested = {type(task) for task in SPECS.values()}
    assert tested | tested_elsewhere == set(TASKS.values())
    assert {cls.kind: cls for cls in TASKS.values()} == TASKS


@pytest.mark.parametrize("seed", a_third_now(range(20)))
def test_masked_loss_is_that_of_the_labelled_rows_alone(task: Task, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = make_labels(task, 40, seed, missing=rng.random())
    target = task.fit_target(labels)
    codes = torch.from_numpy(target.encode(labels))
    labelled = torch.from_numpy(known(labels))
    assert torch.equal(target.measured(codes), labelled)

    output = torch.randn(
        40,
        target.n_outputs,
        generator=torch.Generator().manual_seed(seed),
        requires_grad=True,
    )
    loss = target.mean_loss(output, codes)
    (gradient,) = torch.autograd.grad(loss, output)
    alone = output[labelled].detach().requires_grad_()
    expected = expected_row_losses(target, alone, codes[labelled]).mean()
    (expected_gradient,) = torch.autograd.grad(expected, alone)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient[labelled], expected_gradient)
    assert gradient[~labelled].abs().sum() == 0


@pytest.mark.parametrize("n_labelled", [0, 1, 5])
def test_nan_never_reaches_a_gradient(target: Target, n_labelled: int) -> None:
    labels = make_labels(target.task, 5, seed=1, missing=0)
    labels.iloc[n_labelled:] = None
    output = torch.randn(5, target.n_outputs, requires_grad=True)
    target.mean_loss(output, torch.from_numpy(target.encode(labels))).backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert (output.grad.abs().sum(dim=1) > 0).sum() == n_labelled


def test_loss_without_any_label_is_zero(target: Target) -> None:
    labels = pd.DataFrame({column: [None, None] for column in target.task.columns})
    codes = torch.from_numpy(target.encode(labels))
    assert target.mean_loss(torch.randn(2, target.n_outputs), codes) == 0


@pytest.mark.parametrize("seed", range(5))
def test_every_loss_starts_at_one(task: Task, seed: int) -> None:
    labels = make_labels(task, 300, seed)
    target = task.fit_target(labels)
    codes = torch.from_numpy(target.encode(labels))
    assert target.mean_loss(target.bias.expand(300, -1), codes).item() == pytest.approx(
        1, abs=1e-5
    )
    assert np.nanmean(target.row_losses(labels, target.constant(300))) == pytest.approx(
        1, abs=1e-5
    )


def test_no_other_constant_is_better(task: Task) -> None:
    labels = make_labels(task, 300, seed=0)
    target = task.fit_target(labels)
    codes = torch.from_numpy(target.encode(labels))
    for step in torch.randn(
        50, target.n_outputs, generator=torch.Generator().manual_seed(0)
    ):
        other = target.bias + 0.1 * step
        assert target.mean_loss(other.expand(300, -1), codes).item() >= 1 - 1e-5


def test_gradient_at_the_best_constant_is_zero(task: Task) -> None:
    labels = make_labels(task, 301, seed=0, missing=0)
    target = task.fit_target(labels)
    bias = target.bias.clone().requires_grad_()
    target.mean_loss(
        bias.expand(301, -1), torch.from_numpy(target.encode(labels))
    ).backward()
    assert bias.grad is not None
    # The median of an odd number of labels is one of them, where the slope of |x| may be anything
    # within 1/n.
    steep = getattr(task, "loss", "") in ("mae", "quantile")
    bound = 2 / 301 / float(target.trivial_loss) if steep else 1e-5
    assert bias.grad.abs().max() <= bound


@pytest.mark.parametrize("seed", range(5))
def test_row_losses_agree_with_the_training_loss(task: Task, seed: int) -> None:
    labels = make_labels(task, 100, seed)
    target = task.fit_target(labels)
    output = torch.randn(
        100, target.n_outputs, generator=torch.Generator().manual_seed(seed)
    )
    in_training = target.row_loss(output, torch.from_numpy(target.encode(labels)))
    afterwards = target.row_losses(labels, target(output).numpy())
    assert afterwards.dtype == np.float64
    assert np.array_equal(np.isnan(afterwards), ~known(labels))
    np.testing.assert_allclose(
        np.nan_to_num(afterwards), in_training.numpy(), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_validation_and_test_losses_clip_alike(task: Task, scale: float) -> None:
    """Networks that are sure, and wrong, have the same loss on both sets."""
    labels = make_labels(task, 100, 3)
    target = task.fit_target(labels)
    generator = torch.Generator().manual_seed(3)
    output = scale * torch.randn(100, target.n_outputs, generator=generator)
    codes = torch.from_numpy(target.encode(labels))
    counted = target.labelled(codes)
    on_validation = target.clipped_loss(output, codes) / target.trivial_loss
    on_test = target.row_losses(labels, target(output).numpy())
    assert np.array_equal(counted.numpy(), ~np.isnan(on_test))
    np.testing.assert_allclose(
        # float32 probabilities resolve 1 - p to 6e-8 only: half of the smallest that counts
        on_validation[counted].numpy(),
        on_test[counted.numpy()],
        rtol=1e-3,
        atol=np.log(2) / float(target.trivial_loss) if scale > 1 else 1e-6,
    )


def test_saved_and_rebuilt_targets_predict_alike(target: Target) -> None:
    config = json.loads(json.dumps(target.to_config()))
    task = task_from_config(json.loads(json.dumps(task_to_config(target.task))))
    rebuilt = task.target_from_config(config)
    rebuilt.load_state_dict(target.state_dict())
    output = torch.randn(30, target.n_outputs)
    assert torch.equal(rebuilt(output), target(output))
    labels = make_labels(target.task, 30, seed=3)
    assert np.array_equal(rebuilt.encode(labels), target.encode(labels), equal_nan=True)
    pd.testing.assert_frame_equal(
        rebuilt.to_frame(rebuilt(output).numpy()),
        target.to_frame(target(output).numpy()),
    )
    pd.testing.assert_frame_equal(
        rebuilt.metrics(labels, rebuilt(output).numpy()),
        target.metrics(labels, target(output).numpy()),
    )


def test_metrics_have_the_loss_and_the_trivial_predictor(target: Target) -> None:
    labels = make_labels(target.task, 200, seed=0)
    table = target.metrics(
        labels, target(torch.randn(200, target.n_outputs)).numpy()
    ).set_index("metric")
    assert list(table.columns) == ["value", "trivial", "n_labelled", "higher_is_better"]
    assert table.loc["loss", "trivial"] == pytest.approx(1, abs=1e-5)
    assert (table["n_labelled"] == known(labels).sum()).all()
    constant = target.metrics(labels, target.constant(200)).set_index("metric")
    assert constant.loc["loss", "value"] == constant.loc["loss", "trivial"]


@pytest.mark.parametrize("n_labelled", [0, 1])
def test_metrics_of_almost_nothing_are_nan_not_errors(
    target: Target, n_labelled: int
) -> None:
    labels = make_labels(target.task, 6, seed=0, missing=0)
    labels.iloc[n_labelled:] = None
    table = target.metrics(
        labels, target(torch.randn(6, target.n_outputs)).numpy()
    ).set_index("metric")
    assert (table["n_labelled"] == n_labelled).all()
    assert table["value"].isna().all() == (n_labelled == 0)
    several_numbers = (
        ["r2"] if isinstance(target.task, Forecast) else []
    )  # the steps of one row differ
    for undefined in table.index.intersection(
        ["r2", "roc_auc", "average_precision"]
    ).difference(several_numbers):
        assert np.isnan(table.loc[undefined, "value"])


def test_metrics_of_diverged_predictions_are_nan(target: Target) -> None:
    labels = make_labels(target.task, 6, seed=0, missing=0)
    decoded = target(torch.full((6, target.n_outputs), torch.nan)).numpy()
    table = target.metrics(labels, decoded)
    assert table["value"].isna().all()
    assert table["trivial"].notna().any()


def test_labels_are_not_changed(task: Task) -> None:
    labels = make_labels(task, 50, seed=0)
    before = labels.copy(deep=True)
    target = task.fit_target(labels)
    target.encode(labels)
    target.metrics(labels, target.constant(50))
    pd.testing.assert_frame_equal(labels, before)
