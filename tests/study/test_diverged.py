"""A fit that diverged after a good epoch is not counted silently."""

from __future__ import annotations

from pathlib import Path

import pytest

import multitide as mt
from makers import make_samples, small
from multitide.balancing._diverged import Diverged
from multitide.study._comparison import Comparison
from multitide.training._trainer import Trainer


@pytest.fixture
def diverging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the second epoch of networks of both tasks."""
    train_epoch = Trainer.train_epoch

    def broken(self: Trainer) -> dict[str, float]:
        if self.epoch == 2 and len(self.names) == 2:
            raise Diverged("The training loss must be finite; got nan.")
        return train_epoch(self)

    monkeypatch.setattr(Trainer, "train_epoch", broken)


@pytest.mark.usefixtures("diverging")
def test_a_study_says_which_fits_diverged(tmp_path: Path) -> None:
    estimator = small(backbone="fcn", max_epochs=2, batch_size=64)
    study = mt.compare(
        make_samples(48, missing=0),
        estimator=estimator,
        n_seeds=1,
        n_jobs=1,
        folder=tmp_path / "study",
        verbose=0,
    )
    words = "1 of 1 fits of the arm 'hard' diverged"
    assert words in str(study)
    assert "'alone'" not in " ".join(study.evidence.diverged())
    diverged = study.runs.set_index("arm")["diverged"]
    assert "finite" in diverged["hard"]
    assert set(diverged["alone"]) == {""}
    read = Comparison.load(tmp_path / "study")
    assert words in str(read)
    mt.write_study_report(read, tmp_path / "report")
    report = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert "1 of 1 fits of the arm" in report
