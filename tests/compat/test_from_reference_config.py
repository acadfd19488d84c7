"""The page's configurations: defaults, ranges, and what each key comes to."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from multitide._estimator import MultiTaskEstimator
from multitide.backbones import CNN1D, FC, GRU, LSTM, LSTMFCN
from multitide.balancing._fixed import Fixed
from multitide.compat import from_reference_config, model_folder
from multitide.compat._hyperparameters import PAGES
from multitide.errors import DataError, MultitideWarning, ParameterError
from multitide.tasks import Classification, Regression
from multitide.training._settings import Training
from refusals import refused

NEEDED: dict[str, dict[str, Any]] = {
    "LSTM": {"input_size": 3, "num_classes": 2},
    "GRU": {"input_size": 3, "num_classes": 2},
    "CNN_1D": {"input_size": 3, "num_classes": 2, "seq_len": 20},
    "1D CNN": {"input_size": 3, "num_classes": 2, "seq_len": 20},
    "LSTM_FCNs_reg": {"input_size": 3, "num_classes": 1},
    "LSTM_FCNs_cls": {"input_size": 3, "num_classes": 2},
    "LSTM_FCNs_multi": {"input_size": 3, "num_classes_1": 2, "num_classes_2": 1},
    "FC": {"input_size": 3, "num_classes": 2},
}
BACKBONES_OF_THE_PAGE = {
    "LSTM": LSTM(num_layers=2, hidden_size=64, dropout=0.1, bidirectional=True),
    "GRU": GRU(num_layers=2, hidden_size=64, dropout=0.1, bidirectional=True),
    "CNN_1D": CNN1D(
        output_channels=64,
        kernel_size=3,
        stride=1,
        padding=0,
        dropout=0.1,
        flatten=True,
    ),
    "1D CNN": CNN1D(
        output_channels=64,
        kernel_size=3,
        stride=1,
        padding=0,
        dropout=0.1,
        flatten=True,
    ),
    "LSTM_FCNs_reg": LSTMFCN(num_layers=2, lstm_dropout=0.1, conv_dropout=0.1),
    "LSTM_FCNs_cls": LSTMFCN(num_layers=2, lstm_dropout=0.1, conv_dropout=0.1),
    "LSTM_FCNs_multi": LSTMFCN(num_layers=1, lstm_dropout=0.4, conv_dropout=0.1),
    "FC": FC(hidden_size=32, dropout=0.1, bias=True),
}
# A value outside the page's range, for every hyperparameter.
OUTSIDE: dict[str, list[Any]] = {
    "input_size": [0, 2.5, "3"],
    "num_classes": [0, "two"],
    "num_classes_1": [0],
    "num_classes_2": [0],
    "seq_len": [0],
    "num_layers": [0, 1.5],
    "hidden_size": [0],
    "dropout": [-0.1, 1.1, float("nan")],
    "lstm_drop_out": [-0.1, 1.1],
    "fc_drop_out": [-0.1, 1.1],
    "bidirectional": ["yes", 1],
    "bias": ["no"],
    "output_channels": [0],
    "kernel_size": [2],
    "stride": [0],
    "padding": [-1],
    "num_epochs": [0],
    "batch_size": [0, True],
    "lr": [0, 0.2, float("nan")],
    "device": ["gpu"],
    "freeze": ["True"],
    "alpha": [-0.1, 1.1],
}
CASES = [(model, field.name) for model in PAGES for field in fields(PAGES[model])]


def config(model: str, **parameter: Any) -> dict[str, Any]:
    return {
        "model": model,
        "best_model_path": "./ckpt/best.pt",
        "parameter": NEEDED[model] | parameter,
    }


def data(
    n_classes: int = 2, n: int = 48, n_timepoints: int = 20
) -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3, n_timepoints))
    y = pd.DataFrame(
        {"class": np.arange(n) % n_classes, "number": X.mean(axis=(1, 2)) * 100}
    )
    return X, y


@pytest.mark.parametrize("model", PAGES)
def test_the_defaults_are_those_of_the_page(model: str) -> None:
    estimator = from_reference_config(config(model))
    multi = model == "LSTM_FCNs_multi"
    assert estimator.backbone == BACKBONES_OF_THE_PAGE[model]
    assert (estimator.max_epochs, estimator.batch_size) == (
        (150, 64) if multi else (1000, 16)
    )
    assert estimator.lr == 0.0001
    assert estimator.weighting == (Fixed(alpha=0.5) if multi else "uniform")
    assert estimator.device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert estimator.training == Training(
        weight_decay=0,
        schedule="constant",
        patience=None,
        clip_norm=None,
        order="shuffle",
        freeze="nothing",
    )


@pytest.mark.parametrize(("model", "name"), CASES)
def test_every_hyperparameter_changes_the_estimator_or_is_checked_against_the_data(
    model: str, name: str
) -> None:
    other = {
        "input_size": 4,
        "num_classes": 3,
        "num_classes_1": 3,
        "num_classes_2": 3,
        "seq_len": 21,
        "padding": 1,
    }
    other |= {
        "num_layers": 3,
        "hidden_size": 8,
        "output_channels": 8,
        "kernel_size": 5,
        "stride": 2,
        "freeze": True,
    }
    other |= {
        "dropout": 0.3,
        "lstm_drop_out": 0.3,
        "fc_drop_out": 0.3,
        "bidirectional": False,
        "bias": False,
    }
    other |= {"num_epochs": 3, "batch_size": 8, "lr": 0.01, "alpha": 0.2}
    if (model, name) == ("LSTM_FCNs_reg", "num_classes") or name == "device":
        return  # one value is allowed; the device has tests of its own
    changed = from_reference_config(config(model, **{name: other[name]}))
    parts = [
        {**e.get_params(deep=False), "inputs": vars(e.inputs)}
        for e in (changed, from_reference_config(config(model)))
    ]
    assert parts[0] != parts[1]


@pytest.mark.parametrize(("model", "name"), CASES)
def test_every_range_of_the_page_is_kept(model: str, name: str) -> None:
    for value in OUTSIDE[name]:
        with refused(f"`parameter.{name}`", f"got {value!r}.", error=ParameterError):
            from_reference_config(config(model, **{name: value}))


def test_the_ends_of_the_ranges_are_inside() -> None:
    lowest = {
        "num_layers": 1,
        "lstm_drop_out": 0,
        "fc_drop_out": 1,
        "num_epochs": 1,
        "batch_size": 1,
        "lr": 0.1,
    }
    assert from_reference_config(
        config("LSTM_FCNs_multi", **lowest, alpha=0)
    ).weighting == Fixed(alpha=0)
    assert from_reference_config(config("LSTM_FCNs_multi", alpha=1)).weighting == Fixed(
        alpha=1
    )


@pytest.mark.parametrize(("model", "name"), CASES)
def test_what_has_no_default_must_be_given(model: str, name: str) -> None:
    has_default = (
        next(f.default for f in fields(PAGES[model]) if f.name == name) is not MISSING
    )
    assert has_default == (name not in NEEDED[model])
    if has_default:
        return
    left = {key: value for key, value in NEEDED[model].items() if key != name}
    with refused(f"`parameter.{name}`", "given", error=ParameterError):
        from_reference_config({"model": model, "parameter": left})


def test_all_problems_come_in_one_message() -> None:
    wrong = config("LSTM", num_layer=2, dropout=2, lr=1) | {
        "best_modle_path": "x",
        "best_model_path": "",
    }
    with pytest.raises(ParameterError) as caught:
        from_reference_config(wrong, tasks=["a", "b"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    for part in (
        "'best_modle_path'. Did you mean 'best_model_path'?",
        "'num_layer'. Did you mean 'num_layers'?",
    ):
        assert any(part in line for line in lines)
    for name in ("parameter.dropout", "parameter.lr", "best_model_path", "tasks"):
        assert any(line.startswith(f"`{name}` must be") for line in lines)


@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        (
            {"model": "LSTM_FCN_multi", "parameter": {}},
            ["Did you mean 'LSTM_FCNs_multi'?"],
        ),
        ({"parameter": {}}, ["`model`", "'LSTM', 'GRU'"]),
        ({"model": "FC", "parameter": [1]}, ["`parameter`", "mapping", "[1]"]),
        (config("FC", drop_out=0.1, dropout=0.2), ["'dropout'", "'drop_out'", "both"]),
        (
            config("LSTM_FCNs_cls", num_classes=1),
            ["`parameter.num_classes`", "2; got 1"],
        ),
        (
            config("LSTM_FCNs_reg", num_classes=4),
            ["`parameter.num_classes`", "1; got 4"],
        ),
        (config("LSTM", alpha=0.5), ["`parameter`", "'alpha'"]),
        (config("FC", hidden_size=32), ["`parameter`", "'hidden_size'"]),
    ],
)
def test_wrong_configurations(wrong: dict[str, Any], parts: list[str]) -> None:
    with refused(*parts, error=ParameterError):
        from_reference_config(wrong)


def test_a_configuration_must_be_a_mapping() -> None:
    with refused("`config`", "mapping", "'LSTM'", error=ParameterError):
        from_reference_config("LSTM")  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["LSTM", "GRU", "CNN_1D", "FC"])
def test_both_spellings_of_dropout(model: str) -> None:
    assert from_reference_config(config(model, drop_out=0.3)).backbone.dropout == 0.3
    assert from_reference_config(config(model, dropout=0.3)).backbone.dropout == 0.3


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((4, 1), [Classification("class", n_classes=4), Regression("number")]),
        ((1, 4), [Regression("number"), Classification("class", n_classes=4)]),
        (
            (4, 2),
            [
                Classification("class_1", n_classes=4),
                Classification("class_2", n_classes=2),
            ],
        ),
        ((1, 1), [Regression("number_1"), Regression("number_2")]),
    ],
)
def test_one_class_is_a_regression(
    counts: tuple[int, int], expected: list[Any]
) -> None:
    multi = config("LSTM_FCNs_multi", num_classes_1=counts[0], num_classes_2=counts[1])
    assert from_reference_config(multi).tasks == expected


def test_names_of_the_label_columns() -> None:
    tasks = from_reference_config(
        config("LSTM_FCNs_multi"), tasks=["season", "pm25"]
    ).tasks
    assert [task.name for task in tasks] == ["season", "pm25"]
    with refused("`tasks`", "2 different names", "'ab'", error=ParameterError):
        from_reference_config(config("LSTM_FCNs_multi"), tasks="ab")


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("./ckpt/lstm.pt", "ckpt/lstm"),
        ("ckpt/lstm", "ckpt/lstm"),
        (Path("a/b.v2.pth"), "a/b.v2"),
    ],
)
def test_the_model_folder(path: Any, folder: str) -> None:
    assert model_folder({"best_model_path": path}) == Path(folder)


def test_without_a_path_there_is_no_folder() -> None:
    assert from_reference_config({"model": "FC", "parameter": NEEDED["FC"]})
    with refused("`best_model_path`", "path", "None", error=ParameterError):
        model_folder({"model": "FC"})


def test_cuda_falls_back_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(MultitideWarning, match="the CPU is used"):
        assert from_reference_config(config("LSTM", device="cuda")).device == "cpu"
    assert from_reference_config(config("LSTM")).device == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert from_reference_config(config("LSTM", device="cuda")).device == "cuda"
    assert from_reference_config(config("LSTM", device="cpu")).device == "cpu"


SMALL = {"num_epochs": 1, "batch_size": 16, "device": "cpu"}


@pytest.mark.parametrize("model", PAGES)
def test_every_model_of_the_page_learns(model: str) -> None:
    estimator = from_reference_config(config(model, **SMALL)).set_params(
        verbose=0, random_state=0
    )
    X, y = data(n_timepoints=1 if model == "FC" else 20)
    predicted = estimator.fit(X, y).predict(X)
    assert list(predicted) == [task.name for task in estimator.tasks]
    assert predicted.notna().all(axis=None)


@pytest.mark.parametrize(
    ("model", "wrong", "parts"),
    [
        (
            "LSTM",
            {"input_size": 4},
            ["`X`", "4 channels", "`inputs.n_channels`", "got 3"],
        ),
        ("LSTM", {"num_classes": 3}, ["`class`", "3 classes", "`n_classes`", "got 2"]),
        ("CNN_1D", {"seq_len": 24}, ["`X`", "24 time steps", "got 20"]),
        ("FC", {}, ["`X`", "1 time steps", "got 20"]),
        ("LSTM_FCNs_multi", {"num_classes_1": 5}, ["`class`", "5 classes"]),
    ],
)
def test_what_the_page_says_of_the_data_is_checked_at_fit(
    model: str, wrong: dict[str, Any], parts: list[str]
) -> None:
    estimator = from_reference_config(config(model, **SMALL, **wrong)).set_params(
        verbose=0
    )
    with refused(*parts, error=DataError):
        estimator.fit(*data())


def test_single_first_then_both_with_the_backbone_frozen(tmp_path: Path) -> None:
    single = config("LSTM_FCNs_reg", **SMALL, num_layers=1) | {
        "best_model_path": tmp_path / "reg.pt"
    }
    X, y = data()
    first = (
        from_reference_config(single).set_params(verbose=0, random_state=0).fit(X, y)
    )
    first.save(model_folder(single))
    multi = from_reference_config(
        config("LSTM_FCNs_multi", **SMALL, freeze=True)
    ).set_params(verbose=0, random_state=1)
    multi.fit(X, y, start=model_folder(single))
    before, after = (e.model_.network_list[0].state_dict() for e in (first, multi))
    for name, tensor in before.items():
        if name.startswith(("sharing.", "inputs.")):
            assert torch.equal(tensor, after[name]), name
    assert any(
        after[name].abs().sum() > 0
        for name in after
        if name.startswith("heads") and name.endswith("weight")
    )


def test_it_is_saved_with_what_it_demands_of_the_data(tmp_path: Path) -> None:
    estimator = (
        from_reference_config(config("CNN_1D", **SMALL))
        .set_params(verbose=0)
        .fit(*data())
    )
    again = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    assert (
        again.inputs.n_channels,
        again.inputs.n_timepoints,
        again.tasks[0].n_classes,
    ) == (
        3,
        20,
        2,
    )
