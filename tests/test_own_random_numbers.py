"""Process-wide random numbers: restored by every call, and never shared by two fits."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import multitide as mt
from makers import a_third_now, make_samples, small
from multitide._own_random_numbers import own_random_numbers
from multitide.methods import goes_with
from multitide.representations import Transformed, TS2Vec

SAMPLES = make_samples(n=40)


def states() -> list[Any]:
    return [
        random.getstate(),
        [part.tolist() for part in map(np.asarray, np.random.get_state()[1:])],
        torch.get_rng_state().tolist(),
    ]


def drawn() -> list[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(()))]


class Projected:
    """A user's transformer that draws from the generators of the process."""

    def fit(self, X: np.ndarray) -> Projected:
        random.random()
        torch.rand(3)
        self.matrix = np.random.normal(size=(X.shape[1], 4))
        return self

    def transform(self, X: np.ndarray) -> Any:
        return X.mean(axis=2) @ self.matrix


def saved(folder: Path) -> Path:
    return small(max_epochs=1).fit(SAMPLES).save(folder / "model")


def vectors() -> dict[str, Any]:
    transformer = Transformed(Projected())
    return {"backbone": "fc", "inputs": {"representation": transformer}}


CALLS: dict[str, Callable[[Path], object]] = {
    "fit": lambda folder: small(max_epochs=1).fit(SAMPLES),
    "refit": lambda folder: small(max_epochs=1, training={"refit": True}).fit(SAMPLES),
    "no seed": lambda folder: small(max_epochs=1, random_state=None).fit(SAMPLES),
    "alone": lambda folder: small(max_epochs=1, sharing="none").fit(SAMPLES),
    "linear": lambda folder: small(backbone="linear").fit(SAMPLES),
    "random weights": lambda folder: small(max_epochs=1, weighting="random").fit(
        SAMPLES
    ),
    "transformer": lambda folder: small(max_epochs=1, **vectors()).fit(SAMPLES),
    "TS2Vec": lambda folder: TS2Vec(n_steps=1, depth=1).fit(SAMPLES),
    "load": lambda folder: mt.MultiTaskEstimator.load(saved(folder)),
    "gradient_flow": lambda folder: mt.gradient_flow(small(), SAMPLES),
    "methods": lambda folder: goes_with("sharing", "cross_stitch"),
    "compare": lambda folder: mt.compare(
        SAMPLES, estimator=small(max_epochs=1), n_seeds=1, n_jobs=1, verbose=0
    ),
    "tune": lambda folder: mt.tune(
        SAMPLES,
        estimator=small(max_epochs=1),
        space={"lr": [0.01]},
        budget=None,
        n_trials=1,
        n_jobs=1,
        verbose=0,
    ),
}


@pytest.mark.parametrize("call", a_third_now(list(CALLS)))
def test_a_call_leaves_the_generators_as_they_were(call: str, tmp_path: Path) -> None:
    before = states()
    CALLS[call](tmp_path)
    assert states() == before


def test_generators_are_restored_after_an_error() -> None:
    before = states()
    with pytest.raises(ZeroDivisionError), own_random_numbers(0):
        drawn()
        raise ZeroDivisionError
    assert states() == before


def test_nested_blocks_continue_where_they_were() -> None:
    with own_random_numbers(1):
        expected = [*drawn(), *drawn()]
    with own_random_numbers(1):
        found = drawn()
        with own_random_numbers(2):
            drawn()
        found += drawn()
    assert found == expected


def test_a_block_waits_for_that_of_another_thread() -> None:
    inside, leave, order = threading.Event(), threading.Event(), []

    def first() -> None:
        with own_random_numbers(0):
            inside.set()
            leave.wait(10)
            order.append("first")

    def second() -> None:
        with own_random_numbers(0):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    threads[1].join(0.05)
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]


@pytest.mark.parametrize("more", [{}, vectors()], ids=["dropout", "transformer"])
def test_fits_in_threads_give_the_bits_of_each_alone(more: dict[str, Any]) -> None:
    def fitted(seed: int) -> bytes:
        estimator = small(max_epochs=2, random_state=seed, **more).fit(SAMPLES)
        return b"".join(x.tobytes() for x in estimator.decode(SAMPLES).values())

    alone = [fitted(seed) for seed in range(3)]
    assert len(set(alone)) == 3
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(fitted, [0, 1, 2, 0, 1, 2]))
    assert together == alone * 2
