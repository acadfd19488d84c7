"""What the page on representations shows, works."""

from __future__ import annotations

import tomllib

import pytest

from documents import blocks, page
from makers import small
from multitide.encodings._inputs import Inputs
from multitide.errors import ParameterError
from multitide.fitting._recipe import make_recipe
from multitide.representations import REPRESENTATIONS, MiniRocket
from multitide.study.design._baselines import LinearBaseline
from multitide.study.design._resolve_arms import resolve_arms

PAGE = page("guide/representations")
TOML = [tomllib.loads(code) for code in blocks("guide/representations", "toml")]


def test_the_tables_of_the_page_are_read() -> None:
    single, study = TOML
    estimator = small(backbone=single["backbone"], inputs=single["inputs"])
    assert make_recipe(estimator.get_params(deep=False)).inputs == Inputs(
        representation=MiniRocket(n_features=5000)
    )
    arms = {
        arm.name: arm
        for arm in resolve_arms(
            study["compare"]["arms"], small(), ["state"], "end_to_end"
        )
    }
    assert arms["ridge"].learner == LinearBaseline("minirocket")
    assert arms["fc"].settings["inputs"]["representation"]["n_features"] == 5000


def test_every_representation_has_a_row() -> None:
    assert all(f'`"{name}' in PAGE for name in REPRESENTATIONS)


def test_what_a_study_may_be_given_is_checked_before_it_begins() -> None:
    for arm in (
        {"baseline": "linear", "representation": "minirockt"},
        {"backbone": "linear", "sharing": "soft"},
    ):
        with pytest.raises(ParameterError, match=r"must be"):
            resolve_arms(
                {"end_to_end": "hard", "wrong": arm}, small(), ["state"], "end_to_end"
            )
