"""A pass that drops what an earlier one dropped, without drawing it again."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from multitide.training._lookahead import SamePass


class Fixed(nn.Module):
    """A module without parameters that counts its calls."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.sqrt()


class Noisy(nn.Module):
    """Dropout twice, one layer called twice, with random numbers of other kinds before, between and behind."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Dropout(0.3), nn.Dropout(0.6), nn.Dropout1d(0.5)
        self.scale = nn.Parameter(torch.ones(()))
        self.fixed = Fixed()

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.scale * self.fixed(x) + torch.randn(4, 6, 5).transpose(0, 1))
        x = self.second(x + torch.rand(6, 4, 5))
        return self.third(self.first(x) + torch.rand(5)) + torch.rand(())


def passes(network: Noisy, n: int, held: bool) -> tuple[list[Tensor], list[Tensor]]:
    """Return what passes from the same state of the generator give, and where each leaves it."""
    same, found, left = SamePass(network, [network.fixed]), [], []
    x = torch.arange(120.0).reshape(6, 4, 5)
    for _ in range(n):
        torch.manual_seed(3)
        if held:
            with same.held():
                found.append(network(x))
        else:
            found.append(network(x))
        left.append(torch.get_rng_state())
    return found, left


def test_every_pass_is_the_layers_own_to_the_last_bit_and_leaves_the_generator_where_they_do() -> (
    None
):
    network = Noisy()
    (own, *_), (state, *_) = passes(network, 1, held=False)
    found, left = passes(network, 3, held=True)
    assert not torch.equal(own, Noisy().eval()(torch.arange(120.0).reshape(6, 4, 5)))
    assert all(torch.equal(each, own) for each in found)
    assert all(torch.equal(each, state) for each in left)
    slopes = [torch.autograd.grad(each.sum(), network.scale)[0] for each in (own, *found)]
    assert len(set(map(float, slopes))) == 1


def test_units_are_drawn_and_fixed_modules_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    dropout = torch.nn.functional.dropout
    monkeypatch.setattr(
        "torch.nn.functional.dropout",
        lambda *args, **more: drawn.append(1) or dropout(*args, **more),
    )
    network = Noisy()
    passes(network, 3, held=True)
    assert len(drawn) == 3 and network.fixed.calls == 1


def test_layers_are_themselves_again_also_after_an_error_and_drop_nothing_where_they_would_not() -> (
    None
):
    network = Noisy()
    same = SamePass(network)
    with pytest.raises(RuntimeError, match="size"), same.held():
        network(torch.zeros(2, 2))
    assert "forward" not in vars(network.first)
    x = torch.ones(50)
    with same.held():
        assert torch.equal(network.first.eval()(x), x)
    torch.manual_seed(0)
    assert not torch.equal(network.first.train()(x), network.first(x))
