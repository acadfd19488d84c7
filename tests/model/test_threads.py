"""Calls in many threads give the bits of serial calls, and change nothing on the model."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from makers import make_samples, small
from multitide import MultiTaskEstimator, Samples
from multitide._ready_to_predict import ready_to_predict
from multitide.representations import BackboneEncoder
from multitide.sharing import Hard
from multitide.sharing._across import PerDomain, for_data_set

DATA = {
    "rig": make_samples(n=40),
    "plant": make_samples(n=40, seed=1, unequal=True),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "norms": {"backbone": "fcn"},
    "film": {"sharing": Hard(conditioning="film", branch=1)},
    "one-hot": {"sharing": Hard(conditioning="one_hot", width=5)},
    "per task": {"keep": "per_task"},
}
Call = Callable[[], Any]


@pytest.fixture(scope="module", params=SETTINGS)
def of_several(request: pytest.FixtureRequest) -> MultiTaskEstimator:
    estimator = small(max_epochs=2, lr=0.05, **SETTINGS[request.param])
    return estimator.fit(DATA)


def bits(result: Any) -> Any:
    """Return a result in a form that `==` compares exactly."""
    if isinstance(result, dict):
        return {name: bits(value) for name, value in result.items()}
    if isinstance(result, pd.DataFrame):
        return result.to_json(double_precision=15)
    return np.asarray(result).tobytes()


def calls_on(estimator: MultiTaskEstimator, data: dict[str, Samples]) -> list[Call]:
    calls: list[Call] = []
    for name, samples in data.items():
        for method in ("predict", "predict_proba", "decode", "evaluate"):
            given = {name: samples} if name else samples

            def call(method: str = method, given: Any = given) -> Any:
                return bits(getattr(estimator, method)(given))

            calls.append(call)
    return calls


def assert_same_in_threads(calls: list[Call], repeats: int = 4) -> None:
    serial = [call() for call in calls]
    many = list(range(len(calls))) * repeats
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: calls[i](), many))
    wrong = [i for i, result in zip(many, found, strict=True) if result != serial[i]]
    assert not wrong


def test_mixed_calls_on_several_data_sets_in_threads_give_the_serial_bits(
    of_several: MultiTaskEstimator,
) -> None:
    assert_same_in_threads(calls_on(of_several, DATA))


def test_mixed_calls_on_one_data_set_in_threads_give_the_serial_bits() -> None:
    estimator = small(max_epochs=1).fit(DATA["plant"])
    encoder = BackboneEncoder(estimator)
    calls = calls_on(estimator, {"": DATA["plant"]})
    calls += [lambda: bits(encoder.transform(DATA["plant"]))] * 2
    assert_same_in_threads(calls)


def state_of(module: nn.Module) -> dict[str, list[int]]:
    """Return the identity of everything that hangs on the modules, and their modes."""
    found = {}
    for name, part in module.named_modules():
        hung: list[Any] = [*vars(part).values()]
        for kind in (part._parameters, part._buffers, part._modules):
            hung += list(kind.values())
        found[name] = [id(each) for each in hung]
    return found


def test_a_call_changes_nothing_that_hangs_on_the_model(
    of_several: MultiTaskEstimator,
) -> None:
    before = state_of(of_several.model_)
    for call in calls_on(of_several, DATA):
        call()
    assert state_of(of_several.model_) == before


def test_a_model_in_training_mode_stays_in_it_and_predicts_the_same() -> None:
    estimator = small(max_epochs=1).fit(DATA["rig"])
    expected = bits(estimator.decode(DATA["rig"]))
    vectors = bits(BackboneEncoder(estimator).transform(DATA["rig"]))
    estimator.model_.train()
    assert bits(estimator.decode(DATA["rig"])) == expected
    assert bits(BackboneEncoder(estimator).transform(DATA["rig"])) == vectors
    assert estimator.model_.training


def test_a_ready_module_is_not_copied_and_another_one_is() -> None:
    module = nn.Linear(2, 1).eval()
    cpu = torch.device("cpu")
    assert ready_to_predict(module, cpu) is module
    elsewhere = ready_to_predict(module, torch.device("meta"))
    assert (elsewhere.weight.device.type, module.weight.device.type) == ("meta", "cpu")
    twin = ready_to_predict(module.train(), cpu)
    assert twin is not module
    assert (twin.training, module.training) == (False, True)


def test_a_view_shares_tensors_and_has_the_layers_of_its_data_set() -> None:
    module = nn.Sequential(
        nn.Linear(2, 2), PerDomain([nn.BatchNorm1d(2), nn.BatchNorm1d(2)]), nn.ReLU()
    )
    view = for_data_set(module, 1)
    assert [view[0] is module[0], view[1] is module[1].each[1]] == [True, True]
    assert for_data_set(module[0], 1) is module[0]
    module.double()
    assert next(view.parameters()).dtype == torch.float64
    with pytest.raises(NotImplementedError):
        module(torch.ones(2, 2).double())
