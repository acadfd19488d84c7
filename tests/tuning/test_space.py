"""The default ranges hold values that the parts accept, and a wrong space is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from makers import make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide._registries import part_to_config
from multitide.backbones import GRU
from multitide.errors import ParameterError
from multitide.fitting._recipe import PART_PARAMETERS, make_recipe
from multitide.methods import mismatches
from multitide.tuning._make_space import RANGES, make_space
from multitide.tuning._sampler import propose
from multitide.tuning._settings import (
    brief,
    params_of,
    problems_of,
    settings_of,
    with_settings,
)
from multitide.tuning._space import Between, Choices, Params, Space

SAMPLES = make_samples(40)


def drawn(space: Space, start: MultiTaskEstimator, n: int = 40) -> list[Params]:
    def fits(params: Params) -> bool:
        return not problems_of(
            with_settings(start, settings_of(params, start)), SAMPLES, 2
        )

    found = [propose(space, [], fits, number) for number in range(n)]
    assert None not in found
    return [params for params in found if params is not None]


def test_every_default_range_is_one_that_its_part_takes() -> None:
    space = make_space(None)  # it checks every choice and both ends of every range
    assert {"lr", "batch_size", "backbone", "sharing", "balancing"} < {
        d.name for d in space.dimensions
    }
    for family in ("backbone", "sharing", "weighting", "aggregator"):
        assert set(RANGES[family]) <= set(PART_PARAMETERS[family])


def test_what_is_drawn_can_be_trained() -> None:
    start = small()
    space = make_space(None).with_start(params_of(start, make_space(None)))
    for params in drawn(space, start):
        estimator = with_settings(start, settings_of(params, start))
        make_recipe(estimator.get_params(deep=False))
        assert not mismatches(
            **{
                name: getattr(estimator, name)
                for name in ("backbone", "sharing", "aggregator")
            }
        )


def test_the_start_is_in_the_space_and_comes_back_as_it_was() -> None:
    start = small(
        batch_size="auto",
        backbone=GRU(hidden_size=7, dropout=0.05),
        lr=0.2,
        aggregator="cagrad",
        sharing="soft+hard",
    )
    space = make_space(None)
    params = params_of(start, space)
    wide = space.with_start(params)
    assert params["lr"] == 0.2
    assert params["batch_size"] == "auto"
    ranges = {d.name: d.range for d in wide.dimensions}
    assert ranges["lr"] == Between(3e-4, 0.2, log=True)
    assert (
        isinstance(sizes := ranges["backbone.gru.hidden_size"], Choices)
        and sizes.values[0] == 7
    )
    again = with_settings(start, settings_of(params, start))
    for name in ("backbone", "sharing", "weighting", "aggregator", "training"):
        registry, values = (
            PART_PARAMETERS[name],
            (getattr(start, name), getattr(again, name)),
        )
        assert (
            len(
                {
                    str(part_to_config(registry, name if value is None else value))
                    for value in values
                }
            )
            == 1
        )


def test_a_part_keeps_what_the_user_set_and_the_search_does_not() -> None:
    start = small(backbone=GRU(bidirectional=False))
    settings = settings_of({"backbone": "gru", "backbone.gru.hidden_size": 32}, start)
    assert settings["backbone"]["bidirectional"] is False
    assert brief(settings) == {
        "backbone": {"name": "gru", "hidden_size": 32, "bidirectional": False}
    }
    assert (
        "bidirectional"
        not in brief(settings_of({"backbone": "lstm"}, start))["backbone"]
    )


def test_tasks_with_networks_of_their_own_have_nothing_to_weigh() -> None:
    space = make_space({"sharing": ["none", "hard"]})
    found = drawn(space, small())
    assert {
        "balancing" in params for params in found if params["sharing"] == "none"
    } == {False}
    assert {
        "balancing" in params for params in found if params["sharing"] == "hard"
    } == {True}
    settings = settings_of({"sharing": "none"}, small(aggregator="pcgrad"))
    assert settings["aggregator"] is None


def test_a_single_task_shares_nothing() -> None:
    names = {d.name.split(".")[0] for d in make_space(None, n_tasks=1).dimensions}
    assert names == {"lr", "batch_size", "training", "backbone"}


def test_what_does_not_go_together_is_not_tried() -> None:
    assert problems_of(small(sharing="soft", aggregator="pcgrad"), SAMPLES, 2)
    assert problems_of(small(backbone="fc", sharing="soft+hard"), SAMPLES, 2)
    assert problems_of(
        small(backbone={"name": "fcn", "kernel_sizes": (99, 5, 3)}), SAMPLES, 2
    )
    assert not problems_of(small(), SAMPLES, 2)


def test_choices_may_be_lists() -> None:
    space = make_space({"backbone": {"fcn": {"filters": [(4, 4, 4), (8, 8, 8)]}}})
    params = drawn(space, small(), n=1)[0]
    assert params["backbone.fcn.filters"] in ([4, 4, 4], [8, 8, 8])
    estimator = with_settings(small(), settings_of(params, small()))
    assert estimator.backbone.filters == tuple(params["backbone.fcn.filters"])


def test_false_leaves_a_parameter_as_it_is() -> None:
    names = {
        d.name
        for d in make_space(
            {"backbone": False, "training": {"weight_decay": False}}
        ).dimensions
    }
    assert not {name for name in names if name.startswith(("backbone", "training"))}


def test_the_draw_depends_on_the_seed_alone() -> None:
    space = make_space(None)
    one, two, three = (propose(space, [], lambda _: True, seed) for seed in (5, 5, 6))
    assert one == two != three
    assert one is not None
    assert np.isclose(one["lr"], float(f"{one['lr']:.3g}"))


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (
            {"keep": ["joint"]},
            "`tune.space.keep` must be left out: each task's own best epoch always looks better",
        ),
        (
            {"training": {"refit": [True]}},
            "`tune.space.training.refit` must be left out",
        ),
        ({"backbon": ["fcn"]}, "got 'backbon'. Did you mean 'backbone'?"),
        ({"backbone": ["lstm_fnc"]}, "got 'lstm_fnc'. Did you mean 'lstm_fcn'?"),
        (
            {"backbone": {"fcn": {"filter": [1]}}},
            "`tune.space.backbone.fcn` has no parameter 'filter'",
        ),
        (
            {"backbone": {"gru": {"hidden_size": [0, 8]}}},
            "hidden_size` must be greater than or equal to 1",
        ),
        (
            {"lr": {"low": 0.1, "high": 0.01}},
            "`tune.space.lr` must be a list of choices or {low",
        ),
        ({"lr": [-1.0]}, "`tune.space.lr` must be greater than 0"),
        ({"lr": 0.1}, "`tune.space.lr` must be a list of choices"),
        (
            {"training": {"patience": {"low": 0, "high": 5, "log": True}}},
            "above 0 for a logarithm",
        ),
        ("lr", "`tune.space` must be a table of ranges"),
        (dict.fromkeys(RANGES, False), "must leave something to search"),
    ],
)
def test_a_wrong_space_is_refused(space: Any, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        make_space(space)
    assert words in str(caught.value)


def test_the_space_of_the_docs_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs/guide/tuning.md").read_text(
        encoding="utf-8"
    )
    table = tomllib.loads(text.split("```toml\n")[1].split("```")[0])["tune"]
    ranges = {d.name: d.range for d in make_space(table["space"]).dimensions}
    assert ranges["lr"] == Between(1e-3, 3e-2, log=True)
    assert ranges["backbone"] == Choices(("gru", "fcn"))
    assert "training.averaging" in ranges and "training.weight_decay" not in ranges
