"""A string, a table and a part mean the same, and configuration files are checked as a whole."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide._registries import SPLITTERS, part_from_config, part_to_config
from multitide._toml import read_toml, toml_text
from multitide.backbones import BACKBONES, FCN, LSTMFCN
from multitide.balancing import WEIGHTINGS
from multitide.config._config import Config
from multitide.config._config_problems import config_problems
from multitide.config._data_section import DataSection
from multitide.config._load_config import load_config
from multitide.data._splitter import Splitter
from multitide.encodings import ENCODINGS, PiecewiseLinear
from multitide.encodings._inputs import Inputs
from multitide.errors import DataError, ParameterError
from multitide.fitting._recipe import PART_PARAMETERS
from multitide.sharing import SHARINGS, Hard
from multitide.tasks import Auto, Regression
from multitide.training._settings import Training
from refusals import refused

REGISTRIES = {"encodings": ENCODINGS, "splitter": SPLITTERS, **PART_PARAMETERS}
EVERY_PART = [
    (registry, name) for registry, parts in REGISTRIES.items() for name in parts
]


@pytest.mark.parametrize(("registry", "name"), EVERY_PART)
def test_every_part_survives_the_journey_through_json(registry: str, name: str) -> None:
    part = part_from_config(REGISTRIES[registry], name, registry)
    assert type(part) is REGISTRIES[registry][name]
    written = json.loads(json.dumps(part_to_config(REGISTRIES[registry], part)))
    assert written["name"] == name
    assert part_from_config(REGISTRIES[registry], written, registry) == part


def test_a_string_a_table_and_a_part_are_the_same() -> None:
    table = {"name": "lstm_fcn", "num_layers": 2}
    assert part_from_config(BACKBONES, table, "backbone") == LSTMFCN(num_layers=2)
    assert part_from_config(BACKBONES, "lstm_fcn", "backbone") == LSTMFCN()
    part = FCN()
    assert part_from_config(BACKBONES, part, "backbone") is part


def test_parts_inside_parts_and_lists_become_what_python_would_hold() -> None:
    table = {
        "encodings": ["difference", {"name": "piecewise_linear", "n_bins": 4}],
        "clip": "none",
        "scale": "none",
    }
    made = part_from_config(PART_PARAMETERS["inputs"], table, "inputs")
    assert made == Inputs(
        encodings=("difference", PiecewiseLinear(n_bins=4)), clip=None, scale="none"
    )
    written = part_to_config(PART_PARAMETERS["inputs"], made)
    assert written["encodings"][0] == "difference"
    assert written["encodings"][1]["n_bins"] == 4
    assert (
        part_from_config(
            PART_PARAMETERS["inputs"], json.loads(json.dumps(written)), "inputs"
        )
        == made
    )


def test_numpy_numbers_are_written_as_pythons() -> None:
    written = part_to_config(
        {"training": Training}, Training(weight_decay=np.float64(0.5))
    )
    assert type(written["weight_decay"]) is float


@pytest.mark.parametrize(
    ("registry", "spec", "parts"),
    [
        (BACKBONES, "lstm_fnc", ["`x`", "got 'lstm_fnc'", "Did you mean 'lstm_fcn'?"]),
        (BACKBONES, {"name": "lstm_fnc"}, ["`x.name`", "Did you mean 'lstm_fcn'?"]),
        (BACKBONES, {"num_layers": 2}, ["`x.name`", "'lstm_fcn'", "not given"]),
        (BACKBONES, 3, ["`x`", "a name (one of", "got 3"]),
        (BACKBONES, Hard(), ["`x`", "a Backbone", "got Hard("]),
        (
            BACKBONES,
            {"name": "lstm_fcn", "num_layer": 2},
            ["`x`", "'num_layer'", "Did you mean"],
        ),
        (
            WEIGHTINGS,
            {"name": "fixed", "alpha": 2},
            ["`x.alpha", "equal to 1", "got 2"],
        ),
    ],
)
def test_a_wrong_part_is_refused(registry: Any, spec: Any, parts: list[str]) -> None:
    with refused(*parts, error=ParameterError):
        part_from_config(registry, spec, "x")


def test_all_problems_of_a_part_are_listed_at_once() -> None:
    table = {
        "encodings": [{"name": "diference"}],
        "impute": "linear",
        "scale": "minmax",
    }
    with pytest.raises(ParameterError) as caught:
        part_from_config(PART_PARAMETERS["inputs"], table, "inputs")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "Did you mean 'difference'?" in lines[0]


def test_a_part_without_a_name_cannot_be_written() -> None:
    class Mine(Hard):
        pass

    with pytest.raises(
        ParameterError,
        match=r"`Mine` must have a name to be written down; add it to the registry",
    ):
        part_to_config(SHARINGS, Mine())
    with refused(
        "`weight_decay`", "object object", "written to a file", error=ParameterError
    ):
        part_to_config({"training": Training}, Training(weight_decay=object()))  # type: ignore[arg-type]


# -- files -----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table of 40 short runs and one of their labels."""
    rng = np.random.default_rng(0)
    runs, steps = 40, 16
    series = rng.normal(size=(runs, steps, 2)).round(3)
    long = pd.DataFrame(series.reshape(-1, 2), columns=["a", "b"])
    long.insert(0, "run", np.repeat(np.arange(runs), steps))
    long.to_csv(tmp_path / "data.csv", index=False)
    load = series[:, :, 0].mean(axis=1).round(4)
    labels = pd.DataFrame(
        {
            "run": np.arange(runs),
            "load": load,
            "state": np.where(load > 0, "high", "low"),
        }
    )
    labels.to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


WHOLE = """
max_epochs = 2
lr = 0.01
validation = "none"
sharing = "none"

[data]
path = "data.csv"
labels = "labels.csv"
series = "run"

[split]
by = "random"
test = 0.25

[[tasks]]
name = "load"
kind = "regression"
loss = "mae"

[[tasks]]
name = "state"

[backbone]
name = "fcn"

[inputs]
encodings = ["difference"]

[training]
patience = "none"
"""


def test_a_file_says_everything(folder: Path) -> None:
    config = load_config(write(folder, WHOLE))
    assert config.only.options["path"] == (folder / "data.csv").resolve()
    assert config.tasks == [Regression("load", loss="mae"), Auto("state")]
    estimator = config.make_estimator(verbose=0)
    assert estimator.get_params(deep=False)["backbone"] == FCN()
    assert estimator.inputs == Inputs(encodings=("difference",))
    assert estimator.training == Training(patience=None)
    assert (estimator.sharing, estimator.validation, estimator.max_epochs) == (
        "none",
        None,
        2,
    )
    samples = config.read()
    assert samples.shape == (40, 2, 16)
    assert list(samples.y) == ["load", "state"]
    assert config.splitter(samples) == Splitter(by="random", test=0.25)


def test_a_file_written_again_says_the_same_from_any_folder(
    folder: Path, tmp_path_factory: Any
) -> None:
    config = load_config(write(folder, WHOLE)).changed(random_state=3)
    again = load_config(write(tmp_path_factory.mktemp("elsewhere"), config.to_toml()))
    assert again == config
    assert again.estimator["random_state"] == 3


def test_without_a_split_the_rule_fits_the_samples(folder: Path) -> None:
    config = load_config(
        write(folder, '[data]\npath = "data.csv"\nseries = "run"\nwindow = 4\n')
    )
    assert config.splitter(config.read()).by == "group"
    config = load_config(
        write(
            folder, '[data]\npath = "data.csv"\nseries = "run"\n[split]\ntest = 0.5\n'
        )
    )
    assert config.splitter(config.read()) == Splitter(by="random", test=0.5)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (('path = "data.csv"', ""), ["`data.path`"]),
        (("series =", "serie ="), ["`data`", "'serie'", "Did you mean 'series'?"]),
        (("test = 0.25", "test = 2"), ["`split.test`", "less than 1", "got 2"]),
        (("max_epochs", "max_epoch"), ["`max_epoch`", "Did you mean 'max_epochs'?"]),
        (("max_epochs", "refit"), ["`refit`", "belongs in [training]"]),
        (("[split]", "[splits]"), ["`splits`", "Did you mean 'split'?"]),
        (
            ("[split]", "[split]\nmax_epochs = 3"),
            ["`split`", "'max_epochs'", "above the first"],
        ),
        (
            ('"fcn"', '"inception"'),
            ["`backbone.name`", "Did you mean 'inception_time'?"],
        ),
        (
            ('kind = "regression"', 'kind = "regresion"'),
            ["`tasks.load.kind`", "Did you mean 'regression'?"],
        ),
        (("max_epochs = 2", "max_epochs = 0"), ["`max_epochs`", "equal to 1", "got 0"]),
        (
            ('[data]\npath = "data.csv"', 'data = "data.csv"\n[dat]'),
            ["`data`", "got 'data.csv"],
        ),
        (("[[tasks]]", "[tasks]"), ["TOML"]),
        (("[split]", '[tune]\nbudget = "1x"\n[split]'), ["`tune.budget`", "got '1x'"]),
        (("[split]", "[compare]\nbudget = 0\n[split]"), ["`compare.budget`", "got 0"]),
        (
            ("lr = 0.01", "lr = "),
            ["run.toml'", "TOML in UTF-8", "Invalid value (at line 3"],
        ),
    ],
)
def test_a_mistake_in_a_file_is_named(
    folder: Path, change: tuple[str, str], parts: list[str]
) -> None:
    assert change[0] in WHOLE
    with refused(*parts, error=ParameterError):
        load_config(write(folder, WHOLE.replace(*change)))


def test_tasks_must_be_a_list(folder: Path) -> None:
    with refused("`tasks`", "got 3", error=ParameterError):
        load_config(write(folder, 'tasks = 3\n[data]\npath = "data.csv"'))


def test_a_file_that_is_not_there_gets_a_suggestion(folder: Path) -> None:
    write(folder, WHOLE)
    with refused(
        "`config`", "runn.toml'", "Did you mean 'run.toml'", error=ParameterError
    ):
        load_config(folder / "runn.toml")


def test_a_right_configuration_has_no_problems(folder: Path) -> None:
    assert config_problems(write(folder, WHOLE)) == []


def test_problems_of_configuration_and_data_come_together(folder: Path) -> None:
    labels = pd.read_csv(folder / "labels.csv")
    labels.assign(state="same").to_csv(folder / "labels.csv", index=False)
    problems = config_problems(
        write(
            folder,
            WHOLE.replace("max_epochs", "max_epoch").replace("lr = 0.01", "lr = -1"),
        )
    )
    assert [problem.split(" must")[0] for problem in problems] == [
        "`max_epoch`",
        "`lr`",
        "`state`",
    ]


def test_a_backbone_that_is_too_long_for_the_data_is_a_problem(folder: Path) -> None:
    problems = config_problems(
        write(
            folder,
            WHOLE.replace('series = "run"', 'series = "run"\nwindow = 3\nstride = 3'),
        )
    )
    assert (
        [problem for problem in problems if "at least 14 time steps" in problem]
        == problems
        != []
    )


def test_data_that_cannot_be_read_are_a_problem(folder: Path) -> None:
    (problem,) = config_problems(
        write(folder, WHOLE.replace('"data.csv"', '"dat.csv"'))
    )
    assert "Did you mean 'data.csv'?" in problem
    with pytest.raises(DataError, match=r"must be an existing file"):
        load_config(folder / "run.toml").read()


def test_config_is_made_in_python_too(folder: Path) -> None:
    options = {
        "path": folder / "data.csv",
        "labels": folder / "labels.csv",
        "series": "run",
    }
    config = Config([DataSection(options, split={"by": "random"})], tasks=["load"])
    assert len(config.read()) == 40
    again = load_config(write(folder, config.changed(lr=0.5).to_toml()))
    assert again.only.options == options
    assert again.only.split == {"by": "random"}
    assert (again.tasks, again.estimator) == (["load"], {"lr": 0.5})


# -- TOML ------------------------------------------------------------------------------------------


def test_toml_that_is_written_reads_as_it_was() -> None:
    table = {
        "a": 1,
        "b": 1e-05,
        "c": True,
        'quoted "name" \\ 온도': "line\nbreak \x7f 온도",
        "empty": [],
        "section": {
            "list": ["x", 2.5],
            "inner": {"deep": {"er": 1}},
            "mixed key": False,
        },
        "rows": [{"name": "one", "weights": {"leak 1": 5.0}}, {"name": "two"}],
    }
    assert tomllib.loads(toml_text(table)) == table


def test_toml_has_no_null() -> None:
    assert tomllib.loads(toml_text({"x": None})) == {"x": "none"}


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert read_toml(path) == {"x": 1}


# -- versions --------------------------------------------------------------------------------------

KEPT = Path(__file__).parent / "kept"


@pytest.mark.parametrize(
    "path", sorted(KEPT.glob("*.toml")), ids=lambda path: path.stem
)
def test_a_configuration_of_an_earlier_version_is_read(path: Path) -> None:
    config = load_config(path)
    assert [task.name for task in config.tasks or []] == ["state", "load", "ahead"]  # type: ignore[union-attr]
    assert config.only.options["window"] == 24
    estimator = config.make_estimator()
    assert estimator.backbone == LSTMFCN(
        hidden_size=16, filters=(16, 16, 8), conv_dropout=0.3
    )
    assert estimator.training.schedule == "cosine"  # type: ignore[union-attr]
    assert config.compare["n_seeds"] == 5 and config.tune["n_trials"] == 10


def test_a_written_configuration_names_its_version(folder: Path) -> None:
    text = Config([DataSection({"path": folder / "data.csv"})]).to_toml()
    assert text.startswith("schema_version = 1\n")
    assert load_config(write(folder, text)).to_toml() == text


@pytest.mark.parametrize("version", [2, 0, "1", 1.0, True, [1]])
def test_a_configuration_of_a_newer_version_is_one_sentence(
    folder: Path, version: object
) -> None:
    text = toml_text({"schema_version": version, "from_the_future": 1})
    with refused("`schema_version`", "must be 1", repr(version), "Install") as raised:
        load_config(write(folder, text))
    assert "from_the_future" not in str(raised.value)
