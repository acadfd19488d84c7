"""Whatever a Python user puts into a configuration survives `to_toml` and `load_config`."""

from __future__ import annotations

import datetime
import enum
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multitide._toml import plain_value, toml_text
from multitide.backbones import FCN, LSTMFCN
from multitide.balancing import Fixed
from multitide.config._config import Config
from multitide.config._data_section import DataSection
from multitide.config._load_config import load_config
from multitide.data._splitter import Splitter
from multitide.encodings import PiecewiseLinear
from multitide.encodings._inputs import Inputs
from multitide.errors import ParameterError
from multitide.tasks import Auto, Forecast, Regression
from multitide.training._settings import Training
from refusals import refused

FAST = settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Choice(enum.Enum):
    WORD = "word"
    NUMBER = 3


class Rule(enum.StrEnum):
    GROUP = "group"


# -- values ----------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.integers(-(2**31), 2**31 - 1).map(np.int32),
    st.floats(allow_nan=False, width=32).map(np.float32),
    st.floats(allow_nan=False).map(np.float64),
)
DATES = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1))
TIMES = st.one_of(
    DATES,
    DATES.map(pd.Timestamp),
    DATES.map(np.datetime64),
    DATES.map(lambda moment: moment.date()),
    DATES.map(lambda moment: moment.time()),
)
OTHERS = st.one_of(
    st.booleans(),
    st.booleans().map(np.bool_),
    st.text(),
    st.text().map(np.str_),
    st.sampled_from(Choice),
    st.just(Path("/data") / "a table.csv"),
    st.integers(0, 10**6).map(lambda seconds: pd.Timedelta(seconds=seconds)),
)
ARRAYS = st.one_of(
    st.lists(st.floats(allow_nan=False), max_size=3).map(np.array),
    st.lists(st.integers(0, 9), max_size=3).map(np.array),
    st.lists(st.text(max_size=3), max_size=3).map(pd.Index),
)
VALUES = st.recursive(
    st.one_of(NUMBERS, TIMES, OTHERS, ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(), inner, max_size=3),
    ),
    max_leaves=6,
)


@FAST
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_every_value_reads_back_as_its_plain_form(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(table)) == plain_value(table, "table")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.0001), 0.0001),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array(3), 3),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (pd.Series([1.5, 2.5]), [1.5, 2.5]),
        (range(3), [0, 1, 2]),
        ({"b", "a"}, ["a", "b"]),
        (pd.Timestamp("2024-07-04 13:00"), datetime.datetime(2024, 7, 4, 13)),
        (np.datetime64("2024-07-04"), datetime.datetime(2024, 7, 4)),
        (datetime.date(2024, 7, 4), datetime.date(2024, 7, 4)),
        (pd.Timedelta("1h"), "0 days 01:00:00"),
        (np.timedelta64(90, "m"), "0 days 01:30:00"),
        (datetime.timedelta(days=1), "1 days 00:00:00"),
        (Path("/data/a.csv"), str(Path("/data/a.csv"))),
        (Choice.WORD, "word"),
        (Choice.NUMBER, 3),
        (Rule.GROUP, "group"),
        (None, "none"),
        (pd.NaT, "none"),
        (np.datetime64("NaT"), "none"),
    ],
)
def test_each_kind_of_value_has_one_plain_form(value: object, plain: object) -> None:
    assert tomllib.loads(toml_text({"x": value}))["x"] == plain


@pytest.mark.parametrize("value", [object(), 1j, b"bytes", pd.DataFrame({"a": [1]})])
def test_a_value_without_a_plain_form_is_refused_with_its_place(value: object) -> None:
    with refused("`data.path`", "to be written to a file", error=ParameterError):
        toml_text({"data": {"path": value}})


# -- configurations --------------------------------------------------------------------------------


@pytest.fixture
def base(tmp_path: Path) -> Config:
    table = pd.DataFrame(
        {"a": np.arange(40.0), "b": np.arange(40.0), "load": np.arange(40.0)}
    )
    table.to_csv(tmp_path / "data.csv")
    (tmp_path / "base.toml").write_text('[data]\npath = "data.csv"\n')
    return load_config(tmp_path / "base.toml")


def again(config: Config, tmp_path: Path) -> Config:
    (tmp_path / "again.toml").write_text(config.to_toml(), encoding="utf-8")
    return load_config(tmp_path / "again.toml")


PARTS = st.fixed_dictionaries(
    {},
    optional={
        "backbone": st.sampled_from(
            ["fcn", FCN(), LSTMFCN(hidden_size=16, filters=(8, 8, 4)), {"name": "fcn"}]
        ),
        "inputs": st.builds(
            lambda n_bins, clip: Inputs(
                encodings=("difference", PiecewiseLinear(n_bins=n_bins)), clip=clip
            ),
            st.integers(2, 9),
            st.sampled_from([None, 0.25]),
        ),
        "weighting": st.just(Fixed({"load": np.float64(2.0)})),
        "training": st.builds(
            Training,
            weight_decay=st.sampled_from([np.float64(0.0001), 0.5]),
            patience=st.sampled_from([None, 3]),
            pretrain=st.sampled_from([(), ("load",)]),
        ),
        "validation": st.sampled_from([None, Splitter(by="random", random_state=None)]),
        "lr": st.floats(1e-6, 1.0).map(np.float64),
        "max_epochs": st.integers(1, 99).map(np.int64),
        "random_state": st.sampled_from([None, 3, np.int64(4)]),
    },
)


@FAST
@given(params=PARTS)
def test_parameters_of_the_estimator_survive(
    params: dict[str, Any], base: Config, tmp_path: Path
) -> None:
    read = again(base.changed(**params), tmp_path)
    found = read.make_estimator().get_params(deep=False)
    for name, value in params.items():
        expected = value
        if isinstance(value, (str, dict)):
            expected = FCN()
            found[name] = FCN() if found[name] == "fcn" else found[name]
        assert found[name] == expected
    assert again(read, tmp_path) == read


SECTIONS = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {},
            optional={
                "channels": st.sampled_from(
                    [["a"], ("a", "b"), np.array(["a"]), pd.Index(["b"])]
                ),
                "window": st.sampled_from([None, np.int64(4)]),
                "every": st.sampled_from(
                    [None, "1h", pd.Timedelta("1h"), np.float64(0.5)]
                ),
                "duplicates": st.sampled_from([None, "mean"]),
            },
        ),
        "split": st.fixed_dictionaries(
            {},
            optional={
                "test": st.sampled_from([0.2, np.float64(0.3)]),
                "by": st.sampled_from(["random", Rule.GROUP]),
                "column": st.none(),
                "random_state": st.none(),
            },
        ),
        "compare": st.fixed_dictionaries(
            {},
            optional={
                "label_shares": st.just(np.array([0.1, 1.0])),
                "n_seeds": st.just(np.int64(3)),
                "budget": st.just("1h"),
            },
        ),
        "tasks": st.sampled_from(
            [
                ["load"],
                [Regression("load", loss="mae")],
                [Auto("load")],
                [Forecast("load", horizon=3)],
            ]
        ),
    }
)


def test_a_splitter_survives_as_the_split(base: Config, tmp_path: Path) -> None:
    rule = Splitter(by="group", test=np.float64(0.3), random_state=None)
    read = again(replace(base, table={**base.table, "split": rule}), tmp_path)
    assert (
        Splitter(**{name: plain_none(value) for name, value in read.only.split.items()})
        == rule
    )


def plain_none(value: object) -> object:
    return None if value == "none" else value


def test_parts_in_a_table_survive(base: Config, tmp_path: Path) -> None:
    inputs = {"encodings": ["difference", PiecewiseLinear(n_bins=4)], "clip": None}
    read = again(base.changed(inputs=inputs), tmp_path)
    assert read.make_estimator().inputs == Inputs(
        encodings=("difference", PiecewiseLinear(n_bins=4)), clip=None
    )


@FAST
@given(sections=SECTIONS)
def test_sections_survive(
    sections: dict[str, Any], base: Config, tmp_path: Path
) -> None:
    data = {"path": Path(base.only.options["path"]), **sections["data"]}
    read = again(replace(base, table={**sections, "data": data}), tmp_path)
    for name, value in sections["data"].items():
        written = plain_value(value, name)
        assert read.only.options.get(name) == written
    assert read.only.options["path"] == base.only.options["path"]
    splitter = Splitter(**{"by": "random", **sections["split"]})
    assert read.only.split.get("test", 0.2) == splitter.test
    assert read.only.split.get("column") is None
    assert read.tasks == sections["tasks"]
    assert read.compare == plain_value(sections["compare"], "compare")
    assert again(read, tmp_path) == read


def test_relative_paths_of_a_config_made_in_python_are_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = DataSection({"path": "a.csv", "labels": Path("l.csv")})
    two = DataSection({"path": "b.csv"}, name="two")
    for sections in ([one], [replace(one, name="one"), two]):
        for training in ({"start": "runs/old"}, Training(start="runs/old")):
            config = Config(sections, estimator={"training": training})
            (tmp_path / "runs").mkdir(exist_ok=True)
            read = again(config, tmp_path / "runs")
            assert read.data[0].options["path"] == tmp_path / "a.csv"
            assert read.data[0].options["labels"] == tmp_path / "l.csv"
            start = read.make_estimator().training.start
            assert str(start) == str(tmp_path / "runs/old")
