"""Training steps against a plain torch loop; for missing labels see `test_missing_labels`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from makers import SMALL, make_samples
from multitide.balancing import AGGREGATORS, AggregatorModule
from multitide.data._samples import Samples
from multitide.encodings._inputs import Inputs
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import build_network
from multitide.network._network import InputStem
from multitide.sharing import Hard
from multitide.tasks import resolve_tasks
from multitide.training._batches import DeviceSamples, Rows
from multitide.training._best_weights import Keeper
from multitide.training._callbacks import Callback
from multitide.training._mixing import DeviceData
from multitide.training._settings import Training
from multitide.training._trainer import Trainer
from refusals import refused

CPU = torch.device("cpu")


def make_trainer(
    samples: Samples,
    weighting: str = "uniform",
    sharing: str = "hard",
    training: Training | None = None,
    batch_size: int = 16,
    callbacks: Sequence[object] = (),
) -> Trainer:
    """Build a trainer on all samples, without validation."""
    from makers import small

    recipe = make_recipe(
        small(weighting=weighting, sharing=sharing).get_params(deep=False)
    )
    tasks = resolve_tasks(None, samples.y)
    targets = [task.fit_target(samples.y[task.columns]) for task in tasks]
    codes = [target.encode(samples.y[target.task.columns]) for target in targets]
    inputs = Inputs().build(samples.channels)
    inputs.fit(samples)
    torch.manual_seed(0)
    network = build_network(
        recipe, [InputStem("", inputs)], targets, samples.n_timepoints
    )
    measured = samples.y.notna().to_numpy()
    return Trainer(
        network,
        [
            DeviceData(
                DeviceSamples(samples, codes, None, CPU),
                Rows(np.arange(len(samples)), measured),
            )
        ],
        weighting=recipe.weighting.build(network.names, [task.kind for task in tasks]),
        keeper=Keeper("joint", network.names),
        settings=training or Training(),
        max_epochs=3,
        batch_size=batch_size,
        lr=0.01,
        seed=0,
        callbacks=callbacks,  # type: ignore[arg-type]
    )


class Stops(Callback):
    """Sets `stop` once, in some hook."""

    def __init__(self, hook: str) -> None:
        setattr(self, hook, self._stop)

    def _stop(self, trainer: Trainer, *args: object) -> None:
        trainer.stop = True


@pytest.mark.parametrize("hook", ["on_train_begin", "on_step_end", "on_epoch_end"])
def test_stop_ends_training_after_the_epoch(hook: str) -> None:
    trainer = make_trainer(make_samples(n=40), callbacks=[Stops(hook)])
    assert trainer.run().epoch == 1
    assert trainer.history


def wake_heads(trainer: Trainer) -> None:
    """Give the heads weights, so that gradients reach the backbone from the first step on."""
    for head in trainer.network.heads:
        torch.nn.init.normal_(head[-1].weight, std=0.1)  # type: ignore[arg-type]


def test_the_loss_of_a_batch_is_the_mean_over_its_labelled_rows() -> None:
    samples = make_samples(n=16)
    trainer = make_trainer(samples)
    wake_heads(trainer)
    trainer.network.eval()
    n_labelled = samples.y.notna().sum().to_numpy()
    losses, _ = trainer.task_losses([torch.arange(16)], n_labelled)
    for i, name in enumerate(trainer.names):
        rows = torch.from_numpy(np.flatnonzero(samples.y[name].notna()))
        batch = trainer._streams[0].samples.gather(rows)
        target = trainer.network.target_list[i]
        alone = target.mean_loss(trainer.network(batch.x)[i], batch.codes[i])
        assert losses[name].item() == pytest.approx(alone.item(), rel=1e-6)


def test_nan_labels_never_reach_a_gradient() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        samples = make_samples(
            n=32, missing=rng.uniform(0.2, 0.8), seed=int(rng.integers(1000))
        )
        trainer = make_trainer(samples, batch_size=5)
        wake_heads(trainer)
        trainer.network.train()
        for rows in np.array_split(rng.permutation(32), 6):
            counts = samples.y.notna().to_numpy()[rows].sum(axis=0)
            if counts.sum():
                trainer.step([torch.from_numpy(rows)], counts)
                assert all(
                    p.grad is None or p.grad.isfinite().all()
                    for p in trainer.network.parameters()
                )


def test_an_epoch_equals_a_plain_torch_loop() -> None:
    samples = make_samples(missing=0)
    settings = Training(
        clip_norm=None, schedule="constant", weight_decay=0.0, order="shuffle"
    )
    ours = make_trainer(samples, training=settings, batch_size=8)
    plain = make_trainer(samples, batch_size=8)
    torch.manual_seed(1)
    ours.run_epoch()

    torch.manual_seed(1)
    network = plain.network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.0)
    X = torch.from_numpy(samples.gather(slice(None)))
    codes = plain._streams[0].samples.gather(torch.arange(len(samples))).codes
    order = np.random.default_rng(0).permutation(len(samples))
    state, load = network.target_list
    for rows in order.reshape(-1, 8):
        output = network(X[rows])
        loss = F.cross_entropy(output[0], codes[0][rows]) / state.trivial_loss
        loss = loss + F.mse_loss(output[1][:, 0], codes[1][rows]) / load.trivial_loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for (name, a), b in zip(
        ours.network.named_parameters(), plain.network.parameters(), strict=True
    ):
        # Before batch norm, the gradient of a bias is a rounding error, which Adam amplifies.
        if not name.endswith("convolution.bias"):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("weighting", ["uniform", "famo"])
def test_nothing_is_read_from_the_device_within_an_epoch(
    weighting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(make_samples(), weighting)
    step = trainer.step

    def forbid(*_: object, **__: object) -> None:
        raise AssertionError("the step read a tensor on the host")

    def guarded(*args: object) -> torch.Tensor:
        with monkeypatch.context() as patch:
            for name in (
                "item",
                "tolist",
                "numpy",
                "cpu",
                "__bool__",
                "__float__",
                "__int__",
                "nonzero",
            ):
                patch.setattr(torch.Tensor, name, forbid)
            return step(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "step", guarded)
    trainer.run_epoch()
    assert len(trainer.history) == 2


def test_weight_decay_spares_biases_and_batch_norm() -> None:
    trainer = make_trainer(make_samples(), training=Training(weight_decay=0.1))
    decayed = {
        id(p)
        for g in trainer.optimizer.param_groups
        if g["weight_decay"]
        for p in g["params"]
    }
    for name, parameter in trainer.network.named_parameters():
        assert (id(parameter) in decayed) == (parameter.ndim > 1), name


def test_the_average_follows_the_weights() -> None:
    trainer = make_trainer(make_samples(), training=Training(averaging=0.5))
    trainer.network.train()
    weights = []
    for _ in range(3):
        trainer.step([torch.arange(16)], np.array([10, 10]))
        weights.append(trainer.network.heads[0][-1].bias.detach().clone())
    expected = weights[0]
    for weight in weights[1:]:
        expected = 0.5 * expected + 0.5 * weight
    torch.testing.assert_close(trainer.evaluated.heads[0][-1].bias, expected)


def test_a_diverging_loss_names_task_epoch_and_remedy() -> None:
    trainer = make_trainer(make_samples(), training=Training(clip_norm=None))
    with torch.no_grad():
        trainer.network.heads[1][-1].bias.fill_(torch.inf)  # type: ignore[union-attr, operator]
    with refused("training loss", "step 1 of epoch 1", "not finite: ['load']", "`lr`"):
        trainer.run()


def test_the_small_backbone_is_the_one_that_is_trained() -> None:
    assert (
        make_trainer(make_samples()).network.sharing.n_features
        == SMALL.hidden_size + SMALL.filters[-1]
    )


# -- aggregators -----------------------------------------------------------------------------------


def aggregating(
    samples: Samples, name: str, at: str, sharing: object = "hard"
) -> Trainer:
    trainer = make_trainer(samples, sharing=sharing)  # type: ignore[arg-type]
    trainer.aggregator = AGGREGATORS[name](at=at).build(trainer.names)
    trainer._at_features = at == "features"
    wake_heads(trainer)
    return trainer


@pytest.mark.parametrize("at", ["parameters", "features"])
@pytest.mark.parametrize("sharing", ["hard", Hard(branch=1), "cross_stitch"])
def test_a_plain_sum_of_gradients_is_the_plain_loss(at: str, sharing: object) -> None:
    if at == "features" and sharing != "hard":
        pytest.skip("branches have no features in common")
    samples, rows, counts = (
        make_samples(missing=0),
        torch.arange(16),
        np.array([16, 16]),
    )

    class Sum(AggregatorModule):
        def combine(
            self, jacobian: torch.Tensor, present: Sequence[str]
        ) -> torch.Tensor:
            return jacobian.sum(dim=0)

    gradients = []
    for aggregator in (
        None,
        Sum(["state", "load"], lambda n: torch.nn.Identity(), None),
    ):
        trainer = aggregating(samples, "pcgrad", at, sharing)
        trainer.aggregator = aggregator
        trainer.network.eval()
        trainer.backward(*trainer.task_losses([rows], counts))
        gradients.append(
            {
                n: p.grad
                for n, p in trainer.network.named_parameters()
                if p.grad is not None
            }
        )
    assert list(gradients[0]) == list(gradients[1])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-6, rtol=1e-4)


def test_pcgrad_at_the_shared_parameters_is_the_papers_formula() -> None:
    samples, rows, counts = (
        make_samples(missing=0),
        torch.arange(16),
        np.array([16, 16]),
    )
    trainer = aggregating(samples, "pcgrad", "parameters")
    trainer.network.eval()
    shared = trainer.network.sharing.shared_parameters()
    rows_of_j = []
    for name in trainer.names:
        losses, _ = trainer.task_losses([rows], counts)
        rows_of_j.append(
            torch.cat(
                [g.flatten() for g in torch.autograd.grad(losses[name], shared)]
            ).double()
        )
    a, b = rows_of_j
    dot = a @ b
    expected = a + b if dot >= 0 else a - dot / (b @ b) * b + b - dot / (a @ a) * a
    trainer.backward(*trainer.task_losses([rows], counts))
    ours = torch.cat([p.grad.flatten() for p in shared if p.grad is not None]).double()
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)
