"""The page on adding a part: its code runs, and its parts fulfil the contracts."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import mean_poisson_deviance

from documents import blocks
from multitide import MultiTaskEstimator
from multitide.backbones import BACKBONES
from multitide.balancing import WEIGHTINGS
from multitide.errors import DataError, ParameterError
from multitide.fitting._recipe import make_recipe
from multitide.methods import goes_with, methods
from multitide.sharing import SHARINGS
from multitide.tasks import TASKS, task_from_config, task_to_config
from refusals import refused

BLOCKS = blocks("internals/adding-a-part", "python")
REGISTRIES: list[dict[str, Any]] = [BACKBONES, TASKS, WEIGHTINGS, SHARINGS]
ADDED = {
    "backbone": "gated_cnn",
    "task": "count",
    "weighting": "worst_first",
    "sharing": "corrected",
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names that the code of the page defines; the registries are restored afterwards."""
    before = [dict(registry) for registry in REGISTRIES]
    folder = tmp_path_factory.mktemp("own")
    (folder / "page_of_parts.py").write_text("\n".join(BLOCKS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield vars(importlib.import_module("page_of_parts"))
    for registry, content in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(content)


def test_each_part_is_one_line_in_its_registry(page: dict[str, Any]) -> None:
    added = [list(registry)[-1] for registry in REGISTRIES]
    assert added == ["gated_cnn", "count", "worst_first", "corrected"]
    listed = methods().set_index(["kind", "name"])
    for kind, name in ADDED.items():
        assert listed.loc[(kind, name), "what"]
    assert listed.loc[("sharing", "corrected"), "papers"][0].startswith(
        "Houlsby et al."
    )
    assert listed.loc[("weighting", "worst_first"), "parameters"] == {"power": 1.0}


def test_the_model_of_the_page_learns_and_is_saved_and_loaded(
    page: dict[str, Any], tmp_path: Path
) -> None:
    model: MultiTaskEstimator = page["model"]
    assert model.score(page["X"], page["y"]) > 0.2
    loaded = MultiTaskEstimator.load(model.save(tmp_path / "model"))
    assert (loaded.predict(page["X"]) == model.predict(page["X"])).all(axis=None)
    assert make_recipe(loaded.get_params(deep=False)) == make_recipe(
        model.get_params(deep=False)
    )


def test_parameters_are_checked_by_their_annotations(page: dict[str, Any]) -> None:
    with refused("`backbone.n_filters`", "equal to 1", "got 0", error=ParameterError):
        MultiTaskEstimator(backbone={"name": "gated_cnn", "n_filters": 0}).fit(
            page["X"], page["y"]
        )
    with refused("'worst_frist'", "Did you mean 'worst_first'", error=ParameterError):
        MultiTaskEstimator(weighting="worst_frist").fit(page["X"], page["y"])


def test_the_backbone_goes_with_every_sharing_and_reads_padded_series_as_if_alone(
    page: dict[str, Any],
) -> None:
    assert goes_with("backbone", "gated_cnn")["sharing"] == list(SHARINGS)
    torch.manual_seed(0)
    module = page["GatedCNN"]().build(2, 20).eval()
    x = torch.randn(3, 2, 20)
    lengths = torch.tensor([20, 11, 6])
    for i, length in enumerate(lengths):
        torch.testing.assert_close(
            module(x, lengths)[i],
            module(x[i : i + 1, :, :length])[0],
            rtol=1e-5,
            atol=1e-6,
        )


def test_the_counts_loss_is_scikit_learns_deviance_and_starts_at_1(
    page: dict[str, Any],
) -> None:
    labels = pd.DataFrame({"drops": [0.0, 3.0, np.nan, 1.0, 7.0]})
    task = page["Count"]("drops")
    target = task.fit_target(labels)
    known = labels["drops"].dropna().to_numpy()
    codes = torch.from_numpy(target.encode(labels))
    assert target.mean_loss(target.bias.expand(5, 1), codes) == pytest.approx(1)
    output = torch.tensor([[0.3], [-1.0], [5.0], [0.0], [1.2]])
    rates = target(output).numpy()
    trivial = mean_poisson_deviance(known, np.full(4, known.mean()))
    expected = mean_poisson_deviance(known, rates[[0, 1, 3, 4]]) / trivial
    assert target.mean_loss(output, codes) == pytest.approx(expected, rel=1e-5)
    assert np.nanmean(target.row_losses(labels, rates)) == pytest.approx(
        expected, rel=1e-5
    )
    assert task_from_config(task_to_config(task)) == task
    twin = task.target_from_config(target.to_config())
    twin.load_state_dict(copy.deepcopy(target.state_dict()))
    assert torch.equal(twin(output), target(output))


def test_negative_counts_are_refused(page: dict[str, Any]) -> None:
    with refused("`drops`", "0 or more", "regression", error=DataError):
        page["Count"]("drops").fit_target(pd.DataFrame({"drops": [1.0, -2.0]}))


def test_the_weighting_drops_an_absent_tasks_term_and_keeps_the_others_weights(
    page: dict[str, Any],
) -> None:
    module = page["WorstFirst"](power=2.0).build(["a", "b"])
    module.end_epoch({"a": 1.0, "b": 3.0})
    assert module.current() == pytest.approx({"a": 2 * 1 / 10, "b": 2 * 9 / 10})
    assert module({"b": torch.tensor(0.5)}) == pytest.approx(0.9)


def test_the_sharing_says_what_is_shared_and_goes_with_aggregators(
    page: dict[str, Any],
) -> None:
    module = page["Corrected"]().build(page["GatedCNN"](), 2, 20, 3)
    own = {id(p) for p in module.own.parameters()}
    assert own.isdisjoint(id(p) for p in module.shared_parameters())
    features = module(torch.randn(4, 2, 20))
    assert [f.shape for f in features] == [(4, module.n_features)] * 3
    assert goes_with("sharing", "corrected")["aggregator.at"] == ["parameters"]
    settings = {
        "sharing": "corrected",
        "aggregator": "pcgrad",
        "max_epochs": 1,
        "verbose": 0,
    }
    MultiTaskEstimator(backbone="gated_cnn", random_state=0, **settings).fit(
        page["X"], page["y"]
    )
