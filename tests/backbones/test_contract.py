"""The contract of a backbone, checked for each registered one and for one added by a user."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from multitide.backbones import (
    BACKBONES,
    CNN1D,
    FC,
    FCN,
    GRU,
    LSTM,
    LSTMFCN,
    RNN,
    Backbone,
    BackboneModule,
    Block,
    BlockBackbone,
    Flow,
    InceptionTime,
    Linear,
    Rocket,
    Trees,
)
from multitide.backbones._convolution import MeanPooling
from multitide.errors import DataError, ParameterError
from refusals import refused

N_CHANNELS, N_TIMEPOINTS = 3, 24


class Doubled(Block):
    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_channels, 5)

    def forward(self, flow: Flow) -> Flow:
        return flow._replace(
            x=self.linear(flow.x.transpose(1, 2)).transpose(1, 2).relu()
        )


@dataclass
class UserBackbone(Backbone):
    """A user's own backbone: a block, a pooling and a spec."""

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        return BlockBackbone({"doubled": Doubled(n_channels)}, MeanPooling(), 5, self)


SPECS: dict[str, Backbone] = {
    "lstm_fcn": LSTMFCN(),
    "lstm_fcn, same": LSTMFCN(
        padding="same", hidden_size=7, num_layers=2, squeeze=None
    ),
    "fcn": FCN(),
    "fcn, same": FCN(padding="same", filters=(8, 4), kernel_sizes=(4, 3), squeeze=2),
    "rnn": RNN(),
    "rnn, relu": RNN(
        nonlinearity="relu", num_layers=1, bidirectional=False, hidden_size=5
    ),
    "lstm": LSTM(),
    "gru": GRU(num_layers=3, hidden_size=6),
    "cnn1d": CNN1D(),
    "cnn1d, padding": CNN1D(padding=2, stride=2, kernel_size=5, output_channels=8),
    "cnn1d, flatten": CNN1D(flatten=True, output_channels=8),
    "fc": FC(),
    "fc, no bias": FC(bias=False, hidden_size=9),
    "inception_time": InceptionTime(),
    "inception_time, short": InceptionTime(
        kernel_sizes=(5, 2), n_filters=4, bottleneck=3, n_blocks=1
    ),
    "a user's": UserBackbone(),
}
SHUFFLED = LSTMFCN(shuffle=True, hidden_size=8)
# Those that have nothing to train.
UNTRAINED: dict[str, Backbone] = {
    "linear": Linear(),
    "rocket": Rocket(n_features=168),
    "trees": Trees(),
    "trees, boosting": Trees(kind="boosting", n_levels=2),
}
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
every_spec_shuffled_too = pytest.mark.parametrize(
    "spec", [*SPECS.values(), SHUFFLED], ids=[*SPECS, "shuffled"]
)
with_untrained = pytest.mark.parametrize(
    "spec", [*SPECS.values(), *UNTRAINED.values()], ids=[*SPECS, *UNTRAINED]
)


def built(spec: Backbone, seed: int = 0) -> BackboneModule:
    """A module in eval mode whose running statistics have seen data."""
    torch.manual_seed(seed)
    module = spec.build(N_CHANNELS, N_TIMEPOINTS)
    for _ in range(3):
        module(series(16, scale=2.0))
    return module.eval()


def series(n: int, n_timepoints: int = N_TIMEPOINTS, scale: float = 1.0) -> Tensor:
    return torch.randn(n, N_CHANNELS, n_timepoints) * scale + 0.5


def without_dropout(spec: Backbone) -> Backbone:
    names = [name for name in spec.get_params() if name.endswith("dropout")]
    return replace(spec, **dict.fromkeys(names, 0.0))


def padded(x: Tensor, lengths: Tensor, filling: float) -> Tensor:
    valid = torch.arange(x.shape[2]) < lengths[:, None, None]
    return torch.where(valid, x, torch.full_like(x, filling) * torch.randn_like(x))


def test_every_registered_backbone_is_tested_here() -> None:
    specs = [*SPECS.values(), *UNTRAINED.values()]
    assert {type(spec) for spec in specs} - {UserBackbone} == set(BACKBONES.values())
    for spec in specs:
        has_weights = any(True for _ in built(spec).parameters())
        assert spec.is_trained == has_weights


@with_untrained
def test_gives_the_features_it_declares(spec: Backbone) -> None:
    spec.check("backbone")
    module = built(spec)
    features = module(series(5))
    assert features.shape == (5, module.n_features)
    assert features.isfinite().all()


@with_untrained
def test_features_are_those_of_the_series_alone(spec: Backbone) -> None:
    module = built(spec)
    lengths = torch.tensor(
        [spec.min_timepoints, N_TIMEPOINTS, 17, 20, spec.min_timepoints + 1]
    )
    x = series(5)
    together = module(padded(x, lengths, 100.0), lengths)
    for i, length in enumerate(lengths):
        alone = module(x[i : i + 1, :, :length])
        torch.testing.assert_close(
            together[i], alone[0], rtol=1e-6, atol=1e-6, equal_nan=spec.reads_missing
        )


@with_untrained
def test_full_lengths_are_no_lengths(spec: Backbone) -> None:
    module, x = built(spec), series(4)
    torch.testing.assert_close(
        module(x, torch.full((4,), N_TIMEPOINTS)), module(x), rtol=1e-6, atol=1e-6
    )


@every_spec
def test_training_never_sees_the_padding(spec: Backbone) -> None:
    lengths, x = torch.tensor([17, 20, 18, 19]), series(4, 20).double()
    results = []
    for filling, steps in ((0.0, 20), (100.0, N_TIMEPOINTS)):
        module = built(without_dropout(spec)).train().double()
        wide = nn.functional.pad(x, (0, steps - 20))
        features = module(padded(wide, lengths, filling), lengths)
        features.square().sum().backward()
        gradients = {f"grad {name}": p.grad for name, p in module.named_parameters()}
        results.append(
            {"features": features.detach(), **module.state_dict(), **gradients}
        )
    for name in results[0]:
        torch.testing.assert_close(
            results[0][name], results[1][name], rtol=1e-9, atol=1e-9, msg=name
        )


@every_spec_shuffled_too
def test_gradient_reaches_every_parameter(spec: Backbone) -> None:
    module = built(spec)
    (module(series(8)) * torch.randn(module.n_features)).sum().backward()
    unreached = [
        name
        for name, p in module.named_parameters()
        if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert not unreached


@every_spec
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("n", [1, 4])
def test_constant_and_shortest_series_give_finite_numbers(
    spec: Backbone, training: bool, n: int
) -> None:
    module = built(spec).train(training)
    shortest = torch.full((n,), spec.min_timepoints)
    for x, lengths in (
        (torch.ones(n, N_CHANNELS, N_TIMEPOINTS), None),
        (series(n, spec.min_timepoints), None),
        (series(n), shortest),
    ):
        features = module(x, lengths)
        features.sum().backward()
        assert features.isfinite().all()
    assert all(
        p.grad.isfinite().all() for p in module.parameters() if p.grad is not None
    )
    assert all(buffer.isfinite().all() for buffer in module.buffers())


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        (
            LSTMFCN(),
            ["14 time steps", "LSTMFCN", "got 13", "longer series", "padding='same'"],
        ),
        (FCN(kernel_sizes=(3, 3), filters=(4, 4)), ["5 time steps", "FCN", "got 4"]),
        (CNN1D(), ["10 time steps", "CNN1D", "got 9", "larger `padding`"]),
        (CNN1D(stride=2, padding=1), ["11 time steps", "got 10"]),
    ],
)
def test_too_short_series_are_refused_with_the_remedy(
    spec: Backbone, parts: list[str]
) -> None:
    module, enough = built(spec), spec.min_timepoints
    assert module(series(2, enough)).isfinite().all()
    for attempt in (
        lambda: module(series(2, enough - 1)),
        lambda: spec.build(N_CHANNELS, enough - 1),
    ):
        with refused("`X`", *parts, error=DataError):
            attempt()


@every_spec_shuffled_too
def test_same_seed_same_features(spec: Backbone) -> None:
    x = series(3)
    assert torch.equal(built(spec, seed=4)(x), built(spec, seed=4)(x))
    assert not torch.equal(built(spec, seed=4)(x), built(spec, seed=5)(x))


@every_spec_shuffled_too
def test_state_dict_holds_everything(spec: Backbone) -> None:
    module, x = built(spec, seed=1), series(3)
    other = spec.build(N_CHANNELS, N_TIMEPOINTS).eval()
    assert not torch.equal(other(x), module(x))
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(x), module(x))


@with_untrained
def test_forward_reads_nothing_back_to_the_host(spec: Backbone) -> None:
    # A tensor on the meta device has a shape and no values: what runs there decides by shapes
    # alone.
    module = spec.build(N_CHANNELS, N_TIMEPOINTS).to("meta")
    for lengths in (None, torch.full((4,), 20, device="meta")):
        assert module(
            torch.empty(4, N_CHANNELS, N_TIMEPOINTS, device="meta"), lengths
        ).shape == (
            4,
            module.n_features,
        )


@every_spec_shuffled_too
def test_blocks_one_by_one_are_the_backbone(spec: Backbone) -> None:
    module, x = built(spec), series(4)
    assert isinstance(module, BlockBackbone)
    flow = module.start(x)
    for block in module.block_list:
        flow = block(flow)
    assert torch.equal(module.pool(flow), module(x))
    in_blocks = [p for block in module.block_list for p in block.parameters()]
    assert len(in_blocks) == len(list(module.parameters())), (
        "a parameter outside the blocks cannot be shared by block"
    )


def test_the_built_module_keeps_its_own_spec() -> None:
    spec = FCN()
    module = spec.build(N_CHANNELS, N_TIMEPOINTS)
    spec.set_params(padding="same")
    with refused("`X`", "14 time steps", error=DataError):
        module(series(1, 5))


@pytest.mark.parametrize(
    ("spec", "name", "parts"),
    [
        (
            LSTMFCN(hidden_size=0),
            "hidden_size",
            ["greater than or equal to 1", "got 0"],
        ),
        (
            LSTMFCN(lstm_dropout=1.5),
            "lstm_dropout",
            ["less than or equal to 1", "got 1.5"],
        ),
        (LSTMFCN(filters=(8, 8)), "kernel_sizes", ["one kernel", "filters (8, 8)"]),
        (FCN(filters=(), kernel_sizes=()), "kernel_sizes", ["at least one", "got ()"]),
        (FCN(padding="full"), "padding", ["'valid' or 'same'", "got 'full'"]),
        (FCN(filters=(8, 0, 4)), "filters.1", ["greater than or equal to 1", "got 0"]),
        (
            RNN(nonlinearity="sigmoid"),
            "nonlinearity",
            ["'tanh' or 'relu'", "got 'sigmoid'"],
        ),
        (LSTM(num_layers=0), "num_layers", ["greater than or equal to 1", "got 0"]),
        (GRU(dropout=-0.1), "dropout", ["greater than or equal to 0", "got -0.1"]),
        (CNN1D(padding=-1), "padding", ["greater than or equal to 0", "got -1"]),
        (FC(bias="maybe"), "bias", ["valid boolean", "got 'maybe'"]),
        (
            InceptionTime(kernel_sizes=()),
            "kernel_sizes",
            ["at least one kernel", "got ()"],
        ),
    ],
)
def test_check_names_what_is_wrong(spec: Backbone, name: str, parts: list[str]) -> None:
    with refused(f"`backbone.{name}`", *parts, error=ParameterError):
        spec.check("backbone")


def test_check_lists_all_problems_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        LSTMFCN(hidden_size=0, conv_dropout=2.0).check("backbone")
    assert str(caught.value).count("`backbone.") == 2


def count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@every_spec
def test_a_wider_backbone_has_more_parameters_and_is_otherwise_the_same(
    spec: Backbone,
) -> None:
    n_parameters = [count_parameters(built(each)) for each in (spec, spec.wider(2))]
    if not spec.widths:
        assert spec.wider(2) == spec
        return
    assert 1.5 * n_parameters[0] < n_parameters[1] < 4.5 * n_parameters[0]
    kept = {
        name: value
        for name, value in spec.get_params().items()
        if name not in spec.widths
    }
    assert kept.items() <= spec.wider(2).get_params().items()


def test_every_registered_backbone_can_be_made_wider() -> None:
    solved = ["linear", "rocket", "trees"]  # they have no units
    assert [
        name
        for name, kind in BACKBONES.items()
        if not kind.widths and list(kind().get_params())
    ] == solved
