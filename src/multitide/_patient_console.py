"""A console for output that may be cut off: the work behind it goes on."""

from __future__ import annotations

import os
from typing import IO

from rich.console import Console


class PatientConsole(Console):
    """A console that continues without output after the reader of a pipe has left.

    What the command makes is worth more than what it prints: ``multitide fit ... | head`` trains
    and writes the run folder.
    """

    def on_broken_pipe(self) -> None:
        """Send the rest of the output nowhere, instead of ending the process."""
        self.quiet = True
        discard(self.file)


def discard(stream: IO[str]) -> None:
    """Send what is still written to a stream of the process nowhere."""
    with open(os.devnull, "wb") as nowhere:
        try:
            os.dup2(nowhere.fileno(), stream.fileno())
        except (AttributeError, OSError):  # not a file of the operating system
            return
