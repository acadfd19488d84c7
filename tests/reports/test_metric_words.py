"""Every metric on a page has its meaning there."""

from __future__ import annotations

from multitide.reports._metric_words import METRIC_WORDS, metric_words
from multitide.tasks._metric_table import HIGHER_IS_BETTER


def test_every_metric_has_a_meaning() -> None:
    assert set(METRIC_WORDS) == set(HIGHER_IS_BETTER)


def test_each_is_told_once_and_those_of_users_not_at_all() -> None:
    found = metric_words(["rmse", "my_cost", "loss", "rmse"])
    assert list(found) == ["rmse", "loss"]
