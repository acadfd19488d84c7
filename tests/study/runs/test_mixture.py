"""An arm that is an ensemble: its answers are the weighted means of those of its members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multitide as mt
from fakes import RANDOM
from makers import make_samples
from multitide import MultiTaskEstimator
from multitide.backbones import LSTMFCN
from multitide.data._data_sets import DataSets
from multitide.errors import ParameterError
from multitide.reports.study._write_study_report import write_study_report
from multitide.study.design._protocol import Protocol, make_protocol
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.runs._fits import Fit
from multitide.study.runs._jobs import make_job
from multitide.study.runs._run_job import run_job
from multitide.tasks import resolve_tasks
from refusals import refused

SMALL = LSTMFCN(hidden_size=4, filters=(4, 4, 4), kernel_sizes=(3, 3, 3))
NETWORK: dict[str, Any] = {"backbone": SMALL}
TREES: dict[str, Any] = {"backbone": {"name": "trees", "n_trees": 5}}
ARMS = {
    "network": NETWORK,
    "trees": TREES,
    "both": {"members": {"network": NETWORK, "trees": TREES}},
}
SAMPLES = make_samples(120)


def estimator() -> MultiTaskEstimator:
    return MultiTaskEstimator(max_epochs=2, random_state=3, device="cpu", verbose=0)


def protocol_of(validation: float = 0.2) -> Protocol:
    return make_protocol(
        DataSets(SAMPLES),
        resolve_tasks(None, SAMPLES.y),
        mt.Splitter(by="random", validation=validation),
        None,
        1,
    )


def fits() -> dict[str, Fit]:
    protocol = protocol_of()
    found = {}
    for arm in resolve_arms(ARMS, estimator(), protocol.names, "network"):
        (group,) = arm.groups
        job = make_job(arm, group, protocol, 1, 0)
        found[arm.name] = run_job(job, protocol, DataSets(SAMPLES))
    return found


def test_it_answers_with_the_weighted_mean_of_its_members() -> None:
    found = fits()
    both = found["both"]
    assert both.done, both.facts["reason"]
    for task in ("state", "load"):
        weights = both.facts["weights"][task]
        assert sum(weights.values()) == pytest.approx(1)
        expected = np.zeros(both.answers[task].shape)
        for member, weight in weights.items():
            expected += weight * found[member].answers[task]
        np.testing.assert_allclose(both.answers[task], expected, rtol=1e-5)
    n_parameters = [found[name].facts["n_parameters"] for name in ("network", "trees")]
    assert both.facts["n_parameters"] == sum(n_parameters)
    assert set(both.history["member"]) == {"network", "trees"}
    assert set(both.facts["validation_loss"]) == {"state", "load"}


def test_its_settings_are_those_of_its_members_and_make_its_key() -> None:
    protocol = protocol_of()
    keys = set()
    for lr in (0.01, 0.02):
        arms = {"alone": "alone", "two": {"members": {"a": {"lr": lr}, "b": "hard"}}}
        arm = resolve_arms(arms, estimator(), protocol.names)[1]
        assert arm.settings["members"]["a"]["lr"] == lr
        keys.add(make_job(arm, arm.groups[0], protocol, 0, 0).key)
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ({"members": {}}, ("`arms.both.members`", "{}", "by name")),
        ({"members": ["hard"]}, ("`arms.both.members`", "['hard']", "by name")),
        ({"members": {"a": {}}, "lr": 0.1}, ("`arms.both`", "lr", "Give each member")),
        ({"members": {"a": {"lrr": 0.1}}}, ("`arms.both.members.a`", "'lrr'", "lr")),
        ({"members": {"a": "boosting"}}, ("`arms.both.members.a`", "baseline", "")),
        ({"members": {"a": "grouped"}}, ("`arms.both.members.a`", "groups", "")),
        ({"members": {"a": "hrad"}}, ("`arms.both.members.a`", "'hrad'", "'hard'")),
    ],
)
def test_wrong_members_are_refused(
    spec: dict[str, Any], parts: tuple[str, str, str]
) -> None:
    arms = {"alone": "alone", "both": spec}
    with refused(*parts, error=ParameterError):
        resolve_arms(arms, estimator(), ["state", "load"])


@pytest.mark.slow
def test_a_study_with_one_is_stored_reported_and_continued(tmp_path: Path) -> None:
    arms = {"alone": NETWORK, "both": ARMS["both"]}
    options: dict[str, Any] = {
        "estimator": estimator(),
        "arms": arms,
        "split": RANDOM,
        "n_seeds": 2,
        "n_jobs": 1,
        "verbose": 0,
    }
    study = mt.compare(SAMPLES, folder=tmp_path / "study", **options)
    assert (study.runs["status"] == "done").all()
    again = mt.compare(SAMPLES, folder=tmp_path / "study", **options)
    assert again.gains.equals(study.gains)
    write_study_report(study, tmp_path / "page")
    assert "members.trees.backbone" in (tmp_path / "page/report.html").read_text()
