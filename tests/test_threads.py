"""A training uses as many threads as its steps keep busy, and leaves torch's number as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from joblib import Parallel, delayed
from torch import nn

from makers import make_samples, small
from multitide import _threads
from multitide._threads import (
    CHOSEN_BY,
    WORK_PER_THREAD,
    available_cores,
    single_thread,
    threads_for,
    threads_of_step,
)
from multitide.representations import TS2Vec
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer

NETWORK = nn.Linear(1023, 1)  # 1,024 parameters
LARGE = (2 * WORK_PER_THREAD // 1024, 1)  # a batch for two threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two threads on four cores, as torch would choose by itself."""
    for name in CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_threads, "available_cores", lambda: 4)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


class Seen(Callback):
    """Notes the number of threads of each step."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()

    def on_step_end(self, trainer: Trainer) -> None:
        self.numbers.add(torch.get_num_threads())


def threads_of_fit() -> set[int]:
    seen = Seen()
    small(max_epochs=1, batch_size=24).fit(make_samples(24), callbacks=[seen])
    return seen.numbers


@pytest.mark.parametrize(
    ("work", "number"),
    [
        (1, 1),
        (2 * WORK_PER_THREAD - 1, 1),
        (2 * WORK_PER_THREAD, 2),
        (3 * WORK_PER_THREAD, 3),
        (100 * WORK_PER_THREAD, 3),
    ],
)
def test_more_work_gets_more_threads_up_to_those_of_torch(
    work: int, number: int
) -> None:
    torch.set_num_threads(3)
    assert threads_for(work) == number


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_threads_never_decrease_with_the_work(one: int, other: int) -> None:
    fewer, more = sorted([one, other])
    assert 1 <= threads_for(fewer) <= threads_for(more) <= torch.get_num_threads()


def test_threads_are_at_most_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "available_cores", lambda: 1)
    assert threads_for(100 * WORK_PER_THREAD) == 1


@pytest.mark.parametrize("name", CHOSEN_BY)
def test_a_number_in_the_environment_is_kept(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "2")
    assert threads_for(1) == 2


@pytest.mark.parametrize(("size", "number"), [((1, 1), 1), (LARGE, 2)])
def test_a_block_has_the_threads_of_its_step(
    size: tuple[int, int], number: int
) -> None:
    with pytest.raises(ZeroDivisionError), threads_of_step(NETWORK, *size):
        assert torch.get_num_threads() == number
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2


def test_off_the_cpu_nothing_changes() -> None:
    with threads_of_step(nn.Linear(2, 2, device="meta"), 1, 1):
        assert torch.get_num_threads() == 2


def test_small_steps_of_a_fit_use_one_thread() -> None:
    assert threads_of_fit() == {1}
    assert torch.get_num_threads() == 2


def test_large_steps_of_a_fit_use_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "WORK_PER_THREAD", 1)
    assert threads_of_fit() == {2}


def test_a_fit_that_ends_early_restores_the_threads() -> None:
    class Broken(Callback):
        def on_step_end(self, trainer: Trainer) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        small().fit(make_samples(24), callbacks=[Broken()])
    assert torch.get_num_threads() == 2


def test_a_representation_is_trained_with_the_threads_of_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = set()

    def train(*_: object) -> None:
        seen.add(torch.get_num_threads())

    monkeypatch.setattr(TS2Vec, "_train", train)
    TS2Vec(hidden_size=2, n_features=2, depth=1).fit(make_samples(8))
    assert seen == {1}
    assert torch.get_num_threads() == 2


def test_one_thread_in_a_block_and_its_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "WORK_PER_THREAD", 1)
    with single_thread():
        assert torch.get_num_threads() == 1
        assert threads_of_fit() == {1}
    assert torch.get_num_threads() == 2


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [3, 10, 40])
def test_a_block_with_one_thread_has_the_bits_of_one_thread(n_rows: int) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(16, 128).requires_grad_(False)
    x = torch.randn(n_rows, 16)
    with single_thread():
        found = layer(x)
    torch.set_num_threads(1)
    assert torch.equal(found, layer(x))


def test_processes_of_joblib_share_the_cores() -> None:
    def look() -> tuple[int, int, int]:
        import torch

        from multitide._threads import WORK_PER_THREAD, threads_for

        most = torch.get_num_threads()
        return most, threads_for(1), threads_for(1000 * WORK_PER_THREAD)

    share = max(1, available_cores() // 2)
    seen = Parallel(n_jobs=2, backend="loky")([delayed(look)()])
    assert seen == [(share, 1, share)]


def test_a_prediction_uses_the_threads_that_suit_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = make_samples(24)
    model = small(max_epochs=1).fit(samples)
    seen = []

    def forward(*_: object) -> None:
        seen.append(torch.get_num_threads())

    model.model_.register_forward_pre_hook(forward)
    for most in (2**29, 1):
        monkeypatch.setattr(_threads, "WORK_PER_THREAD", most)
        model.predict(samples)
        assert torch.get_num_threads() == 2
    assert seen == [1, 2]
