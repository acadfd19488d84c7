"""Several data sets in one study: should they be learned together?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from makers import make_arrays, make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import FCN
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.errors import DataError, ParameterError
from multitide.reports import write_study_report
from multitide.reports.study._sentences import meanings
from multitide.sharing import Hard
from multitide.study import (
    Comparison,
    check_conditions,
    compare,
    group_tasks,
    label_curve,
)
from multitide.study.design._protocol import Protocol, make_protocol
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.results._gains import loss_table
from multitide.study.results._statistics import estimate
from multitide.study.runs._jobs import n_training_rows
from multitide.study.runs._plan import make_plan
from multitide.tasks import resolve_tasks
from multitide.training._settings import Training
from multitide.tuning import tune
from refusals import refused

RANDOM = Splitter(by="random", test=0.3, validation=0.25)
TINY = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3))


def tiny(**params: Any) -> MultiTaskEstimator:
    return small(**({"backbone": TINY, "max_epochs": 2, "batch_size": 16} | params))


def plant(n: int = 70, seed: int = 3) -> Samples:
    """Return 5 channels of 30 steps with the tasks `state`, as in `make_samples`, and `speed`."""
    X, y = make_arrays(n, n_channels=5, n_timepoints=30, seed=seed)
    return Samples.from_arrays(X, y.rename(columns={"load": "speed"}))


def apart() -> dict[str, Samples]:
    """Return two data sets that have no task in common."""
    other = plant()
    return {
        "rig": make_samples(80),
        "plant": other.replace(y=other.y.rename(columns={"state": "mood"})),
    }


def two() -> dict[str, Samples]:
    return {"rig": make_samples(80), "plant": plant()}


def study(samples: Any, **options: Any) -> Comparison:
    defaults = {
        "estimator": tiny(),
        "split": RANDOM,
        "n_seeds": 2,
        "verbose": 0,
        "n_jobs": 1,
    }
    return compare(samples, **(defaults | options))


@pytest.fixture(scope="module")
def made() -> Comparison:
    arms = {
        "hard": "hard",
        "per_data_set": "per_data_set",
        "per_task": "per_task",
        "film": {
            "sharing": Hard(conditioning="film", width=4),
            "training__mixing": "equal",
        },
        "constant": "constant",
    }
    return study(two(), arms=arms)


def answers(found: Comparison, arm: str, name: str, seed: int = 0) -> np.ndarray:
    return found.evidence.answers(arm, name, seed, 0)


def plan_of(
    given: dict[str, Samples], arms: Any = ("hard", "per_data_set"), **params: Any
) -> tuple[Any, Protocol]:
    tasks = resolve_tasks(
        None, pd.concat([samples.y for samples in given.values()], ignore_index=True)
    )
    protocol = make_protocol(DataSets(given), tasks, RANDOM, None, 1)
    made = resolve_arms(
        arms, tiny(**params), protocol.names, divisions=protocol.divisions
    )
    return make_plan(made, protocol), protocol


# -- one is the case of one ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_dict_of_one_data_set_is_the_plain_study() -> None:
    samples = make_samples(80)
    plain, named = (
        study(given, arms=["hard", "constant"]) for given in (samples, {"rig": samples})
    )
    assert list(plain.evidence.fits) == list(
        named.evidence.fits
    )  # the same keys: one can go on with the other's runs
    pd.testing.assert_frame_equal(plain.gains, named.gains, check_exact=True)
    pd.testing.assert_frame_equal(plain.figures, named.figures, check_exact=True)
    pd.testing.assert_frame_equal(plain.test, named.test)
    of_name = {"split": {"rig": RANDOM}, "groups": {"rig": np.arange(80)}}
    assert list(study({"rig": samples}, **of_name).gains["task"]) == ["state", "load"]


@pytest.mark.slow
def test_a_network_for_each_data_set_is_that_of_a_study_of_it_alone() -> None:
    given = apart()
    both = study(
        given,
        arms=["hard", "per_data_set"],
        estimator=tiny(training=Training(patience=None)),
    )
    for name, samples in given.items():
        asked = [question for question in both.questions if question.data.name == name]
        fit = both.evidence.fit("per_data_set", asked[0].name, 0, 0)
        assert fit is not None
        epochs = fit.facts["settings"][
            "max_epochs"
        ]  # as many as make the steps of all rows
        own = study(
            samples,
            arms=["hard"],
            estimator=tiny(max_epochs=epochs, training=Training(patience=None)),
        )
        for question in asked:
            for seed in range(2):
                theirs = answers(own, "hard", question.task.name, seed)
                np.testing.assert_array_equal(
                    answers(both, "per_data_set", question.name, seed), theirs
                )


@pytest.mark.slow
def test_a_task_alone_is_that_of_a_study_of_its_data_set() -> None:
    given = apart()
    both = study(given, arms=["hard"], estimator=tiny(training=Training(patience=None)))
    fit = both.evidence.fit("alone", "speed @ plant", 1, 0)
    assert fit is not None
    estimator = tiny(
        max_epochs=fit.facts["settings"]["max_epochs"], training=Training(patience=None)
    )
    split = both.questions[-1].data.splits[
        0
    ]  # one by random keeps the shares of the classes of all tasks asked
    own = study(
        given["plant"],
        tasks=["speed"],
        arms=["constant"],
        estimator=estimator,
        split=split,
    )
    np.testing.assert_array_equal(
        fit.answers["speed @ plant"], answers(own, "alone", "speed", 1)
    )


# -- what is asked, and of whom --------------------------------------------------------------------


def test_every_task_is_judged_on_every_data_set_that_has_it(made: Comparison) -> None:
    names = ["state @ rig", "load @ rig", "state @ plant", "speed @ plant"]
    assert [question.name for question in made.questions] == names
    assert list(made.gains["task"].unique()) == names
    assert list(made.figures["task"].unique()) == names
    assert set(made.gains["arm"]) == {
        "hard",
        "per_data_set",
        "per_task",
        "film",
        "constant",
    }
    assert [task.name for task in made.tasks] == ["state", "load", "speed"]
    n_networks = {arm: len(spec["groups"]) for arm, spec in made.settings.items()}
    assert n_networks == {
        "alone": 4,
        "hard": 1,
        "per_data_set": 2,
        "per_task": 3,
        "film": 1,
        "constant": 4,
    }
    assert made.settings["per_task"]["groups"][0] == ["state @ rig", "state @ plant"]
    assert (made.runs["status"] == "done").all()


def test_losses_are_in_units_of_the_data_sets_own_trivial_loss(
    made: Comparison,
) -> None:
    given, scores = (
        two(),
        made.scores[made.scores["metric"] == "loss"]
        .set_index(["arm", "task"])
        .sort_index(),
    )
    for question in made.questions:
        split, y = question.data.splits[0], given[question.data.name].y
        train, test = (
            y[[question.task.name]].iloc[rows].reset_index(drop=True)
            for rows in (split.train, split.test)
        )
        target = question.task.fit_target(train)
        constant = target.constant(len(test))
        np.testing.assert_array_equal(
            answers(made, "constant", question.name), constant
        )
        loss = np.nanmean(target.row_losses(test, answers(made, "hard", question.name)))
        assert scores.loc[("hard", question.name), "value"].iloc[0] == pytest.approx(
            loss
        )
        trivial = np.nanmean(target.row_losses(train, target.constant(len(train))))
        assert trivial == pytest.approx(
            1, rel=0.02
        )  # of the own training labels, not of those of both


def test_each_data_set_has_its_own_test_rows_and_groups(made: Comparison) -> None:
    test = made.test
    assert list(test.columns[:2]) == ["data", "row"]
    assert test.groupby("data", sort=False).size().to_dict() == {"rig": 24, "plant": 21}
    for name, groups in test.groupby("data")["group"]:
        assert sorted(groups.unique()) == list(range(len(groups))), name
    gains = made.gains.set_index(["task", "arm"])
    assert gains.loc[("state @ plant", "hard"), "n_groups"] <= 21
    predictions = made.predictions("hard", "state @ plant")
    np.testing.assert_array_equal(
        predictions["row"], test.loc[test["data"] == "plant", "row"]
    )
    counts = made.counts.set_index("task")
    assert (
        counts.loc["speed @ plant", "test"]
        == predictions.shape[0]
        - two()["plant"].y["speed"].iloc[predictions["row"]].isna().sum()
    )


def test_an_interval_is_that_of_the_data_set_and_the_mean_counts_the_groups_of_all(
    made: Comparison,
) -> None:
    names = made.evidence.protocol.names
    tables = {name: loss_table(made.evidence, "hard", name) for name in names}
    for name, table in tables.items():
        assert table is not None
        row = made.gains.set_index(["task", "arm"]).loc[(name, "hard")]
        found = estimate(table)
        assert (row["gain"], row["low"], row["n_groups"]) == (
            found.gain,
            found.low,
            found.n_groups,
        )
    mean = made.mean_gains.set_index("arm").loc["hard"]
    assert mean["gain"] == pytest.approx(
        made.gains.query("arm == 'hard'")["gain"].mean()
    )
    used = {
        name: set(np.flatnonzero(table.weights))
        for name, table in tables.items()
        if table is not None
    }
    assert mean["n_groups"] == sum(
        len(used[f"state @ {d}"] | used[o])
        for d, o in zip(("rig", "plant"), ("load @ rig", "speed @ plant"), strict=True)
    )
    # Groups of different data sets are independent: variances of the halves of a mean add up.
    halves = [
        sum(tables[n].influence.mean(axis=0) for n in pair) / 4
        for pair in (names[:2], names[2:])
    ]
    assert mean["group_part"] == pytest.approx(
        sum(float(np.sum(half**2)) for half in halves)
    )


def test_all_networks_take_the_same_number_of_steps() -> None:
    plan, protocol = plan_of(
        two(), max_epochs=20, batch_size=4, training=Training(patience=5)
    )
    n_steps = [
        job.learner.max_epochs * -(-n_training_rows(protocol, job.names, 0, 0) // 4)
        for job in plan.jobs.values()
    ]
    assert n_steps[-3:] == pytest.approx([n_steps[-3]] * 3, rel=0.05)
    assert n_steps == pytest.approx([n_steps[-3]] * len(n_steps), rel=0.05)
    both = plan.jobs[plan.runs["hard", 0, 0][0]]
    assert (both.learner.max_epochs, both.learner.training.patience) == (20, 5)


def test_the_steps_that_are_taken_are_those_that_were_counted() -> None:
    found = study(
        two(),
        arms=["hard", "per_data_set"],
        n_seeds=1,
        estimator=tiny(training=Training(patience=None)),
    )
    taken = found.runs.groupby("arm")["n_steps"].agg(["min", "max"])
    assert taken["max"].max() <= 1.15 * taken["min"].min()


# -- nothing leaks ---------------------------------------------------------------------------------


class Spy(MultiTaskEstimator):
    """Notes each sample seen in training, validation and prediction, by its static input."""

    seen: ClassVar[list[tuple[str, dict[str, set[float]], dict[str, list[str]]]]] = []

    def fit(
        self, X: Any, y: Any = None, *, validation: Any = None, **options: Any
    ) -> Any:
        for what, given in (("train", X), ("validation", validation)):
            parts = given if isinstance(given, dict) else {"": given}
            stamps = {name: set(s.static["stamp"]) for name, s in parts.items()}
            Spy.seen.append(
                (what, stamps, {name: list(s.y) for name, s in parts.items()})
            )
        return super().fit(X, y, validation=validation, **options)


def stamped(samples: Samples, first: int) -> Samples:
    return samples.replace(
        static=pd.DataFrame(
            {"stamp": np.arange(first, first + len(samples), dtype=float)}
        )
    )


def test_a_test_set_never_reaches_training() -> None:
    given = {"rig": stamped(make_samples(80), 0), "plant": stamped(plant(), 1000)}
    Spy.seen = []
    estimator = Spy(**tiny(max_epochs=1).get_params(deep=False))
    found = study(
        given, arms=["hard", "per_data_set", "per_task"], estimator=estimator, n_seeds=1
    )
    assert (found.runs["status"] == "done").all()
    held = {q.data.name: q.data.splits[0] for q in found.questions}
    test = {
        given[name].static["stamp"].iloc[row]
        for name, split in held.items()
        for row in split.test
    }
    assert (
        len(Spy.seen) == 2 * len(found.evidence.fits) == 2 * (4 + 1 + 2 + 1)
    )  # `load` by itself is `load` alone
    for what, stamps, columns in Spy.seen:
        for name, found_stamps in stamps.items():
            assert not found_stamps & test
            sides = {
                n: set(given[n].static["stamp"].iloc[getattr(held[n], what)])
                for n in given
            }
            assert found_stamps in ([sides[name]] if name else list(sides.values()))
            assert len(columns[name]) <= 2
    # A group learns of no labels but its own: with `per_task`, `state` of both, and neither `load`
    # nor `speed`.
    assert ("train", {"rig": ["state"], "plant": ["state"]}) in [
        (what, columns) for what, _, columns in Spy.seen
    ]


def test_other_tests_labels_change_no_answer() -> None:
    given = two()
    row = RANDOM.split(given["plant"]).test
    y = given["plant"].y.copy()
    y.loc[row, "speed"] = y.loc[row, "speed"] * -100
    changed = given | {"plant": given["plant"].replace(y=y)}
    first, second = (
        study(each, arms=["hard"], n_seeds=1, split={"plant": s, "rig": RANDOM})
        for each, s in (
            (given, RANDOM.split(given["plant"])),
            (changed, RANDOM.split(given["plant"])),
        )
    )
    for name in first.evidence.protocol.names:
        np.testing.assert_array_equal(
            answers(first, "hard", name), answers(second, "hard", name)
        )
    assert first.gains["gain"].tolist() != second.gains["gain"].tolist()


# -- kept, resumed, shown --------------------------------------------------------------------------


@pytest.mark.slow
def test_it_is_kept_and_read_and_gone_on_with(tmp_path: Path, made: Comparison) -> None:
    options: dict[str, Any] = {
        "arms": ["hard", "per_data_set"],
        "n_seeds": 1,
        "folder": tmp_path / "study",
    }
    first = study(two(), **options)
    read = Comparison.load(tmp_path / "study")
    pd.testing.assert_frame_equal(read.gains, first.gains)
    pd.testing.assert_frame_equal(read.test, first.test)
    pd.testing.assert_frame_equal(read.counts, first.counts)
    assert [question.name for question in read.questions] == [
        question.name for question in first.questions
    ]
    before = {
        path: path.stat().st_mtime_ns
        for path in (tmp_path / "study" / "runs").iterdir()
    }
    more = study(two(), **options | {"n_seeds": 2})
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(more.evidence.fits) == 2 * len(before)
    table = pd.read_parquet(tmp_path / "study" / "results.parquet")
    assert "speed @ plant" in set(table["task"])


@pytest.mark.slow
def test_folds_are_those_of_every_data_set() -> None:
    found = study(two(), arms=["hard"], n_seeds=1, cv=2, estimator=tiny(max_epochs=1))
    test = found.test
    for name, samples in two().items():
        assert sorted(test.loc[test["data"] == name, "row"]) == list(
            range(len(samples))
        )
    assert (found.gains["n_folds"] == 2).all()
    with refused(
        "`cv`", "same number of folds", "'rig': 2, 'plant': 3", error=ParameterError
    ):
        study(two(), cv={"rig": 2, "plant": 3})


def test_each_data_set_is_split_by_its_own_rule() -> None:
    groups = np.arange(80) // 4
    rig = make_samples(80).replace(series=groups)
    found = study(
        {"rig": rig, "plant": plant()},
        split={"rig": Splitter(by="group", test=0.25)},
        n_seeds=1,
    )
    by_group, at_random = found.evidence.protocol.data
    assert not set(groups[by_group.splits[0].test]) & set(
        groups[by_group.splits[0].train]
    )
    assert by_group.test["group"].nunique() == 5
    np.testing.assert_array_equal(
        at_random.splits[0].test, Splitter(by="random").split(plant()).test
    )
    assert found.facts["data"]["rig"]["split"]["by"] == "group"


@pytest.mark.slow
def test_classes_that_only_the_other_data_set_shows_are_answered_too() -> None:
    given = two()
    y = given["rig"].y.copy()
    y.loc[y.index[:20], "state"] = "middle"
    found = study(given | {"rig": given["rig"].replace(y=y)}, arms=["hard"], n_seeds=1)
    assert answers(found, "hard", "state @ rig").shape[1] == 3
    assert answers(found, "hard", "state @ plant").shape[1] == 2
    assert list(found.predictions("hard", "state @ plant").columns[-2:]) == [
        "high",
        "low",
    ]


def test_the_report_says_what_the_named_arms_are(made: Comparison) -> None:
    said = dict(meanings(made))
    assert said["alone"] == "One network per task and data set: nothing is shared."
    assert said["per_data_set"].startswith("One network per data set")
    assert said["hard"].startswith("One backbone")


@pytest.mark.slow
def test_the_report_tells_the_data_sets_apart(tmp_path: Path, made: Comparison) -> None:
    page = write_study_report(made, tmp_path, samples=two()).read_text(encoding="utf-8")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for said in (
        "Should these data sets share a network?",
        "speed @ plant",
        "Split of rig",
        "Split of plant",
    ):
        assert said in page
        assert said in text
    for said in (
        "Channels of rig",
        "Channels of plant",
        "Overlap of the labels of plant",
    ):
        assert said in page
    assert "state @ rig" in str(made)
    assert "speed @ plant" in made._repr_html_()
    write_study_report(
        Comparison.load(made.save(tmp_path / "study")), tmp_path / "study"
    )
    with pytest.raises(
        DataError,
        match=r"`samples` must be a dict of all data sets of the study; 'rig' is missing",
    ):
        write_study_report(made, tmp_path, samples=make_samples())


# -- what has no meaning ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (
            {"arms": ["soft"]},
            ["`arms.soft`", "`sharing`", "'hard', 'none'", "per_data_set"],
        ),
        ({"arms": ["cross_stitch"]}, ["`arms.cross_stitch`", "`sharing`"]),
        (
            {"arms": ["grouped"]},
            ["`arms.grouped`", "`groups`", "lists", "'per_data_set'"],
        ),
        ({"arms": {"a": {"groups": "affinity"}}}, ["`arms.a`", "`groups`", "lists"]),
        (
            {"arms": {"a": {"groups": "per_dataset"}}},
            [
                "`arms.a.groups`",
                "'per_data_set', 'per_task'",
                "'per_dataset'",
                "Did you mean",
            ],
        ),
        (
            {"arms": {"a": {"groups": [["state"]]}}},
            ["`arms.a.groups`", "one of 'state @ rig'", "got 'state'"],
        ),
        ({"arms": ["per_dataset"]}, ["'per_dataset'", "Did you mean 'per_data_set'"]),
        ({"conditions": True}, ["`conditions`", "one data set", "['rig', 'plant']"]),
        ({"split": Split(*(np.arange(30),) * 3)}, ["`split`", "a dict", "Split"]),
        ({"groups": list(range(80))}, ["`groups`", "a dict", "list"]),
        (
            {"split": {"rg": RANDOM}},
            ["`split`", "a dict of data sets", "Did you mean 'rig'"],
        ),
        (
            {"split": {"rig": "time"}},
            ["the data set 'rig'", "`split`", "Splitter", "'time'"],
        ),
    ],
)
def test_what_has_no_meaning_is_refused_before_training(
    options: dict[str, Any], parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(*_: Any, **__: Any) -> None:
        raise AssertionError("something was trained")

    monkeypatch.setattr(MultiTaskEstimator, "fit", trained)
    with refused(*parts):
        study(two(), **options)


def test_soft_sharing_within_each_data_set_has_a_meaning() -> None:
    found = study(
        two(), arms={"soft": {"sharing": "soft", "groups": "per_data_set"}}, n_seeds=1
    )
    assert (found.runs["status"] == "done").all()


def test_names_of_divisions_are_for_several_data_sets() -> None:
    with pytest.raises(
        ParameterError, match=r"`arms.per_data_set` must be one of.*got 'per_data_set'"
    ):
        study(make_samples(80), arms=["per_data_set"])


@pytest.mark.parametrize("asked", [check_conditions, label_curve, group_tasks, tune])
def test_other_studies_are_of_one_data_set(asked: Any) -> None:
    with refused("one data set", "['rig', 'plant']", error=ParameterError):
        asked(two())
