"""Memory is estimated before anything is allocated; a fit that needs too much is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import multitide as mt
from makers import make_samples, plan_of, small
from multitide._estimator import MultiTaskEstimator
from multitide.cli import app
from multitide.data._samples import Samples
from multitide.encodings import PiecewiseLinear
from multitide.errors import ParameterError
from multitide.fitting import _memory
from multitide.fitting._memory import bytes_in_words, count_in_words
from multitide.representations import MiniRocket
from multitide.training._trainer import Trainer
from refusals import refused

HUGE: list[dict[str, Any]] = [
    {"backbone": {"name": "lstm", "hidden_size": 65_536}},
    {"backbone": {"name": "gru", "hidden_size": 65_536, "num_layers": 20}},
    {"backbone": {"name": "fcn", "filters": (65_536, 65_536, 65_536)}},
    {
        "backbone": {
            "name": "cnn1d",
            "output_channels": 65_536,
            "hidden_channels": 65_536,
        }
    },
    {"backbone": {"name": "inception_time", "n_filters": 65_536}},
    {
        "backbone": {"name": "fc", "hidden_size": 65_536},
        "sharing": {"name": "hard", "head_units": 65_536},
    },
]


@pytest.fixture
def never_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: Trainer) -> Trainer:
        raise AssertionError("training began")

    monkeypatch.setattr(Trainer, "run", run)


def limit(monkeypatch: pytest.MonkeyPatch, n_bytes: int | None) -> None:
    monkeypatch.setattr(_memory, "available_memory", lambda device: n_bytes)


@pytest.mark.usefixtures("never_trained")
@pytest.mark.parametrize("params", HUGE, ids=lambda params: params["backbone"]["name"])
def test_absurd_networks_are_refused_at_once(params: dict[str, Any]) -> None:
    started = time.process_time()
    with refused("`backbone`", "65536", "Use fewer", error=ParameterError) as raised:
        small(**params).fit(make_samples())
    assert "billion parameters" in str(raised.value) or "TB" in str(raised.value)
    assert time.process_time() - started < 5


@pytest.mark.usefixtures("never_trained")
@pytest.mark.parametrize(
    ("params", "name"),
    [
        (
            {"backbone": {"name": "lstm", "num_layers": 100_000}},
            "`backbone.num_layers`",
        ),
        ({"batch_size": 10**9}, "`batch_size`"),
        ({"sharing": {"name": "hard", "head_units": 10**12}}, "`sharing.head_units`"),
        ({"inputs": {"encodings": [PiecewiseLinear(10**9)]}}, "n_bins"),
        ({"inputs": {"representation": MiniRocket(n_features=10**12)}}, "n_features"),
        ({"tasks": [mt.Forecast("load", horizon=10**8)]}, "horizon"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sizes_have_bounds(params: dict[str, Any], name: str) -> None:
    with refused(name, "less than or equal to", error=ParameterError):
        small(**params).fit(make_samples())


@pytest.mark.usefixtures("never_trained")
def test_the_part_that_needs_most_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 5_000_000)
    long = Samples.from_arrays(
        np.zeros((64, 1, 5000), dtype=np.float32), make_samples(64).y
    )
    with refused("`batch_size`", "got 64", "5.0 MB are available", "smaller"):
        small(backbone="fcn", batch_size=64).fit(long)
    with refused("`X`", "fewer samples"):
        small(backbone="linear").fit(long)
    with refused("`backbone`", "LSTM", "fewer layers"):
        small(backbone={"name": "lstm", "hidden_size": 1000}).fit(make_samples())


@pytest.mark.usefixtures("never_trained")
def test_the_vectors_of_a_representation_count(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 50_000_000)
    rocket = MiniRocket(n_features=500_000)
    with refused("`X`", "fewer features"):
        small(backbone="linear", inputs={"representation": rocket}).fit(make_samples())


def test_a_large_horizon_is_refused_before_its_columns_are_made() -> None:
    task = mt.Forecast("x", horizon=10**8)
    table = pd.DataFrame({"x": np.arange(99.0)})
    with refused("`tasks.x.horizon`", "100000000", "less than or equal to 100000"):
        mt.read_table(table, tasks=[task], window=5)


def test_an_unknown_limit_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, None)
    small(backbone="fcn", max_epochs=1).fit(make_samples())


def test_estimates_draw_no_random_numbers() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr,index]
    plan_of(small(), make_samples())
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # type: ignore[index]


@pytest.mark.parametrize(
    "backbone", ["fcn", "lstm_fcn", "inception_time", "lstm", "gru"]
)
@pytest.mark.parametrize("rounded", [False, True])
def test_what_layers_keep_is_about_what_torch_saves(
    backbone: str, rounded: bool
) -> None:
    """Within a factor of two of the tensors that autograd holds after one forward pass.

    CNN1D is not among them: its pooling shortens the series, which the estimate leaves out.
    """
    samples = make_samples(64, missing=0)
    plan = plan_of(small(backbone=backbone, batch_size=64, validation=None), samples)
    network = plan.groups[0].make_network().train()
    held: dict[int, int] = {}
    tensors = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        tensors.append(tensor)
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = {each.untyped_storage().data_ptr() for each in network.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        x = torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None))))
        network.outputs(network.features(x, rounded=rounded))
    measured = sum(size for at, size in held.items() if at not in weights)
    assert plan.memory is not None
    assert measured / 2 < plan.memory.batch
    if not rounded:  # less is kept then
        assert plan.memory.batch < 2 * measured


@pytest.mark.parametrize(
    ("params", "more"),
    [
        ({"training": {"averaging": 0.9}}, 1),
        ({"keep": "per_task"}, 2),
        ({"aggregator": "pcgrad"}, 4),
    ],
)
def test_what_is_kept_per_parameter_counts(params: dict[str, Any], more: int) -> None:
    plain = plan_of(small(), make_samples()).memory
    richer = plan_of(small(**params), make_samples()).memory
    assert plain is not None
    assert richer is not None
    assert richer.parameters - plain.parameters == 4 * more * plain.n_parameters


def test_separate_networks_are_trained_in_turn() -> None:
    together = plan_of(small(), make_samples()).memory
    alone = plan_of(small(sharing="none"), make_samples()).memory
    assert together is not None
    assert alone is not None
    assert alone.n_parameters > 1.9 * together.n_parameters
    assert alone.parameters < 1.5 * together.parameters


@pytest.mark.usefixtures("never_trained")
@pytest.mark.parametrize(
    "study",
    [
        lambda samples, estimator: mt.compare(samples, estimator=estimator, n_jobs=1),
        lambda samples, estimator: mt.tune(samples, estimator=estimator, n_jobs=1),
    ],
    ids=["compare", "tune"],
)
def test_studies_are_refused_before_their_first_fit(
    study: Callable[[Samples, MultiTaskEstimator], object],
) -> None:
    estimator = small(backbone={"name": "lstm", "hidden_size": 65_536})
    with refused("`backbone`", "65536", "are available"):
        study(make_samples(), estimator)


@pytest.mark.usefixtures("never_trained")
def test_processes_share_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(small(), make_samples())
    assert plan.memory is not None
    limit(monkeypatch, int(2.5 * plan.memory.total))
    with refused("`n_jobs`", "got 4", "Use n_jobs=2"):
        mt.compare(make_samples(), estimator=small(), n_jobs=4)


def write_config(folder: Path, backbone: str) -> Path:
    rows = np.arange(400)
    table = pd.DataFrame({"x": np.sin(rows / 5), "state": rows // 20 % 2})
    table.to_csv(folder / "data.csv", index=False)
    path = folder / "run.toml"
    path.write_text(
        'data = {path = "data.csv", window = 16}\ntasks = [{name = "state"}]\n'
        f"[backbone]\n{backbone}\n"
    )
    return path


def test_check_prints_the_estimate(tmp_path: Path) -> None:
    path = write_config(tmp_path, 'name = "fcn"')
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 0, result.output
    assert "Memory for training: about" in result.output
    assert "parameters)" in result.output


@pytest.mark.usefixtures("never_trained")
@pytest.mark.parametrize("command", ["check", "fit", "compare"])
def test_commands_refuse_with_one_message(tmp_path: Path, command: str) -> None:
    path = write_config(tmp_path, 'name = "lstm"\nhidden_size = 65536')
    options = []
    if command != "check":
        options = ["--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [command, str(path), *options])
    assert result.exit_code == 2, result.output
    assert "`backbone`" in result.output
    assert "are available" in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_sizes_in_words() -> None:
    assert bytes_in_words(0) == "1.0 MB"
    assert bytes_in_words(240_400_000) == "240 MB"
    assert bytes_in_words(14_000_000_000) == "14 GB"
    assert bytes_in_words(3_300_000_000_000) == "3.3 TB"
    assert count_in_words(96_099) == "96,099"
    assert count_in_words(3_140_000) == "3.1 million"
