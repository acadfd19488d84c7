"""Ctrl-C in a study or a search: it ends the whole, not only the network in training.

A fit that is interrupted keeps its best epoch. That is right for a fit of its own; but a study
would store a network that was cut short as a finished one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ended(BaseException):
    """A signal ends the work; no trainer catches it.

    Attributes
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number

    def __reduce__(self) -> tuple[type[Ended], tuple[int]]:
        """Let it travel between processes."""
        return type(self), (self.number,)


def end(number: int, frame: FrameType | None) -> None:
    """Handle a signal."""
    raise Ended(number)


@contextmanager
def interrupts_end_all() -> Iterator[None]:
    """Let Ctrl-C end the block with KeyboardInterrupt, whatever is in training.

    Signals can only be handled in the main thread; in others, and where somebody else handles
    Ctrl-C, the block runs as it is.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    except Ended as error:
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
