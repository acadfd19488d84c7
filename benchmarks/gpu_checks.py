"""The checks of ``gpu.py``: what a GPU computes is what the CPU computes, graphs included.

Each check is a function that returns the figure to print, and raises AssertionError, with the
figure, if it is not as good as it must be.
"""

from __future__ import annotations

import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import multitide as mt
from multitide import MultiTaskEstimator, Samples
from multitide.backbones import BACKBONES
from multitide.backbones._fcn import FCN
from multitide.balancing import WEIGHTINGS
from multitide.errors import MissingDependencyError, MultitideError, ParameterError
from multitide.fitting import _use_graph
from multitide.sharing import SHARINGS

SAME = 1e-4
SETTINGS: dict[str, Any] = {
    "max_epochs": 1,
    "batch_size": 16,
    "lr": 1e-3,
    "random_state": 0,
    "verbose": 0,
}
AGGREGATORS = ("pcgrad", "mgda", "imtl_g", "aligned_mtl", "graddrop", "gradvac")
EVERYTHING = {
    "clip": 0.01,
    "observed": True,
    "elapsed": True,
    "encodings": ["difference", "piecewise_linear"],
}


def make_samples(n: int = 96, *, unequal: bool = False, seed: int = 0) -> Samples:
    """Return series with two tasks, a third of whose labels are missing, and a static input."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(n, 3, 1))
    x = (level + 0.3 * rng.normal(size=(n, 3, 20))).astype(np.float32)
    y = pd.DataFrame(
        {
            "state": np.where(level[:, 0, 0] > 0, "high", "low"),
            "load": 100 + 10 * level[:, 1, 0],
        }
    )
    for column in y:
        y[column] = y[column].mask(rng.random(n) < 0.3)
    static = pd.DataFrame({"age": rng.normal(size=n), "site": ["a", "b"] * (n // 2)})
    if not unequal:
        return Samples.from_arrays(x, y, static=static)
    lengths = rng.integers(14, 21, size=n)
    cut = [each[:, :length] for each, length in zip(x, lengths, strict=True)]
    return Samples.from_arrays(cut, y, static=static)


class Watch(mt.Callback):
    """Takes out what differs between devices, dropout, and keeps what must be the same."""

    def __init__(self, keeps_dropout: bool = False) -> None:
        self.keeps_dropout = keeps_dropout
        self.gradient: np.ndarray | None = None
        self.losses: list[float] = []
        self.n_graphs = 0

    def on_train_begin(self, trainer: Any) -> None:
        draws = torch.Generator().manual_seed(0)
        for module in trainer.network.modules():
            if isinstance(module, nn.Dropout) and not self.keeps_dropout:
                module.p = 0.0
        for (
            head
        ) in trainer.network.heads:  # they start at 0, which lets no gradient through
            weight = head[-1].weight
            drawn = 0.1 * torch.randn(weight.shape, generator=draws)
            weight.data.copy_(drawn)

    def on_step_end(self, trainer: Any) -> None:
        if self.gradient is None:
            parts = []
            for parameter in trainer.network.parameters():
                if parameter.grad is not None:
                    parts.append(parameter.grad.flatten().cpu().numpy())
            self.gradient = np.concatenate(parts)

    def on_epoch_end(self, trainer: Any, rows: list[dict[str, Any]]) -> None:
        self.losses += [row["loss"] for row in rows]

    def on_train_end(self, trainer: Any) -> None:
        if trainer._graphs is not None:
            self.n_graphs += trainer._graphs.n_graphs


def watched(
    device: str, samples: Any, *, keeps_dropout: bool = False, **params: Any
) -> tuple[MultiTaskEstimator, Watch]:
    """Fit, and return the estimator with what was seen."""
    watch = Watch(keeps_dropout)
    estimator = MultiTaskEstimator(**(SETTINGS | {"device": device} | params))
    return estimator.fit(samples, callbacks=[watch]), watch


def apart(one: Any, other: Any) -> float:
    """Return the distance of two vectors relative to their length."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    size = max(float(np.linalg.norm(one)), 1e-12)
    return float(np.linalg.norm(one - other)) / size


def numbers(estimator: MultiTaskEstimator, samples: Samples) -> np.ndarray:
    """Return probabilities and predicted numbers as one vector; numbers in standard units."""
    state = estimator.predict_proba(samples)["state"].to_numpy().ravel()
    load = (estimator.predict(samples)["load"].to_numpy() - 100) / 10
    return np.concatenate([state, load])


def must(figure: float, limit: float = SAME, words: str = "") -> str:
    """Return the figure in words, or raise if it is above the limit."""
    text = f"{figure:.1e}{words}"
    assert figure <= limit, f"{text}, above {limit:.0e}"
    return text


# -- the checks --------------------------------------------------------------------------------


def devices_agree(device: str, samples: Samples, **params: Any) -> str:
    """Gradient of the first step and losses of an epoch, on the device and on the CPU."""
    params = {"training": {"graph": False}} | params
    _, here = watched("cpu", samples, **params)
    _, there = watched(device, samples, **params)
    gradient = apart(here.gradient, there.gradient)
    losses = apart(here.losses, there.losses)
    return must(max(gradient, losses))


def graph_agrees(device: str, samples: Any, **params: Any) -> str:
    """Losses of ordinary and of recorded steps, with dropout."""
    training = params.pop("training", {})
    params = {"max_epochs": 4, "keeps_dropout": True} | params
    _, plain = watched(device, samples, training=training | {"graph": False}, **params)
    _, graph = watched(device, samples, training=training | {"graph": True}, **params)
    assert graph.n_graphs, "no step was recorded"
    return must(apart(plain.losses, graph.losses), words=f", {graph.n_graphs} graph(s)")


def is_kept(device: str, samples: Samples) -> str:
    """A model that was saved on the device predicts the same on the CPU."""
    model, _ = watched(device, samples, max_epochs=4)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model")
        loaded = MultiTaskEstimator.load(f"{folder}/model", device="cpu")
    return must(apart(numbers(model, samples), numbers(loaded, samples)))


def repeats(device: str, samples: Samples) -> str:
    """The same seed gives the same model."""
    first, _ = watched(device, samples, max_epochs=4, keeps_dropout=True)
    second, _ = watched(device, samples, max_epochs=4, keeps_dropout=True)
    return must(apart(numbers(first, samples), numbers(second, samples)), 1e-2)


def runs(device: str, samples: Any, **params: Any) -> str:
    """A fit learns something, whatever its parts are."""
    settings = {"random_state": 0, "verbose": 0, "device": device}
    settings |= {"max_epochs": 6, "batch_size": 16}
    estimator = MultiTaskEstimator(**(settings | params))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        estimator.fit(samples)
    one = samples if isinstance(samples, Samples) else next(iter(samples.values()))
    table = estimator.evaluate(samples)
    loss = float(table.loc[table["metric"] == "loss", "value"].mean())
    assert np.isfinite(loss) and loss < 1.2, f"loss {loss:.3f} of the trivial"
    return f"loss {loss:.3f} of the trivial, {len(one)} series"


def ensemble_runs(device: str, samples: Samples) -> str:
    """The weighted mean of two networks."""
    members = {}
    for name in ("fcn", "lstm"):
        settings = SETTINGS | {"max_epochs": 3, "device": device}
        members[name] = MultiTaskEstimator(backbone=name, **settings)
    ensemble = mt.Ensemble(members, n_seeds=1, random_state=0, verbose=0)
    frame = ensemble.fit(samples).predict(samples)
    assert len(frame) == len(samples) and frame.notna().all().all()
    return f"{len(frame)} predictions"


def study_runs(device: str, samples: Samples, n_jobs: int) -> str:
    """Several processes on one device give what one process gives."""
    estimator = MultiTaskEstimator(
        max_epochs=2, device=device, random_state=0, verbose=0, batch_size=16
    )
    means = []
    for jobs in (1, n_jobs):
        study = mt.compare(
            samples,
            estimator=estimator,
            arms=["hard"],
            n_seeds=1,
            n_jobs=jobs,
            verbose=0,
        )
        answers = []
        for key in sorted(study.evidence.fits):
            for values in study.evidence.fits[key].answers.values():
                answers.append(np.asarray(values, np.float64).ravel())
        means.append(np.concatenate(answers))
    return must(apart(*means), 1e-2, f" between 1 and {n_jobs} processes")


class Waits(FCN):
    """A backbone of a user's own that waits for the device in each step."""

    def build(self, n_channels: int, n_timepoints: int) -> Any:
        module = super().build(n_channels, n_timepoints)

        def hook(_: object, inputs: tuple[torch.Tensor, ...]) -> None:
            inputs[0].sum().item()

        module.register_forward_pre_hook(hook)
        return module


class Breaks(FCN):
    """A backbone that no recording survives."""

    def build(self, n_channels: int, n_timepoints: int) -> Any:
        module = super().build(n_channels, n_timepoints)

        def hook(_: object, inputs: tuple[torch.Tensor, ...]) -> None:
            if inputs[0].is_cuda:
                torch.cuda.current_stream().synchronize()

        module.register_forward_pre_hook(hook)
        return module


def is_refused(device: str, samples: Samples, backbone: Any) -> str:
    """``graph=True`` names what cannot be recorded."""
    try:
        watched(device, samples, backbone=backbone, training={"graph": True})
    except MultitideError as error:
        assert "`training.graph`" in str(error), str(error)
        return str(error).splitlines()[0][-120:]
    raise AssertionError("it was not refused")


def goes_on(device: str, samples: Samples, backbone: Any) -> str:
    """With "auto", a step that cannot be recorded is an ordinary one, dropout included."""
    ours = _use_graph._is_all_of_ours
    _use_graph._is_all_of_ours = lambda *_: True
    try:
        _, plain = watched(
            device, samples, backbone=FCN(), training={"graph": False}, max_epochs=3
        )
        _, seen = watched(
            device, samples, backbone=backbone, training={"graph": "auto"}, max_epochs=3
        )
    finally:
        _use_graph._is_all_of_ours = ours
    assert not seen.n_graphs, "it was recorded"
    return must(apart(plain.losses, seen.losses))


# -- the list ----------------------------------------------------------------------------------

Check = tuple[str, Callable[[], str]]


def checks(device: str, quick: bool) -> Iterator[Check]:
    """Yield the name of each check, and the check."""
    samples = make_samples()
    on_gpu = torch.device(device).type == "cuda"
    yield "save there, load on the CPU", lambda: is_kept(device, samples)
    yield from _pairs(device, samples, quick, on_gpu)
    if on_gpu:
        yield from _graphs(device, samples)
    else:
        fcn = FCN()
        yield "graph=True on the CPU", lambda: is_refused(device, samples, fcn)
    if not quick:
        yield from _whole_fits(device, samples)
        yield "the same seed twice", lambda: repeats(device, samples)
        yield "a study, 2 processes", lambda: study_runs(device, samples, 2)
    if on_gpu:  # last, because they break recordings
        yield from _unrecorded(device, samples)


def _pairs(device: str, samples: Samples, quick: bool, on_gpu: bool) -> Iterator[Check]:
    trained = [name for name in BACKBONES if BACKBONES[name].is_trained]
    sharings = list(SHARINGS)
    if quick:
        trained, sharings = trained[:1], sharings[:1]
    for backbone in trained:
        for sharing in sharings:
            parts = {"backbone": backbone, "sharing": sharing}
            name = f"{backbone}, {sharing}"
            yield (
                f"{name}: {device} = cpu",
                lambda parts=parts: devices_agree(device, samples, **parts),
            )
            if on_gpu:
                yield (
                    f"{name}: graph = eager",
                    lambda parts=parts: graph_agrees(device, samples, **parts),
                )


def _graphs(device: str, samples: Samples) -> Iterator[Check]:
    fcn = {"backbone": "fcn"}
    for name, weighting in WEIGHTINGS.items():
        if weighting.needs_host or name in ("fixed", "search"):
            continue
        yield (
            f"weighting {name}: graph = eager",
            lambda name=name: graph_agrees(device, samples, weighting=name, **fcn),
        )
    sets = {"a": samples, "b": make_samples(64, seed=1)}
    cases: dict[str, tuple[Any, dict[str, Any]]] = {
        "default backbone, unequal lengths": (make_samples(unequal=True), {}),
        "all inputs": (samples, {"inputs": EVERYTHING, **fcn}),
        "two data sets": (sets, fcn),
        "averaging": (samples, {"training": {"averaging": 0.9}, **fcn}),
        "no clipping": (samples, {"training": {"clip_norm": None}, **fcn}),
        "lstm, averaging": (
            samples,
            {"training": {"averaging": 0.9}, "backbone": "lstm"},
        ),
        "pre-training, thawing": (
            samples,
            {"training": {"pretrain": ("state",), "freeze": "gradual"}, **fcn},
        ),
    }
    for name, (data, params) in cases.items():
        yield (
            f"{name}: graph = eager",
            lambda data=data, params=params: graph_agrees(device, data, **params),
        )


def _unrecorded(device: str, samples: Samples) -> Iterator[Check]:
    for backbone in (Waits(), Breaks()):
        name = type(backbone).__name__
        yield (
            f"graph=True, {name}",
            lambda backbone=backbone: is_refused(device, samples, backbone),
        )
        yield (
            f"graph='auto', {name}",
            lambda backbone=backbone: goes_on(device, samples, backbone),
        )


def _whole_fits(device: str, samples: Samples) -> Iterator[Check]:
    def default() -> str:
        estimator = MultiTaskEstimator(device=device, random_state=0, verbose=0)
        watch = Watch(keeps_dropout=True)
        table = estimator.fit(samples, callbacks=[watch]).evaluate(samples)
        loss = float(table.loc[table["metric"] == "loss", "value"].mean())
        assert loss < 1, f"loss {loss:.3f} of the trivial"
        return f"loss {loss:.3f} of the trivial, {watch.n_graphs} graph(s)"

    yield "MultiTaskEstimator()", default
    yield "Ensemble", lambda: ensemble_runs(device, samples)
    fcn = {"backbone": "fcn"}
    cases: dict[str, dict[str, Any]] = {
        "keep='per_task'": {"keep": "per_task"},
        "refit": {"training": {"refit": True}},
        "finish per task": {"training": {"finish": "per_task"}},
        "lstm, averaging": {"backbone": "lstm", "training": {"averaging": 0.9}},
        "famo": {"weighting": "famo"},
        "random": {"weighting": "random"},
        "search": {"weighting": {"name": "search", "n_trials": 2}},
        "recorded gradients": {"training": {"record_gradients": 2}},
        "trees": {"backbone": "trees"},
        "linear": {"backbone": "linear"},
        "minirocket, fc": {
            "backbone": "fc",
            "inputs": {"representation": "minirocket"},
        },
    }
    for aggregator in AGGREGATORS:
        cases[f"aggregator {aggregator}"] = {"aggregator": aggregator}
    cases["aggregator upgrad at features"] = {
        "aggregator": {"name": "upgrad", "at": "features"}
    }
    for name, params in cases.items():
        yield name, lambda params=params: runs(device, samples, **(fcn | params))


def run_checks(device: str, quick: bool = False) -> int:
    """Print a line per check, and return the number of those that failed."""
    n_failed = 0
    for name, check in checks(device, quick):
        started = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*synchroniz.*")
                word, figure = "ok", check()
        except (ParameterError, MissingDependencyError) as error:
            word, figure = "refused", str(error)
        except Exception as error:  # the other checks go on
            word, figure = "FAILED", f"{type(error).__name__}: {error}{_where(error)}"
            n_failed += 1
        seconds = time.perf_counter() - started
        figure = " ".join(figure.split())[:300]
        print(f"{word:<8}{name}: {figure} ({seconds:.1f} s)", flush=True)
    return n_failed


def _where(error: Exception) -> str:
    """Return the last places of an error that is not about a figure."""
    if isinstance(error, AssertionError) and str(error):
        return ""
    places = []
    for frame in traceback.extract_tb(error.__traceback__)[-3:]:
        places.append(f"{Path(frame.filename).name}:{frame.lineno}")
    return f" [{', '.join(places)}]"
