"""The progress of an ensemble: a line per fit on standard error."""

from __future__ import annotations

import math

from rich.text import Text

from multitide._budget import in_words
from multitide._patient_console import PatientConsole
from multitide._visible import visible


def show_fit(name: str, seconds: float) -> None:
    """Show that a fit has ended.

    Parameters
    ----------
    name : str
        Of the member and seed.
    seconds : float
        How long it took; NaN if it was finished by an earlier call.
    """
    taken = "finished earlier" if math.isnan(seconds) else in_words(seconds)
    PatientConsole(stderr=True).print(Text(f"{visible(name)}: {taken}"))
