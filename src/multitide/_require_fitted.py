"""Refuse what needs a fitted model, with scikit-learn's error."""

from __future__ import annotations


def require_fitted(model: object, attribute: str) -> None:
    """Raise scikit-learn's ``NotFittedError`` if a model lacks what fitting sets.

    scikit-learn is imported only then: it takes longer than a prediction.
    """
    if hasattr(model, attribute):
        return
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model, attribute)
