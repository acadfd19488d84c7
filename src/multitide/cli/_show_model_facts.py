"""What ``multitide fit`` and ``info`` say about a fitted model besides its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from multitide.cli._terminal import show_note, show_table

if TYPE_CHECKING:
    from multitide._estimator import MultiTaskEstimator
    from multitide.ensemble._ensemble import Ensemble
    from multitide.model._fitted_model import FittedModel
    from multitide.reports._model_lines import Model


def show_fitted(model: Model) -> None:
    """Show how long training took, and the best epochs or the members."""
    from multitide._budget import in_words
    from multitide.ensemble._ensemble import Ensemble
    from multitide.reports._model_lines import best_epochs, trained_for

    show_decisions(model)
    if isinstance(model, Ensemble):
        show_members(model)
        show_note(f"The ensemble was trained in {in_words(model.seconds_)}.")
        return
    show_candidates(model)
    show_note(f"The model was {trained_for(model)}; {best_epochs(model)}.")


def show_decisions(model: FittedModel) -> None:
    """Show the thresholds that rules have chosen, and the positive classes."""
    from multitide.reports._class_sections import decision_rows, positive_sentence

    table = decision_rows(model)
    if len(table):
        show_table(table, "Decisions: the positive class from which probability on")
    if sentence := positive_sentence(model):
        show_note(sentence)


def show_candidates(estimator: MultiTaskEstimator) -> None:
    """Show what the backbone "auto" has tried for each task."""
    from multitide.reports._model_lines import candidate_table

    table = candidate_table(estimator)
    if len(table):
        show_table(table, "Candidates: validation loss (1 = the best constant)")


def show_members(ensemble: Ensemble) -> None:
    """Show what each member contributes to each task."""
    from multitide.reports._model_lines import member_table

    show_table(
        member_table(ensemble), "Members: weight per task, and loss on held-out samples"
    )
