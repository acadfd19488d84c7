"""One data set or several have one shape, and results come back as the data were given."""

from __future__ import annotations

from typing import Any

import pytest

from makers import make_samples
from multitide.data._data_sets import DataSets
from multitide.errors import DataError, ParameterError
from refusals import refused


def test_samples_are_one_data_set_without_a_name() -> None:
    samples = make_samples(n=4)
    data = DataSets(samples)
    assert not data.named
    assert len(data) == 1
    assert data.only("this") is samples
    assert data.like_input(dict.fromkeys(data, 1)) == 1


@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
def test_a_dict_has_names_and_gives_a_dict(names: list[str]) -> None:
    data = DataSets({name: make_samples(n=4) for name in names})
    assert data.named
    assert list(data) == names
    assert data.like_input(dict.fromkeys(data, 1)) == dict.fromkeys(names, 1)


def test_only_refuses_several() -> None:
    data = DataSets({"a": make_samples(n=4), "b": make_samples(n=4)})
    with refused("`conditions`", "one data set", "2", error=ParameterError):
        data.only("`conditions`")


@pytest.mark.parametrize("given", [{}, {" ": 0}, {1: 0}, {"": 0, "b": 0}])
def test_names_are_texts(given: dict[Any, Any]) -> None:
    with refused("`X`", "name", error=DataError):
        DataSets({name: make_samples(n=4) for name in given})
