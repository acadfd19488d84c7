"""The estimator and the splitter in scikit-learn's checks and functions; series of others."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import multitide as mt
from makers import make_arrays, make_samples, small
from multitide.backbones import FC
from refusals import refused

ONE_EPOCH = mt.MultiTaskEstimator(
    max_epochs=1, validation=None, verbose=0, device="cpu", random_state=0
)
BY_TASK = "probabilities are a dict of tables by task, for any number of tasks"
OWN_WORDS = (
    "the message names the parameter, the value and the remedy in words of its own"
)
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": BY_TASK,
    "check_estimators_pickle": BY_TASK,
    "check_methods_sample_order_invariance": BY_TASK,
    "check_methods_subset_invariance": BY_TASK,
    "check_fit_idempotent": BY_TASK,
    "check_all_zero_sample_weights_error": OWN_WORDS,
    "check_complex_data": OWN_WORDS,
    "check_estimators_empty_data_messages": OWN_WORDS,
    "check_fit2d_1sample": OWN_WORDS,
    "check_n_features_in_after_fitting": OWN_WORDS,
    "check_requires_y_none": OWN_WORDS,
    "check_dtype_object": "text among objects is refused in words of its own",
    "check_sample_weights_pandas_series": "labels of objects without a length are refused",
    "check_sample_weights_not_an_array": "labels of objects without a length are refused",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([ONE_EPOCH], expected_failed_checks=lambda _: EXPECTED)
def test_generic_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def vectors(n: int = 60) -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, pd.DataFrame({"state": X[:, 0] > 0, "load": X[:, 1]})


def test_vectors_are_read_by_an_fc(caplog: pytest.LogCaptureFixture) -> None:
    X, y = vectors()
    model = mt.MultiTaskEstimator(max_epochs=1, random_state=0, device="cpu", verbose=1)
    with caplog.at_level(logging.INFO, "multitide"):
        model.fit(X, y)
    assert "2-D: 60 vectors of 3 numbers" in caplog.text
    network = model.model_.network_list[0]
    built = FC().build(3, 1)
    assert type(network.sharing.backbone) is type(built)
    assert model.n_features_in_ == 3
    again = model.predict(X[:, :, None])
    pd.testing.assert_frame_equal(model.predict(X), again)


def test_a_pipeline_scales_vectors() -> None:
    X, y = vectors()
    model = make_pipeline(StandardScaler(), small(backbone=FC(), max_epochs=1))
    assert list(model.fit(X, y).predict(X)) == ["state", "load"]


def test_sparse_arrays_are_refused() -> None:
    from scipy.sparse import csr_array

    with refused("`X`", "csr_array", "toarray"):
        small().fit(csr_array(np.eye(4)), pd.DataFrame({"a": [0, 1, 0, 1]}))


# -- splits ----------------------------------------------------------------------------------------


def test_a_splitter_divides_for_cross_val_score() -> None:
    X, y = vectors()
    groups = np.arange(60) // 5
    rule = mt.Splitter(by="group", n_folds=4)
    pairs = list(rule.split(X, y["state"], groups))
    assert len(pairs) == rule.get_n_splits() == 4
    for train, test in pairs:
        assert not set(groups[train]) & set(groups[test])
    tested = np.concatenate([test for _, test in pairs])
    assert sorted(tested) == list(range(60))
    scores = cross_val_score(DummyClassifier(), X, y["state"], groups=groups, cv=rule)
    assert len(scores) == 4
    random = mt.Splitter(by="random", n_folds=3)
    assert len(cross_val_score(DummyClassifier(), X, y["state"], cv=random)) == 3


def test_samples_alone_are_split_once() -> None:
    samples = make_samples(60, missing=0)
    assert len(mt.Splitter(by="random").split(samples).test) == 12


# -- series of other libraries ---------------------------------------------------------------------


def nested(X: np.ndarray) -> pd.DataFrame:
    cells = {}
    for channel in range(X.shape[1]):
        cells[f"c{channel}"] = [pd.Series(each[channel]) for each in X]
    return pd.DataFrame(cells)


def by_index(X: np.ndarray) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([range(len(X)), range(X.shape[2])])
    table = X.transpose(0, 2, 1).reshape(-1, X.shape[1])
    return pd.DataFrame(table, index, [f"c{i}" for i in range(X.shape[1])])


def test_all_conventions_give_the_same_predictions() -> None:
    X, y = make_arrays(40, missing=0)
    model = small(backbone=FC(), max_epochs=1, verbose=0).fit(nested(X), y)
    assert model.channels_ == ("c0", "c1", "c2")
    expected = model.predict(nested(X))
    pd.testing.assert_frame_equal(model.predict(by_index(X)), expected)
    plain = small(backbone=FC(), max_epochs=1, verbose=0).fit(X, y)
    pd.testing.assert_frame_equal(plain.predict(X), expected)
    pd.testing.assert_frame_equal(plain.predict(list(X)), expected)


def test_aeon_converts_what_the_estimator_reads() -> None:
    conversion = pytest.importorskip("aeon.utils.conversion")
    X, y = make_arrays(30, missing=0)
    model = small(backbone=FC(), max_epochs=1, verbose=0).fit(X, y)
    expected = model.predict(X)
    for kind in ("np-list", "numpy3D", "nested_univ", "pd-multiindex"):
        if kind == "nested_univ":
            continue  # its channels are named by their dimension
        converted = conversion.convert_collection(X, kind)
        if isinstance(converted, pd.DataFrame):
            own = small(backbone=FC(), max_epochs=1, verbose=0).fit(converted, y)
            pd.testing.assert_frame_equal(own.predict(converted), expected)
        else:
            pd.testing.assert_frame_equal(model.predict(converted), expected)


def test_wrong_tables_are_refused() -> None:
    X, _ = make_arrays(6, missing=0)
    table = nested(X)
    table["c1"] = [*table["c1"][:2], pd.Series([1.0]), *table["c1"][3:]]
    with refused("`X`", "row 2", "NaN"):
        small().fit(table, None)
    mixed = by_index(X)
    mixed = pd.concat([mixed.iloc[:5], mixed.iloc[20:], mixed.iloc[5:20]])
    with refused("`X`", "series 0", "sort_index"):
        small().fit(mixed, None)
    with refused("`X`", "read_table"):
        small().fit(pd.DataFrame({"a": [1.0, 2.0]}), None)
