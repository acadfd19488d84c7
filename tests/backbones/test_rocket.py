"""Linear heads on the convolutions of MiniRocket."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from makers import small
from multitide import MultiTaskEstimator, Samples, load, simulate_rig
from multitide.backbones import Rocket
from multitide.backbones._rocket import RocketFeatures
from multitide.errors import DataError
from multitide.representations import MiniRocket

N_FEATURES = 168


def fitted(x: Tensor, lengths: Tensor | None = None) -> RocketFeatures:
    module = Rocket(n_features=N_FEATURES).build(x.shape[1], x.shape[2])
    module.fit(x, lengths)
    return module.eval()


def series(n: int = 12, n_timepoints: int = 40) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(n, 3, n_timepoints)


def test_has_the_features_of_the_representation() -> None:
    x = series()
    samples = Samples.from_arrays(x.numpy(), pd.DataFrame({"label": range(len(x))}))
    encoder = MiniRocket(N_FEATURES, scale="none").fit(samples)
    np.testing.assert_array_equal(fitted(x)(x).numpy(), encoder.transform(samples))


def test_what_follows_the_end_of_a_series_changes_no_bit() -> None:
    x, lengths = series(), torch.tensor([40, 12, 9, 25] * 3)
    module = fitted(x, lengths)
    changed = x.clone()
    for row, length in zip(changed, lengths.tolist(), strict=True):
        row[:, length:] = 7.0
    longer = torch.cat([changed, torch.full((len(x), 3, 11), -5.0)], dim=2)
    assert torch.equal(module(x, lengths), module(changed, lengths))
    assert torch.equal(module(x, lengths), module(longer, lengths))
    alone = [
        module(row[None, :, :length])
        for row, length in zip(x, lengths.tolist(), strict=True)
    ]
    assert torch.equal(module(x, lengths), torch.cat(alone))


def test_a_series_that_is_shorter_than_a_kernel_is_continued_with_its_last_values() -> (
    None
):
    x = series()
    module = fitted(x)
    short = x[:, :, :3]
    n_spanned = module.kernels.n_spanned
    continued = torch.cat(
        [short, short[:, :, -1:].expand(-1, -1, n_spanned - 3)], dim=2
    )
    assert torch.equal(module(short), module(continued))


def test_biases_are_drawn_from_the_training_series() -> None:
    x = series()
    once, again, scaled = fitted(x), fitted(x), fitted(10 * x)
    assert torch.equal(once.kernels.biases, again.kernels.biases)
    torch.testing.assert_close(scaled.kernels.biases, 10 * once.kernels.biases)


def test_refuses_series_that_are_all_shorter_than_a_kernel() -> None:
    with pytest.raises(DataError, match=r"at least 9 time steps.*longest series has 8"):
        Rocket().build(2, 8)


@pytest.fixture(scope="module")
def rig() -> Samples:
    return simulate_rig(n_runs=60, n_timepoints=(20, 30), random_state=0)


@pytest.fixture(scope="module")
def model(rig: Samples) -> MultiTaskEstimator:
    return small(backbone=Rocket(n_features=N_FEATURES)).fit(rig)


def test_learns_and_predicts_the_same_bits_after_loading(
    rig: Samples, model: MultiTaskEstimator, tmp_path: Path
) -> None:
    losses = model.history_.query("side == 'train'").set_index("task")["loss"]
    assert (losses.drop("operator") < 0.5).all()
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(rig), model.predict(rig))


@pytest.mark.usefixtures("quick_learners")
def test_takes_part_in_the_default_where_labels_are_few(rig: Samples) -> None:
    default = small(backbone="auto", max_epochs=1).fit(rig)
    candidates = default.candidates_
    assert set(candidates.loc[candidates["candidate"] == "rocket", "task"]) == set(
        rig.y
    )


def test_heads_are_solved_again_on_all_rows(rig: Samples) -> None:
    held = [
        small(backbone=Rocket(n_features=N_FEATURES), training={"refit": refit}).fit(
            rig
        )
        for refit in (False, "trees")
    ]
    first, again = [each.predict(rig)["remaining_life"] for each in held]
    truth = rig.y["remaining_life"]
    assert not np.allclose(first, again)
    assert ((again - truth) ** 2).mean() < ((first - truth) ** 2).mean()


def test_kernels_follow_the_seed_of_the_estimator(rig: Samples) -> None:
    drawn = []
    for spec, seed in (
        (Rocket(n_features=168), 0),
        (Rocket(n_features=168), 1),
        (Rocket(n_features=168), 1),
    ):
        fit = small(backbone=spec, random_state=seed).fit(rig)
        drawn.append(fit.predict(rig)["remaining_life"].to_numpy())
    assert np.array_equal(drawn[1], drawn[2])
    assert not np.allclose(drawn[0], drawn[1])


def test_a_seed_of_the_kernels_stays() -> None:
    assert Rocket(kernel_seed=3).with_seed(7) == Rocket(kernel_seed=3)
    assert Rocket().with_seed(2**31 + 7) == Rocket(kernel_seed=7)
