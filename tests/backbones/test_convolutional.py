"""CNN1D, FC and InceptionTime against networks written down a second time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multitide._bf16 import in_bf16
from multitide.backbones import CNN1D, FC, BlockBackbone, InceptionTime, _convolution
from multitide.backbones._convolution import MOST_COLUMNS, MaskedConv1d
from multitide.backbones._flatten import flatten_steps
from multitide.backbones._inception_time import _neighbour_maximum
from multitide.errors import DataError
from refusals import refused


def eval_module(module: BlockBackbone, n_channels: int) -> BlockBackbone:
    for _ in range(3):
        module(torch.randn(8, n_channels, 24) * 2 + 1)
    return module.eval()


@pytest.mark.parametrize("flatten", [False, True])
def test_cnn1d_is_two_convolutions_each_with_a_mean_of_pairs(flatten: bool) -> None:
    torch.manual_seed(0)
    module = CNN1D(flatten=flatten).build(3, 24).eval()
    one, two = (module.get_submodule(f"blocks.conv{i}.convolution") for i in (1, 2))
    assert isinstance(one, nn.Conv1d) and isinstance(two, nn.Conv1d)
    assert (
        one.out_channels,
        two.out_channels,
        two.kernel_size,
        two.stride,
        two.padding,
    ) == (
        32,
        64,
        (3,),
        (1,),
        (0,),
    )
    x = torch.randn(5, 3, 24)
    x1 = F.relu(F.conv1d(x, one.weight, one.bias))
    x1 = (x1[:, :, 0::2] + x1[:, :, 1::2]) / 2  # 22 -> 11
    x2 = F.relu(F.conv1d(x1, two.weight, two.bias))[
        :, :, :8
    ]  # 9, of which the last has no neighbour
    x2 = (x2[:, :, 0::2] + x2[:, :, 1::2]) / 2
    expected = x2.flatten(1) if flatten else x2.mean(2)
    assert module.n_features == expected.shape[1] == (256 if flatten else 64)
    torch.testing.assert_close(module(x), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "same", 0, 3])
@pytest.mark.parametrize("kernel", [1, 4, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_as_a_product_is_the_same(
    padding: Any, kernel: int, stride: int, bias: bool
) -> None:
    if padding == "same" and stride > 1:
        return
    torch.manual_seed(0)
    convolution = MaskedConv1d(3, 6, kernel, padding, stride, bias)
    x = torch.randn(4, 3, 12, requires_grad=True)
    lengths = torch.tensor([12, 7, 9, 12])
    ordinary = convolution(x, lengths)
    product = convolution.as_product(convolution.padded(x, lengths))
    torch.testing.assert_close(product, ordinary)
    assert product.is_contiguous()
    weights = torch.randn_like(ordinary)
    trained = [x, *convolution.parameters()]
    expected = torch.autograd.grad((ordinary * weights).sum(), trained)
    gradients = torch.autograd.grad((product * weights).sum(), trained)
    torch.testing.assert_close(gradients, expected)


@pytest.mark.parametrize("most", [0, MOST_COLUMNS])
def test_a_convolution_is_a_product_in_bfloat16_only(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def note(self: MaskedConv1d, x: Tensor) -> Tensor:
        seen.append(x.dtype)
        return as_product(self, x)

    as_product = MaskedConv1d.as_product
    monkeypatch.setattr(MaskedConv1d, "as_product", note)
    monkeypatch.setattr(_convolution, "MOST_COLUMNS", most)
    convolution, x = MaskedConv1d(3, 6, 4, "same"), torch.randn(2, 3, 12)
    exact = convolution(x)
    assert not seen
    with in_bf16(x.device):
        rounded = convolution(x)
    assert seen == ([torch.bfloat16] if most else [])
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=2e-2, atol=2e-2)


def test_fc_is_one_hidden_layer_on_vectors() -> None:
    torch.manual_seed(0)
    module = FC().build(10, 1).eval()
    linear = module.get_submodule("blocks.hidden.linear")
    assert isinstance(linear, nn.Linear) and linear.weight.shape == (32, 10)
    x = torch.randn(4, 10)
    torch.testing.assert_close(
        module(x[:, :, None]), (x @ linear.weight.T + linear.bias).clamp(min=0)
    )
    assert (
        FC(bias=False).build(10, 1).get_submodule("blocks.hidden.linear").bias is None
    )


@pytest.mark.parametrize("spec", [FC(), CNN1D(flatten=True)], ids=["fc", "cnn1d"])
def test_vectors_have_a_longest_series(spec: FC | CNN1D) -> None:
    module = spec.build(2, 20)
    with refused("`X`", "at most", "time steps", "as in training", error=DataError):
        module(torch.zeros(1, 2, 24))


def test_flattening_fills_up_with_zeros() -> None:
    x = torch.arange(1.0, 9.0).reshape(2, 1, 4)
    assert flatten_steps(x, torch.tensor([4, 2]), 5).tolist() == [
        [1, 2, 3, 4, 0],
        [5, 6, 0, 0, 0],
    ]


def inception_by_hand(module: BlockBackbone, x: Tensor) -> Tensor:
    state = {name.removeprefix("blocks."): t for name, t in module.state_dict().items()}

    def norm(x: Tensor, prefix: str) -> Tensor:
        mean, variance = state[f"{prefix}.running_mean"], state[f"{prefix}.running_var"]
        x = (x - mean[:, None]) / (variance[:, None] + 1e-5).sqrt()
        return x * state[f"{prefix}.weight"][:, None] + state[f"{prefix}.bias"][:, None]

    for block in ("block1", "block2"):
        entering = x
        for i in range(3):
            inception = f"{block}.inceptions.{i}"
            reduced = x
            if x.shape[1] > 1:
                reduced = torch.einsum(
                    "oi,bit->bot", state[f"{inception}.bottleneck.weight"][:, :, 0], x
                )
            outputs = []
            for j, kernel in enumerate((40, 20, 10)):
                wide = F.pad(reduced, ((kernel - 1) // 2, kernel // 2))
                outputs.append(
                    F.conv1d(wide, state[f"{inception}.convolutions.{j}.weight"])
                )
            around = F.pad(x, (1, 1), value=-torch.inf)
            highest = torch.stack([around[:, :, :-2], x, around[:, :, 2:]]).amax(0)
            outputs.append(
                F.conv1d(highest, state[f"{inception}.after_maximum.weight"])
            )
            x = F.relu(norm(torch.cat(outputs, 1), f"{inception}.norm"))
        x = F.relu(
            x
            + norm(
                F.conv1d(entering, state[f"{block}.shortcut.weight"]), f"{block}.norm"
            )
        )
    return x.mean(2)


@pytest.mark.parametrize("n_channels", [1, 3])
def test_inception_time_is_the_papers_network(n_channels: int) -> None:
    torch.manual_seed(0)
    module = eval_module(InceptionTime().build(n_channels, 24), n_channels)
    x = torch.randn(4, n_channels, 24)
    assert module.n_features == 128
    torch.testing.assert_close(
        module(x), inception_by_hand(module, x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("lengths", [None, torch.tensor([7, 3])])
def test_the_maximum_of_neighbours_is_the_same_in_an_export(
    lengths: Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(2, 3, 7)
    usual = _neighbour_maximum(x, lengths)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.equal(_neighbour_maximum(x, lengths), usual)
