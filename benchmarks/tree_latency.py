"""How long trees take to predict: scikit-learn, which grew them, beside torch and ONNX Runtime.

Regression of 2,000 rows of 200 features, of which 5 % are missing: 100 boosted trees and 200 extra
trees with the settings of `backbone="trees"`. One thread; the ways take turns. Printed is the
median time of the processor of one call, in which waiting for other processes does not count, and
its ratio to scikit-learn. The goals are 10 times its time in torch and 1 in ONNX Runtime.

    python benchmarks/tree_latency.py [--repeats 30]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from export_latency import time_in_turns
from onnxruntime import InferenceSession, SessionOptions
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits
from torch import nn

from multitide.exporting._make_graph import _exported_function
from multitide.exporting._onnx_trees import fill_trees, with_onnx_trees
from multitide.fitting._grown_boosting import BoostedPart, GrownBoosting
from multitide.fitting._grown_trees import Grown, GrownForest
from multitide.network._forest import Forest

N_ROWS, N_FEATURES = 2000, 200
BATCHES = (1, 100, 2000)


def grown(
    features: np.ndarray, labels: np.ndarray
) -> dict[str, tuple[Grown, Callable[[np.ndarray], np.ndarray]]]:
    """Return trees of each kind, and how scikit-learn predicts with them."""
    boosting = HistGradientBoostingRegressor(
        max_iter=100, max_bins=63, early_stopping=False, random_state=0
    ).fit(features, labels)
    extra = ExtraTreesRegressor(
        200, min_samples_split=5, max_depth=24, max_features=0.1, random_state=0
    ).fit(features, labels)
    columns = np.arange(N_FEATURES)
    return {
        "100 boosted trees": (
            GrownBoosting([BoostedPart(boosting, columns)], N_FEATURES),
            boosting.predict,
        ),
        "200 extra trees": (
            GrownForest(extra, columns, N_FEATURES, [5]),
            extra.predict,
        ),
    }


def session_of(forest: Forest, example: torch.Tensor) -> InferenceSession:
    """Return what runs a forest as an exported model has it."""
    module = nn.Sequential(forest)
    forests = with_onnx_trees(module)
    graph = _exported_function(module, {"input": example})
    fill_trees(graph, forests)
    options = SessionOptions()
    options.intra_op_num_threads = 1
    return InferenceSession(graph.SerializeToString(), options)


def ways_of(
    forest: Forest,
    session: InferenceSession,
    predict: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
) -> dict[str, Callable[[], np.ndarray]]:
    """Return the ways to predict some rows."""
    tensor = torch.from_numpy(x)

    def in_torch() -> np.ndarray:
        with torch.no_grad():
            return forest(tensor)[:, 0].numpy()

    return {
        "scikit-learn": partial(predict, x),
        "torch": in_torch,
        "ONNX Runtime": lambda: session.run(None, {"input": x})[0][:, 0],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    features = random.normal(size=(N_ROWS, N_FEATURES)).astype(np.float32)
    labels = features[:, 0] + features[:, 1] * features[:, 2]
    features[random.random(features.shape) < 0.05] = np.nan
    for name, (trees, predict) in grown(features, labels).items():
        forest = Forest.of(trees.arrays(trees.settings[0]), N_FEATURES).eval()
        session = session_of(forest, torch.from_numpy(features[:3]))
        for n in BATCHES:
            ways = ways_of(forest, session, predict, features[:n])
            wanted = ways["scikit-learn"]()
            for way in ("torch", "ONNX Runtime"):
                np.testing.assert_allclose(ways[way](), wanted, rtol=1e-4, atol=1e-4)
            took = time_in_turns(ways, repeats, n_first=3)
            medians = {way: np.median(each[:, 1]) for way, each in took.items()}
            for way, median in medians.items():
                ratio = median / medians["scikit-learn"]
                print(
                    f"{name:18} {n:5} rows  {way:13} {median:9.3f} ms  {ratio:6.2f}",
                    flush=True,
                )
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
