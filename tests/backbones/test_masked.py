"""Masked layers against plain torch layers that see the valid steps only."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from multitide.backbones._convolution import MaskedConv1d
from multitide.backbones._masked import (
    MaskedBatchNorm1d,
    SqueezeExcite,
    last_step,
    mean_over_time,
    reverse_valid,
    valid_steps,
    zero_invalid,
)

LENGTHS = torch.tensor([5, 1, 8])


def batch(filling: float = torch.inf) -> Tensor:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 8, dtype=torch.float64)
    return torch.where(valid_steps(LENGTHS, 8), x, filling)


def rows(x: Tensor) -> list[Tensor]:
    return [series[:, :length] for series, length in zip(x, LENGTHS, strict=True)]


def test_invalid_steps_are_replaced_even_if_infinite() -> None:
    zeroed = zero_invalid(batch(), LENGTHS)
    for series, kept, length in zip(zeroed, rows(batch()), LENGTHS, strict=True):
        assert torch.equal(series[:, :length], kept)
        assert (series[:, length:] == 0).all()
    assert zero_invalid(batch(), None) is not None


def test_mean_and_last_step_are_those_of_each_series() -> None:
    x = batch()
    torch.testing.assert_close(
        mean_over_time(x, LENGTHS), torch.stack([series.mean(1) for series in rows(x)])
    )
    assert torch.equal(
        last_step(x, LENGTHS), torch.stack([series[:, -1] for series in rows(x)])
    )
    assert torch.equal(last_step(x, None), x[:, :, -1])


def test_a_series_without_valid_steps_has_mean_zero() -> None:
    assert torch.equal(
        mean_over_time(torch.ones(1, 2, 3), torch.tensor([0])), torch.zeros(1, 2)
    )


def test_reversing_turns_the_valid_part_and_twice_is_nothing() -> None:
    x = batch(7.0)
    turned = reverse_valid(x, LENGTHS)
    for series, original in zip(rows(turned), rows(x), strict=True):
        assert torch.equal(series, original.flip(1))
    assert torch.equal(reverse_valid(turned, LENGTHS), x)
    assert torch.equal(reverse_valid(x, None), x.flip(2))


def test_batch_norm_counts_valid_steps_only() -> None:
    torch.manual_seed(1)
    ours, plain = MaskedBatchNorm1d(4).double(), nn.BatchNorm1d(4).double()
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    plain.load_state_dict(ours.state_dict())
    x = batch(100.0).requires_grad_()
    compact = torch.cat(
        [series.T for series in rows(x.detach())]
    ).requires_grad_()  # (n_valid, channels)
    weights = torch.randn(4, dtype=torch.float64)
    normalised, expected = ours(x, LENGTHS), plain(compact)
    torch.testing.assert_close(
        torch.cat([series.T for series in rows(normalised)]), expected
    )
    torch.testing.assert_close(ours.state_dict(), plain.state_dict())
    in_use = torch.cat([series.T for series in rows(ours.eval()(x, LENGTHS))])
    torch.testing.assert_close(in_use, plain.eval()(compact))
    (zero_invalid(normalised, LENGTHS).pow(3).sum((0, 2)) @ weights).backward()
    (expected.pow(3).sum(0) @ weights).backward()
    assert x.grad is not None and compact.grad is not None
    torch.testing.assert_close(
        torch.cat([series.T for series in rows(x.grad)]), compact.grad
    )
    assert (zero_invalid(x.grad, LENGTHS) == x.grad).all(), "padding got a gradient"


def test_batch_norm_without_lengths_is_torchs() -> None:
    ours, plain, x = (
        MaskedBatchNorm1d(4).double(),
        nn.BatchNorm1d(4).double(),
        batch(1.0),
    )
    assert torch.equal(ours(x), plain(x))
    assert torch.equal(ours.eval()(x), plain.eval()(x))


@pytest.mark.parametrize("lengths", [None, torch.tensor([1])])
def test_batch_norm_of_a_single_value_uses_the_running_statistics(
    lengths: Tensor | None,
) -> None:
    norm, x = MaskedBatchNorm1d(2), torch.tensor([[[3.0], [4.0]]])
    before = {name: b.clone() for name, b in norm.state_dict().items()}
    torch.testing.assert_close(norm(x, lengths), x, rtol=1e-4, atol=0)
    assert all(torch.equal(b, before[name]) for name, b in norm.state_dict().items())


def test_squeeze_excite_is_the_formula_and_has_no_biases() -> None:
    layer, x = SqueezeExcite(4, 2).double(), batch()
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "squeeze.weight": (2, 4),
        "excite.weight": (4, 2),
    }
    for series, scaled in zip(rows(x), rows(layer(x, LENGTHS)), strict=True):
        hidden = (layer.squeeze.weight @ series.mean(1)).clamp(min=0)
        torch.testing.assert_close(
            scaled, series / (1 + torch.exp(-layer.excite.weight @ hidden))[:, None]
        )
    assert SqueezeExcite(8, 16).squeeze.out_features == 1


@pytest.mark.parametrize(
    ("padding", "stride"),
    [("same", 1), *((p, stride) for p in ("valid", 0, 1, 3) for stride in (1, 2, 3))],
)
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_convolution_is_torchs_on_each_series_alone(
    padding: str | int, kernel: int, stride: int
) -> None:
    torch.manual_seed(0)
    ours = MaskedConv1d(4, 2, kernel, padding, stride).double()  # type: ignore[arg-type]
    got, lengths = ours(batch(100.0), LENGTHS), ours.output_lengths(LENGTHS)
    assert lengths is not None and ours.output_lengths(None) is None
    for i, series in enumerate(rows(batch())):
        before, after = (
            ((kernel - 1) // 2, kernel // 2)
            if padding == "same"
            else (ours.padding[0],) * 2
        )
        wide = nn.functional.pad(series, (before, after))
        n_steps = max(0, (wide.shape[1] - kernel) // stride + 1)
        assert int(lengths[i]) == n_steps == ours.output_steps(series.shape[1])
        if n_steps:
            expected = nn.functional.conv1d(wide[None], ours.weight, ours.bias, stride)[
                0
            ]
            torch.testing.assert_close(got[i, :, :n_steps], expected)
