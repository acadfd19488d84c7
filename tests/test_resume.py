"""A fit that was killed anywhere ends with the same model, bit by bit, as an undisturbed one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import torch
from matplotlib.figure import Figure
from typer.testing import CliRunner, Result

import multitide as mt
from full_disk import FullDisk
from makers import make_samples, small, write_runs
from multitide.backbones import FC, FCN
from multitide.cli import app
from multitide.errors import StoreError
from multitide.training import _precision
from multitide.training._checkpoint_store import RECORD, read_checkpoint
from multitide.training._precision import CHECKED
from multitide.training._trainer import Trainer
from refusals import refused

FC_NET = FC(hidden_size=6, dropout=0.3)
FCN_NET = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3))
ALWAYS = {"checkpoint_minutes": 0.0}
MEASURED = ["seconds"]  # they differ from run to run


class Killed(BaseException):
    """What stands for a kill."""


@contextmanager
def killed_after(n_steps: int) -> Iterator[None]:
    """End the block after so many steps of all trainings together."""
    after_step, taken = Trainer._after_step, 0

    def counting(self: Trainer) -> None:
        nonlocal taken
        after_step(self)
        taken += 1
        if taken == n_steps:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_after_step", counting)
        with pytest.raises(Killed):
            yield


def estimator(training: dict[str, Any] | None = None, **params: Any) -> Any:
    settings = {"backbone": FC_NET, "max_epochs": 3, "verbose": 0}
    training = ALWAYS | (training or {})
    return small(**settings | params, training=mt.Training(**training))


def check_same(model: Any, other: Any) -> None:
    """Assert that two models have the same bits and the same history."""
    state, expected = model.model_.state_dict(), other.model_.state_dict()
    assert list(state) == list(expected)
    for name, tensor in state.items():
        assert torch.equal(tensor, expected[name]), name
    assert model.best_epoch_ == other.best_epoch_
    for frame, wanted in (
        (model.history_, other.history_),
        (model.pretrain_history_, other.pretrain_history_),
        (model.trials_, other.trials_),
    ):
        columns = [name for name in wanted if name not in MEASURED]
        pd.testing.assert_frame_equal(frame[columns], wanted[columns])


WAYS: dict[str, Callable[[], Any]] = {
    "hard": estimator,
    "convolution": lambda: estimator(backbone=FCN_NET),
    "per task": lambda: estimator(keep="per_task"),
    "averaging": lambda: estimator({"averaging": 0.9}),
    "refit": lambda: estimator({"refit": True}),
    "finish": lambda: estimator({"finish": "per_task"}, max_epochs=4),
    "pretrain": lambda: estimator({"pretrain": ("load",), "freeze": "gradual"}),
    "patience": lambda: estimator({"patience": 1}, max_epochs=6),
    "none": lambda: estimator(sharing="none"),
    "cross_stitch": lambda: estimator(sharing="cross_stitch", backbone=FCN_NET),
    "gradients": lambda: estimator({"record_gradients": 2}),
    **{
        name: lambda name=name: estimator(weighting=name, batch_size=16)
        for name in ("famo", "dwa", "random", "uncertainty", "imtl_l")
    },
    "search": lambda: estimator(weighting={"name": "search", "n_trials": 2}),
    **{
        name: lambda name=name: estimator(aggregator=name, batch_size=16)
        for name in ("gradvac", "excess_mtl", "pcgrad", "nash_mtl", "graddrop")
    },
    "trees": lambda: estimator({"refit": True}, backbone="trees"),
    "auto": lambda: estimator(backbone="auto", max_epochs=2),
}
QUICK = ("averaging", "pretrain", "famo")


@pytest.fixture(scope="module")
def samples() -> mt.Samples:
    return make_samples(60)


@pytest.mark.parametrize(
    "way",
    [pytest.param(w, marks=() if w in QUICK else pytest.mark.slow) for w in WAYS],
)
def test_killed_after_any_step(way: str, samples: mt.Samples, tmp_path: Path) -> None:
    if way == "nash_mtl":
        pytest.importorskip("cvxpy")
    whole = WAYS[way]().fit(samples)
    checkpoint = tmp_path / "checkpoint"
    for n_steps in () if way == "trees" else (1, 3):
        with killed_after(n_steps):
            WAYS[way]().fit(samples, checkpoint=checkpoint)
    check_same(WAYS[way]().fit(samples, checkpoint=checkpoint), whole)
    # All of it is kept: the same call gives the same model without training.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "run_epoch", None)
        patch.setattr("multitide.fitting._forests.grow_trees", None)
        check_same(WAYS[way]().fit(samples, checkpoint=checkpoint), whole)


@pytest.mark.parametrize("n_steps", [3, 10])
def test_the_precision_that_the_first_steps_chose_is_kept(
    n_steps: int, samples: mt.Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while they are checked, and after it, to go on with another processor."""

    def fit(**options: Any) -> Any:
        model = estimator({"precision": "auto"}, batch_size=8, max_epochs=2)
        return model.fit(samples, **options)

    monkeypatch.setattr(_precision, "has_bf16", lambda _: True)
    whole = fit()
    with killed_after(n_steps):
        fit(checkpoint=tmp_path / "checkpoint")
    if n_steps > CHECKED[-1]:
        monkeypatch.setattr(_precision, "has_bf16", lambda _: False)
    check_same(fit(checkpoint=tmp_path / "checkpoint"), whole)


# -- runs ------------------------------------------------------------------------------------------

CONFIG = """
max_epochs = 4
random_state = {seed}
batch_size = 16
device = "cpu"

[data]
path = "data.csv"
series = "run"

[split]
by = "random"

[[tasks]]
name = "load"

[[tasks]]
name = "state"

[backbone]
name = "fc"
dropout = 0.3

[training]
checkpoint_minutes = 0.0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_runs(tmp_path, 40)
    (tmp_path / "c.toml").write_text(CONFIG.format(seed=0))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    write_runs(folder, 40)
    (folder / "c.toml").write_text(CONFIG.format(seed=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda *args, **options: None)
        mt.run_fit(folder / "c.toml", folder / "run", verbose=0)
    return folder / "run"


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["fit", *arguments, "--quiet"])


def bits(run: Path) -> bytes:
    return (run / "weights.safetensors").read_bytes()


@pytest.mark.usefixtures("blank_figures")
def test_the_command_continues_a_killed_run(folder: Path, expected: Path) -> None:
    with killed_after(7):
        command("c.toml")
    partial = folder / "runs" / "c-001.partial"
    assert (partial / "checkpoint" / RECORD).is_file()
    said = command("c.toml", "--output", "runs/c-001")
    assert said.exit_code == 2
    assert "--resume" in said.stderr
    assert command("c.toml", "--resume").exit_code == 0
    assert not partial.exists()
    run = folder / "runs" / "c-001"
    assert bits(run) == bits(expected)
    assert {p.name for p in run.iterdir()} == {p.name for p in expected.iterdir()}
    said = command("c.toml", "--output", str(run), "--resume")
    assert said.exit_code == 2  # it is complete
    assert "must not exist yet" in said.stderr


@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_a_signal_ended_is_trained_on(
    folder: Path, expected: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_step = Trainer._after_step

    def signalled(self: Trainer) -> None:
        if self.epoch == 3:
            os.kill(os.getpid(), number)
        after_step(self)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_after_step", signalled)
        said = command("c.toml", "--output", "run")
    signal.signal(signal.SIGINT, before)
    assert said.exit_code == (143 if number == signal.SIGTERM else 0)
    assert mt.MultiTaskEstimator.load("run").history_["epoch"].max() == 2
    assert bits(folder / "run") != bits(expected)
    (folder / "run" / "notes.txt").write_text("mine")
    # As the command says.
    again = command("run/config.toml", "--output", "run", "--resume")
    assert again.exit_code == 0, again.output
    assert bits(folder / "run") == bits(expected)
    assert (folder / "run" / "notes.txt").read_text() == "mine"
    names = {path.name for path in (folder / "run").iterdir()} - {"notes.txt"}
    assert names == {path.name for path in expected.iterdir()}


@pytest.mark.usefixtures("blank_figures")
def test_a_drawn_seed_is_that_of_the_run(folder: Path) -> None:
    (folder / "c.toml").write_text(
        CONFIG.format(seed=0).replace("random_state = 0", "")
    )
    with killed_after(3):
        mt.run_fit("c.toml", "run", verbose=0)
    seed = json.loads((folder / "run.partial/checkpoint" / RECORD).read_text())["fit"]
    run = mt.run_fit("c.toml", "run", resume=True, verbose=0)
    assert str(run.estimator.seed_) == seed["random_state"]


@pytest.mark.usefixtures("blank_figures")
def test_without_a_checkpoint_the_run_begins_again(
    folder: Path, expected: Path
) -> None:
    (folder / "run.partial").mkdir()
    (folder / "run.partial" / "history.jsonl").write_text("{}\n")
    mt.run_fit("c.toml", "run", resume=True, verbose=0)
    assert bits(folder / "run") == bits(expected)
    mt.run_fit("c.toml", "new", resume=True, verbose=0)
    assert bits(folder / "new") == bits(expected)


# -- refused ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(samples: mt.Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in the middle of an epoch."""
    folder = tmp_path_factory.mktemp("kept") / "checkpoint"
    with killed_after(3):
        estimator(aggregator="gradvac").fit(samples, checkpoint=folder)
    return folder


@pytest.fixture
def checkpoint(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "checkpoint"))


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"max_epochs": 5}, "max_epochs"),
        ({"random_state": 1}, "random_state"),
        ({"training": mt.Training(patience=3)}, "training"),
        ({"tasks": ["load"]}, "tasks"),
        ({"validation": 0.3}, "validation"),
        ({"backbone": FC(hidden_size=7)}, "backbone"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(
    checkpoint: Path, samples: mt.Samples, params: dict[str, Any], word: str
) -> None:
    other = estimator(aggregator="gradvac").set_params(**params)
    with refused("`checkpoint`", "same fit", word, "another folder", error=StoreError):
        other.fit(samples, checkpoint=checkpoint)


def test_a_checkpoint_of_other_data_is_refused(checkpoint: Path) -> None:
    other = make_samples(60, seed=1)
    with refused("`checkpoint`", "same fit", "data", error=StoreError):
        estimator(aggregator="gradvac").fit(other, checkpoint=checkpoint)


@pytest.mark.parametrize("name", [".lock", ".draft-x1_y", f"1-{'0' * 16}.safetensors"])
def test_a_fit_that_was_killed_before_its_first_record_begins_anew(
    samples: mt.Samples, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("cut off")
    fitted = estimator().fit(samples, checkpoint=tmp_path)
    check_same(fitted, estimator().fit(samples))


def test_another_folder_is_not_a_checkpoint(
    samples: mt.Samples, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").touch()
    with refused("`checkpoint`", "must not exist yet", error=StoreError):
        estimator().fit(samples, checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def _changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a piece and write it with a hash that fits, as its author could."""
    with safetensors.safe_open(path, "pt") as file:
        values = json.loads(file.metadata()["values"])
        state = {
            "values": values,
            "tensors": {name: file.get_tensor(name) for name in file.keys()},  # noqa: SIM118
        }
    change(state)
    metadata = {"values": json.dumps(state["values"])}
    path.write_bytes(safetensors.torch.save(state["tensors"], metadata))
    record = json.loads((path.parent / RECORD).read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record["pieces"]["1"]["sha256"] = digest
    (path.parent / RECORD).write_text(json.dumps(record))


def _drop(place: str, *keys: str) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        for key in list(state[place]):
            if key in keys or any(key.startswith(f"{each}/") for each in keys):
                del state[place][key]

    return change


ALTERED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no values": lambda state: state["values"].clear(),
    "no network": _drop("tensors", "network"),
    "no best": lambda state: state["values"].update(best={"joint": {"epoch": 9}}),
    "no random": _drop("tensors", "random"),
    "no left": _drop("tensors", "left.0"),
    "epoch": lambda state: state["values"].update(epoch="second"),
    "history": lambda state: state["values"].update(history=3),
    "mixer": lambda state: state["values"].update(mixer={"bit_generator": "MT"}),
    "rows": lambda state: state["tensors"].update({"left.0": torch.full((99,), 10**6)}),
    "callbacks": lambda state: state["values"]["callbacks"].pop(),
    "aggregator": lambda state: state["values"].update(aggregator=[[["x"], {}]]),
    "shape": lambda state: state["tensors"].update(
        {k: v[..., None] for k, v in state["tensors"].items() if k[:7] == "network"}
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_piece_is_refused(
    checkpoint: Path, samples: mt.Samples, name: str
) -> None:
    (piece,) = checkpoint.glob("*.safetensors")
    _changed(piece, ALTERED[name])
    with refused(piece.name, "must be as multitide wrote it", error=StoreError):
        estimator(aggregator="gradvac").fit(samples, checkpoint=checkpoint)


def test_a_damaged_piece_or_record_is_refused(
    checkpoint: Path, samples: mt.Samples
) -> None:
    (piece,) = checkpoint.glob("*.safetensors")
    content = piece.read_bytes()
    model = estimator(aggregator="gradvac")
    for damaged in (content[:-1], content[:40], b"", content[:-1] + b"x"):
        piece.write_bytes(damaged)
        with refused(piece.name, "must be as multitide wrote it", error=StoreError):
            model.fit(samples, checkpoint=checkpoint)
    piece.unlink()
    with refused(piece.name, "must be as multitide wrote it", error=StoreError):
        model.fit(samples, checkpoint=checkpoint)
    record = json.loads((checkpoint / RECORD).read_text())
    for wrong in (
        record | {"pieces": {"1": {"file": "../../x.safetensors", "sha256": "0"}}},
        record | {"fit": 3},
        record | {"schema_version": 99},
        [],
    ):
        (checkpoint / RECORD).write_text(json.dumps(wrong))
        with refused(RECORD, error=StoreError):
            model.fit(samples, checkpoint=checkpoint)


def test_no_room_for_checkpoints_or_models_so_far_ends_no_training(
    samples: mt.Samples, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "checkpoint"
    full = FullDisk(folder, 0)
    model = small(backbone=FC_NET, max_epochs=2)
    with pytest.MonkeyPatch.context() as patch:
        full.install(patch)
        model.fit(samples, checkpoint=folder)
    assert caplog.text.count("No checkpoint can be written") == 1
    check_same(model, small(backbone=FC_NET, max_epochs=2).fit(samples))


def test_the_model_is_kept_elsewhere_if_there_is_no_room(folder: Path) -> None:
    full = FullDisk(folder, 1)  # room for the configuration
    with pytest.MonkeyPatch.context() as patch:
        full.install(patch)
        with refused("No space left", "The trained model is in", error=StoreError) as e:
            mt.run_fit("c.toml", "run", verbose=0)
    place = re.findall(r"trained model is in '(.*)'", str(e.value))[0]
    model = mt.load(place)
    table = mt.read_like(model.stored_.data[0].reading, "data.csv")
    assert set(model.predict(table)) == {"load", "state"}
    shutil.rmtree(Path(place).parent)


def test_the_record_says_what_is_kept(kept: Path) -> None:
    assert read_checkpoint(kept).pieces.keys() == {1}
    assert not read_checkpoint(kept).is_complete
