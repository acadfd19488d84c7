"""The list of methods is complete; what it lists as compatible trains, the rest is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from makers import a_third_now
from multitide._estimator import MultiTaskEstimator
from multitide._part import Part
from multitide.balancing import AGGREGATORS, WEIGHTINGS, Fixed, Search
from multitide.cli import app
from multitide.cli._methods import TITLES, short
from multitide.errors import ParameterError
from multitide.fitting._recipe import PART_PARAMETERS
from multitide.methods import (
    KINDS,
    MATCHED,
    defaults,
    first_sentence,
    goes_with,
    in_words,
    methods,
    mismatches,
    papers,
)
from multitide.sharing import Hard, SoftHard
from refusals import refused

TABLE = methods()
ROWS = [(row.kind, row.name) for row in TABLE.itertuples(index=False)]
# Parts whose defaults need to be told of the data, or would take long.
SPECS: dict[str, Part] = {
    "fixed": Fixed(weights={}),
    "search": Search(n_trials=1, epochs=1),
}


def row_of(kind: str, name: str) -> dict[str, Any]:
    (row,) = TABLE[(TABLE["kind"] == kind) & (TABLE["name"] == name)].to_dict("records")
    return row


# -- what it says of each part ---------------------------------------------------------------------


def test_every_registered_part_is_listed_once() -> None:
    assert [
        (kind, name) for kind, registry in KINDS.items() for name in registry
    ] == ROWS
    assert set(KINDS) == set(TITLES)
    assert set(PART_PARAMETERS) <= set(KINDS)


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_a_part_says_in_a_sentence_what_it_does(kind: str, name: str) -> None:
    what = row_of(kind, name)["what"]
    assert what.endswith(".")
    assert 8 < len(what) < 130
    assert not re.search(r"\[\d|:\w+:`|\n", what)


def test_papers_are_whole_references() -> None:
    every = [paper for listed in TABLE["papers"] for paper in listed]
    assert len(every) > 30
    for paper in every:
        assert re.search(r'^[A-Z].*, ".*", .*\b(19|20)\d\d.*https://\S+$', paper), paper
    assert {
        kind
        for kind, listed in zip(TABLE["kind"], TABLE["papers"], strict=True)
        if listed
    } >= set(MATCHED)
    assert all(TABLE.loc[TABLE["kind"] == "aggregator", "papers"].map(bool))


def test_parameters_are_those_of_the_constructor_with_their_defaults() -> None:
    for kind, registry in PART_PARAMETERS.items():
        for name, part in registry.items():
            assert row_of(kind, name)["parameters"] == part().get_params(deep=False)
    assert (
        row_of("task", "regression")["parameters"]
        | {"loss": "mse", "name": "(required)"}
        == (row_of("task", "regression")["parameters"])
    )
    assert defaults(len) == {}


@pytest.mark.parametrize(
    ("doc", "sentence"),
    [
        ("One thing [1]_.\n\nMore.", "One thing."),
        (
            "Of several\nlines (Duong et al. 2015). And more.",
            "Of several lines (Duong et al. 2015).",
        ),
        ("By :func:`there` and `here`. Then.", "By `there` and `here`."),
    ],
)
def test_first_sentence(doc: str, sentence: str) -> None:
    assert first_sentence(doc) == sentence


def test_papers_of_a_docstring() -> None:
    doc = 'A.\n\nReferences\n----------\n.. [1] One, "Two", 2001.\n   https://a\n'
    doc += '.. [2] Three, "Four", 2002.\n'
    assert papers(doc) == ['One, "Two", 2001. https://a', 'Three, "Four", 2002.']
    assert papers(doc + "\nExamples\n--------\n>>> 1\n") == papers(doc)
    assert papers("A.") == []


# -- what goes with what, against reality ----------------------------------------------------------


def fit(**parts: Any) -> None:
    """Train an epoch on 16 series of two tasks with missing labels."""
    rng = np.random.default_rng(0)
    y = pd.DataFrame({"state": list("abcd") * 4, "load": rng.normal(size=16)})
    y.loc[:2, "load"] = np.nan
    X = rng.normal(size=(16, 2, 14))
    settings: dict[str, Any] = {
        "max_epochs": 1,
        "batch_size": 16,
        "validation": None,
        "device": "cpu",
        "verbose": 0,
    }
    settings |= {kind: SPECS.get(str(part), part) for kind, part in parts.items()}
    if settings.get("weighting") == SPECS["search"]:
        settings["validation"] = 0.3
    estimator = MultiTaskEstimator(random_state=0, **settings).fit(X, y)
    assert np.isfinite(estimator.history_["loss"]).all()


def check(is_said_to_work: bool, **parts: Any) -> None:
    if is_said_to_work:
        fit(**parts)
    else:
        with pytest.raises(ParameterError, match="must"):
            fit(**parts)


def pairs(kind: str, other: str) -> list[tuple[str, str]]:
    return [
        (name, second)
        for name in PART_PARAMETERS[kind]
        for second in PART_PARAMETERS[other]
    ]


@pytest.mark.parametrize(
    ("backbone", "sharing"), a_third_now(pairs("backbone", "sharing"))
)
def test_backbones_and_sharings(backbone: str, sharing: str) -> None:
    said = sharing in row_of("backbone", backbone)["goes_with"]["sharing"]
    assert said == (backbone in row_of("sharing", sharing)["goes_with"]["backbone"])
    # What goes with everything comes along in turn.
    turn = pairs("backbone", "sharing").index((backbone, sharing))
    check(
        said,
        backbone=backbone,
        sharing=sharing,
        weighting=list(WEIGHTINGS)[turn % len(WEIGHTINGS)],
    )


@pytest.mark.parametrize(
    ("sharing", "aggregator"), a_third_now(pairs("sharing", "aggregator"))
)
def test_sharings_and_aggregators(sharing: str, aggregator: str) -> None:
    said = aggregator in row_of("sharing", sharing)["goes_with"]["aggregator"]
    assert said == (sharing in row_of("aggregator", aggregator)["goes_with"]["sharing"])
    turn = pairs("sharing", "aggregator").index((sharing, aggregator))
    backbone = list(PART_PARAMETERS["backbone"])[
        turn % 6
    ]  # of blocks enough for every sharing
    check(said, sharing=sharing, aggregator=aggregator, backbone=backbone)


@pytest.mark.parametrize("at", ["parameters", "features"])
@pytest.mark.parametrize("sharing", PART_PARAMETERS["sharing"])
def test_sharings_and_the_place_of_an_aggregator(sharing: str, at: Any) -> None:
    said = at in row_of("sharing", sharing)["goes_with"].get("aggregator.at", [])
    assert said == (
        sharing in goes_with("aggregator", AGGREGATORS["pcgrad"](at=at))["sharing"]
    )
    check(
        said, sharing=sharing, aggregator=AGGREGATORS["pcgrad"](at=at), backbone="gru"
    )


@pytest.mark.parametrize("weighting", a_third_now(list(WEIGHTINGS)))
def test_one_weighting_or_one_aggregator(weighting: str) -> None:
    said = row_of("weighting", weighting)["goes_with"]["aggregator"]
    assert said == (list(AGGREGATORS) if weighting == "uniform" else [])
    fit(weighting=weighting, backbone="fc")
    for aggregator in AGGREGATORS:
        assert (
            weighting in row_of("aggregator", aggregator)["goes_with"]["weighting"]
        ) == (aggregator in said)
        check(
            aggregator in said,
            weighting=weighting,
            aggregator=aggregator,
            backbone="fc",
        )


def test_parameters_count() -> None:
    assert "fc" in goes_with("sharing", "hard")["backbone"]
    branched = goes_with("sharing", Hard(branch=1))
    assert "fc" not in branched["backbone"]
    assert branched["aggregator.at"] == ["parameters"]
    assert goes_with("sharing", {"name": "hard", "branch": 1}) == branched
    assert not goes_with("sharing", SoftHard(branch=9))["backbone"]


def test_reasons_are_those_of_the_fit() -> None:
    parts: dict[str, Any] = {"backbone": "fc", "sharing": "soft+hard"}
    (reason,) = mismatches(**parts)
    with refused(reason, error=ParameterError):
        fit(**parts)


def test_what_is_not_given_is_the_estimators_default() -> None:
    assert mismatches() == []
    (reason,) = mismatches(sharing=SoftHard(branch=9))
    assert "less than the backbone's 4 blocks" in reason


def test_listing_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    methods()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("kind", "part", "words"),
    [
        ("backbones", "fcn", ("`kind`", "'backbones'", "Did you mean 'backbone'")),
        (
            "backbone",
            "lstm_fnc",
            ("`backbone`", "'lstm_fnc'", "Did you mean 'lstm_fcn'"),
        ),
    ],
)
def test_unknown_names(kind: str, part: str, words: tuple[str, ...]) -> None:
    with refused(*words, error=ParameterError):
        goes_with(kind, part)


# -- the command -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matches", "words"),
    [
        (goes_with("backbone", "fcn"), "everything"),
        (goes_with("backbone", "fc"), "sharing: not soft+hard"),
        (goes_with("weighting", "dwa"), "no aggregator"),
        (
            goes_with("sharing", "soft"),
            "backbone: not linear, rocket, trees; no aggregator",
        ),
        (
            goes_with("sharing", "cross_stitch"),
            "backbone: not linear, rocket, trees; aggregator.at: only parameters",
        ),
        (
            goes_with("aggregator", "mgda"),
            "backbone: not linear, rocket, trees; sharing: not soft; weighting: only uniform",
        ),
        ({}, "everything"),
    ],
)
def test_in_words(matches: dict[str, list[str]], words: str) -> None:
    assert in_words(matches) == words


def test_the_command_prints_every_part() -> None:
    done = CliRunner().invoke(app, ["methods"])
    assert done.exit_code == 0
    printed = [line.split("│")[0].strip() for line in done.stdout.splitlines()]
    assert [name for name in printed if name in {name for _, name in ROWS}] == [
        name for _, name in ROWS
    ]


def test_the_command_prints_one_kind_as_json() -> None:
    done = CliRunner().invoke(app, ["methods", "sharing", "--json"])
    listed = json.loads(done.stdout)
    assert [row["name"] for row in listed] == list(PART_PARAMETERS["sharing"])
    assert listed[0] == json.loads(json.dumps(row_of("sharing", "hard")))
    everything = json.loads(CliRunner().invoke(app, ["methods", "--json"]).stdout)
    assert len(everything) == len(TABLE)


def test_an_unknown_kind_is_answered() -> None:
    done = CliRunner().invoke(app, ["methods", "backbnoe"])
    assert done.exit_code == 2
    assert "Did you mean 'backbone'" in done.stderr


def test_a_reference_in_short() -> None:
    paper = (
        'Liu, Johns, Davison, "End-to-End Learning in 1999 Steps", CVPR 2019. '
        "https://arxiv.org/abs/1803.10704"
    )
    assert short(paper) == "Liu, Johns, Davison 2019 arxiv.org/abs/1803.10704"
    assert (
        short('Caruana, "Multitask Learning", Machine Learning 28, 1997.')
        == "Caruana 1997"
    )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"backbone": "trees"},
        {"sharing": "none"},
        {"weighting": "uncertainty"},
        {"aggregator": None},
    ],
)
def test_parts_that_are_not_given_are_the_defaults(
    given: dict[str, str | None],
) -> None:
    assert mismatches(**given) == []
