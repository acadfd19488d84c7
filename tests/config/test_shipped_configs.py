"""The configurations of the repository are right, and cut the real data as their pages say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from multitide import config_problems, load_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
NAMES = [path.stem for path in CONFIGS]


def named(name: str) -> Path:
    return CONFIGS[NAMES.index(name)]


def test_the_real_data_sets_have_a_configuration() -> None:
    assert {"hydraulic", "phalanx", "physionet2012"} <= set(NAMES)


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_it_can_be_read_without_its_data(path: Path) -> None:
    config = load_config(path)
    assert config.make_estimator(verbose=0).tasks
    assert not Path(config.only.options["path"]).is_relative_to(path.parents[1]), (
        "real data are not part of the repository"
    )


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_check_finds_no_problem(path: Path, shared_data: Path) -> None:
    assert config_problems(path) == []


def test_hydraulic_keeps_runs_whole_and_tests_each_cycle_once(
    shared_data: Path,
) -> None:
    config = load_config(named("hydraulic"))
    samples = config.read()
    run = samples.extra["run"].to_numpy()
    folds = config.splitter(samples).folds(samples)
    assert len(folds) == 5
    np.testing.assert_array_equal(
        np.sort(np.concatenate([fold.test for fold in folds])), np.arange(len(samples))
    )
    for fold in folds:
        sides = [set(run[rows]) for rows in (fold.train, fold.validation, fold.test)]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 194


def test_phalanx_tests_the_archives_part_of_the_outlines(shared_data: Path) -> None:
    config = load_config(named("phalanx"))
    samples = config.read()
    split = config.splitter(samples).split(samples)
    assert len(split.test) == 276
    assert (samples.extra["outline_correct_split"].iloc[split.test] == "test").all()
    assert int((samples.extra != "test").all(axis=1).sum()) == 514


def test_physionet2012_tests_the_random_fifth_that_is_stratified_by_death(
    shared_data: Path,
) -> None:
    config = load_config(named("physionet2012"))
    samples = config.read()
    rows = np.arange(len(samples))
    _, test = train_test_split(
        rows, test_size=0.2, stratify=samples.y["death"].astype(int), random_state=0
    )
    np.testing.assert_array_equal(
        config.splitter(samples).split(samples).test, np.sort(test)
    )
