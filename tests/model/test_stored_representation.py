"""Vectors before the network, from the estimator's parameter to the saved folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA

from makers import a_third_now, make_samples, small
from multitide import Inputs, MultiTaskEstimator, Training
from multitide.backbones import Linear
from multitide.errors import DataError, MultitideError, ParameterError, StoreError
from multitide.representations import (
    LinearHeads,
    ModelFeatures,
    Transformed,
    TS2Vec,
    represent,
)

SHORT = TS2Vec(n_features=12, hidden_size=8, depth=2, n_steps=5)
OWN = Transformed(PCA(4, random_state=0), flat=True)


def fitted(
    representation: Any, backbone: Any = "linear", **params: Any
) -> MultiTaskEstimator:
    return small(
        backbone=backbone, inputs=Inputs(representation=representation), **params
    ).fit(make_samples(60))


# -- what is learned, and from which rows ----------------------------------------------------------


@pytest.mark.parametrize("backbone", ["fc", "linear"])
@pytest.mark.parametrize("representation", [SHORT, OWN])
def test_it_learns_from_the_training_rows_only(
    representation: Any, backbone: str
) -> None:
    samples = make_samples(60)
    train, rest = samples[:40], samples[40:]
    poisoned = rest.replace(
        values=np.where(
            np.arange(len(rest.values))[:, None] < 40 * 20, rest.values, 1e6
        )
    )
    models = []
    for held_out in (rest, poisoned.replace(y=rest.y)):
        estimator = small(
            backbone=backbone,
            inputs=Inputs(representation=representation),
            max_epochs=1,
        )
        models.append(estimator.fit(train, validation=held_out))
    vectors = [model.representation_.transform(train) for model in models]
    np.testing.assert_array_equal(*vectors)
    buffers = [
        dict(model.model_.network_list[0].inputs.named_buffers()) for model in models
    ]
    assert all(torch.equal(buffers[0][name], buffers[1][name]) for name in buffers[0])


def test_it_learns_from_training_series_without_a_label() -> None:
    samples = make_samples(60)
    unlabelled = samples.y.head(30).reindex(range(60))
    other = samples.replace(values=samples.values.copy())
    other.values[40 * 20 :] += 3.0  # series that no task has a label for
    encoders = [
        small(backbone="linear", inputs=Inputs(representation=OWN))
        .fit(each.replace(y=unlabelled), validation=samples[:20])
        .representation_
        for each in (samples, other)
    ]
    assert not np.allclose(
        encoders[0].transform(samples), encoders[1].transform(samples)
    )


def test_vectors_are_standardised_in_the_models_buffers() -> None:
    estimator = fitted(SHORT, "fc", validation=None)
    network = estimator.model_.network_list[0]
    samples = make_samples(60)
    train = samples[samples.y.notna().any(axis=1).to_numpy()]
    vectors = represent(train, estimator.representation_)
    scaled = network.inputs(torch.from_numpy(vectors.gather(slice(None))))[:, :, 0]
    np.testing.assert_allclose(scaled.mean(dim=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(dim=0, correction=0), 1, atol=1e-4)


# -- linear heads ----------------------------------------------------------------------------------


def test_the_linear_backbone_is_linear_heads_on_the_vectors() -> None:
    samples = make_samples(90)
    train, valid, test = samples[:50], samples[50:70], samples[70:]
    train = train[train.y.notna().any(axis=1).to_numpy()]
    estimator = small(backbone="linear", inputs=Inputs(representation=OWN)).fit(
        train, validation=valid
    )
    sides = [
        represent(side, estimator.representation_).values
        for side in (train, valid, test)
    ]
    heads = LinearHeads().fit(sides[0], train.y, validation=(sides[1], valid.y))
    found, expected = estimator.predict(test), heads.predict(sides[2])
    assert (found["state"] == expected["state"]).all()
    np.testing.assert_allclose(found["load"], expected["load"], rtol=1e-5)
    probabilities = [
        estimator.predict_proba(test)["state"],
        heads.predict_proba(sides[2])["state"],
    ]
    np.testing.assert_allclose(*probabilities, atol=1e-4)
    # the history says what the figures on both sides are
    losses = estimator.history_.set_index(["side", "task"])["loss"]
    table = estimator.evaluate(valid).set_index(["metric", "task"])["value"]
    for task in ("state", "load"):
        assert losses["validation", task] == pytest.approx(
            table["loss", task], rel=1e-4
        )
    assert set(estimator.history_["epoch"]) == {1} and estimator.best_epoch_ == {
        "state": 1,
        "load": 1,
    }


def test_a_refit_keeps_the_strengths_and_learns_from_both_sides() -> None:
    samples = make_samples(90)
    spec = Linear(strengths=(1.0, 0.01))
    kwargs: dict[str, Any] = {"validation": samples[50:70]}
    first = small(backbone=spec).fit(samples[:50], **kwargs)
    again = small(backbone=spec, training=Training(refit=True)).fit(
        samples[:50], **kwargs
    )
    pd.testing.assert_frame_equal(
        first.history_.drop(columns="seconds"), again.history_.drop(columns="seconds")
    )
    assert not first.predict(samples).equals(again.predict(samples))


@pytest.mark.parametrize("sharing", ["hard", "none"])
def test_linear_heads_do_not_meet(sharing: str) -> None:
    samples = make_samples(60)
    alone = (
        small(tasks=["load"], backbone="linear", validation=None)
        .fit(samples)
        .predict(samples)["load"]
    )
    both = small(
        backbone="linear", sharing=sharing, weighting="uncertainty", validation=None
    ).fit(samples)
    np.testing.assert_allclose(both.predict(samples)["load"], alone, rtol=1e-3)


def test_a_task_without_validation_labels_is_learned() -> None:
    samples = make_samples(60)
    held_out = samples[40:].replace(
        y=samples.y[40:].reset_index(drop=True).assign(load=np.nan)
    )
    estimator = small(backbone="linear").fit(samples[:40], validation=held_out)
    assert estimator.evaluate(samples)["value"].notna().all()


# -- keeping ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", a_third_now(["fc", "linear"]))
@pytest.mark.parametrize(
    "kind", ["ts2vec", "model", "model object", "own", "model of a model"]
)
def test_a_loaded_model_answers_raw_series_alike(
    tmp_path: Path, kind: str, backbone: str
) -> None:
    samples = make_samples(60)
    source = small(max_epochs=1).fit(samples) if "model" in kind else None
    if kind == "model of a model":
        source = small(
            backbone="fc",
            inputs=Inputs(representation=ModelFeatures(source)),
            max_epochs=1,
        ).fit(samples)
    if kind == "model":
        source.save(tmp_path / "source")
    specs: dict[str, Any] = {
        "ts2vec": SHORT,
        "own": OWN,
        "model": f"model:{tmp_path / 'source'}",
    }
    estimator = fitted(
        specs.get(kind, ModelFeatures(source) if source else None),
        backbone,
        max_epochs=1,
    )
    folder = estimator.save(tmp_path / "model")
    own = estimator.representation_.transformer if kind == "own" else None
    loaded = MultiTaskEstimator.load(folder, representation=own)
    pd.testing.assert_frame_equal(loaded.predict(samples), estimator.predict(samples))
    assert loaded.channels_ == samples.channels
    again = MultiTaskEstimator.load(loaded.save(tmp_path / "again"), representation=own)
    pd.testing.assert_frame_equal(again.predict(samples), estimator.predict(samples))
    assert not list(tmp_path.rglob("*.pkl"))


@pytest.mark.parametrize("backbone", ["fc", "linear"])
def test_minirocket_reads_raw_series_with_holes_after_loading(
    tmp_path: Path, backbone: str
) -> None:
    samples = make_samples(60, unequal=True)
    samples.values[::7, 0] = np.nan
    inputs = Inputs(representation={"name": "minirocket", "n_features": 168})
    estimator = small(backbone=backbone, inputs=inputs, max_epochs=2).fit(samples)
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict(samples), estimator.predict(samples))
    assert loaded.model_.network_list[0].heads[0][0].in_features == (
        168 if backbone == "linear" else 32
    )


def test_a_transformer_of_the_users_is_known_again(tmp_path: Path) -> None:
    samples = make_samples(60)
    folder = fitted(OWN).save(tmp_path / "model")
    flat = samples.gather(slice(None)).reshape(60, -1)
    with pytest.raises(ParameterError, match=r"`representation` must be given: .*PCA"):
        MultiTaskEstimator.load(folder)
    for transformer, message in (
        (PCA(4).fit(flat[::-1][:30] * 2), "it gives vectors that differ by up to"),
        (PCA(3).fit(flat), "it gives vectors of 3 entries instead of 4"),
        (PCA(4), "it fails on a stored series"),  # scikit-learn 1.7: AttributeError
    ):
        with pytest.raises(ParameterError, match=message):
            MultiTaskEstimator.load(folder, representation=transformer)


def test_a_damaged_representation_is_refused(tmp_path: Path) -> None:
    folder = fitted(SHORT).save(tmp_path / "model")
    file = folder / "representation.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-4] + b"\0\0\0\1")
    with pytest.raises(StoreError, match="altered or damaged"):
        MultiTaskEstimator.load(folder)
    file.unlink()
    with pytest.raises(StoreError, match="must hold the model's representation"):
        MultiTaskEstimator.load(folder)


def test_unequal_lengths_and_static_inputs_come_along(tmp_path: Path) -> None:
    samples = make_samples(60, unequal=True)
    samples = samples.replace(static=pd.DataFrame({"age": np.arange(60.0)}))
    estimator = small(backbone="linear", inputs=Inputs(representation=SHORT)).fit(
        samples
    )
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    together = loaded.predict(samples)
    pd.testing.assert_frame_equal(together, estimator.predict(samples))
    network = loaded.model_.network_list[0]
    assert network.heads[0][0].in_features == 12 + network.static.n_features
    alone = loaded.predict(samples[[7]])["load"]
    assert alone[0] == pytest.approx(together["load"][7], rel=1e-4)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"inputs": Inputs(representation="minirockt")},
            r"`inputs.representation` must be one of .*'minirocket'\?",
        ),
        (
            {"inputs": Inputs(representation=3)},
            r"`inputs.representation` must be a name or a Representation .*; got 3",
        ),
        (
            {"inputs": Inputs(representation=TS2Vec(n_steps=0))},
            r"`inputs.representation.n_steps` must be greater",
        ),
        (
            {"inputs": Inputs(representation=ModelFeatures(3))},
            r"`inputs.representation.model` must be the folder",
        ),
        (
            {"inputs": Inputs(representation="ts2vec"), "backbone": "gru"},
            r"`backbone` must be one for vectors, .*GRU",
        ),
        (
            {"inputs": Inputs(representation="ts2vec", n_channels=3)},
            r"`inputs.n_channels` .* must be left out",
        ),
        (
            {"backbone": "linear", "sharing": "soft"},
            r"`sharing` must be 'hard' or 'none'",
        ),
        (
            {"backbone": "linear", "aggregator": "pcgrad"},
            r"`aggregator` must be None with backbone 'linear'",
        ),
        ({"backbone": Linear(strengths=())}, r"`backbone.strengths` must"),
        (
            {"backbone": Linear(strengths=(1.0, 0.0))},
            r"`backbone.strengths.1` must be greater than 0",
        ),
        (
            {"backbone": "linear", "training": Training(pretrain=("load",))},
            r"`training.start` and `pretrain` must be",
        ),
        (
            {"inputs": Inputs(representation="model:nowhere")},
            r"`inputs.representation` must be a model or run folder",
        ),
    ],
)
def test_what_makes_no_sense_is_said_before_training(
    params: dict[str, Any], message: str
) -> None:
    with pytest.raises(MultitideError, match=message):
        small(**{"backbone": "fc", **params}).fit(make_samples(30))


def test_no_start_next_to_a_representation(tmp_path: Path) -> None:
    source = small(backbone="fc", max_epochs=1).fit(make_samples(30))
    with pytest.raises(
        ParameterError,
        match=r"`training.start` must be left out with `inputs.representation`",
    ):
        small(backbone="fc", inputs=Inputs(representation=SHORT)).fit(
            make_samples(30), start=source
        )


def test_channels_of_other_series_are_refused() -> None:
    samples = make_samples(30)
    with pytest.raises(DataError, match="channels"):
        fitted(SHORT).predict(samples.replace(channels=("a", "b", "c")))


def test_it_can_be_searched_and_cloned() -> None:
    estimator = small(backbone="fc").set_params(inputs__representation="ts2vec")
    assert estimator.inputs.representation == "ts2vec"
    estimator.set_params(
        inputs__representation=SHORT, inputs__representation__n_features=6
    )
    assert estimator.fit(make_samples(30)).representation_.n_features == 6
