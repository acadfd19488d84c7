"""Aggregators by name: those in AGGREGATORS, and any other one of TorchJD."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest
import torch
import torchjd.aggregation as jd
from torch import Tensor

from multitide._registries import part_from_config, part_table, part_to_config
from multitide.balancing import AGGREGATORS, TorchJDAggregator
from multitide.errors import ParameterError
from refusals import refused

NAMES = ["wear", "load", "fault", "leak"]


def jacobian(seed: int, n_rows: int = 4) -> Tensor:
    return torch.randn(n_rows, 30, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def found() -> Iterator[None]:
    """Forget what a test looks up."""
    listed = dict(AGGREGATORS)
    yield
    for name in set(AGGREGATORS) - set(listed):
        del AGGREGATORS[name]


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("name", ["TrimmedMean", "trimmed_mean", "TRIMMED_MEAN"])
def test_other_names_are_found_in_any_case(name: str) -> None:
    spec = part_from_config(AGGREGATORS, {"name": name, "trim_number": 1}, "aggregator")
    assert isinstance(spec, TorchJDAggregator)
    update = spec.build(NAMES).combine(jacobian(0), NAMES)
    torch.testing.assert_close(update, jd.TrimmedMean(1)(jacobian(0)))
    config = {"name": "trimmed_mean", "at": "parameters", "trim_number": 1}
    assert part_to_config(AGGREGATORS, spec) == config
    assert part_from_config(AGGREGATORS, config, "aggregator") == spec


def test_listed_names_are_found_in_any_case() -> None:
    assert AGGREGATORS["UPGrad"] is AGGREGATORS["upgrad"]
    assert AGGREGATORS["imtlg"] is AGGREGATORS["imtl_g"]


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ({"name": "trimmed_mean"}, ["`aggregator.trim_number`", "must be given"]),
        ({"name": "pcd", "taus": 1}, ["`aggregator`", "'taus'", "'tau'"]),
        ({"name": "cagrad", "d": 1}, ["`aggregator`", "'d'"]),
        (
            {"name": "krum", "n_byzantine": "one"},
            ["`aggregator.n_byzantine`", "'one'", "integer"],
        ),
        ({"name": "pcgard"}, ["`aggregator.name`", "'pcgard'", "'pcgrad'"]),
        ({"name": "KrumWeighting"}, ["`aggregator.name`", "'KrumWeighting'"]),
        ({"name": "constant"}, ["`aggregator.name`", "'constant'"]),  # needs a tensor
        ({"name": "Aggregator"}, ["`aggregator.name`", "'Aggregator'"]),
        ({"name": 3}, ["`aggregator.name`", 3]),
    ],
)
def test_unknown_names_and_parameters_are_refused(
    config: dict[str, object], parts: list[str]
) -> None:
    with refused(*parts, error=ParameterError):
        part_from_config(AGGREGATORS, config, "aggregator")


@pytest.mark.usefixtures("found")
def test_values_that_torchjd_refuses_are_refused_before_training() -> None:
    spec = AGGREGATORS["trimmed_mean"](trim_number=-1)  # type: ignore[call-arg]
    with refused(
        "`aggregator`", "trim_number=-1", "non-negative", error=ParameterError
    ):
        spec.build(NAMES)


@pytest.mark.usefixtures("found")
def test_too_few_gradients_for_an_aggregator_are_refused() -> None:
    module = AGGREGATORS["krum"](n_byzantine=1).build(NAMES)  # type: ignore[call-arg]
    module.combine(jacobian(0), NAMES)
    with refused("`aggregator`", "Krum", "3 tasks"):
        module.combine(jacobian(0, 3), NAMES[:3])


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    "case", [{"name": "cagrad", "c": 0.4}, {"name": "krum", "n_byzantine": 1}]
)
def test_specs_survive_pickle_and_clone(case: dict[str, object]) -> None:
    spec = part_from_config(AGGREGATORS, {**case, "at": "features"}, "aggregator")
    assert pickle.loads(pickle.dumps(spec)) == copy.deepcopy(spec) == spec
    assert part_table(spec) == {**case, **spec.get_params()}
    assert spec.set_params(at="parameters").get_params()["at"] == "parameters"
