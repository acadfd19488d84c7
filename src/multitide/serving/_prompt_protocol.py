"""Close the connections of slow clients, which would block others."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0  # for the headers of a request to arrive, and between two requests


def prompt_protocol(
    work_seconds: float, head_seconds: float = HEAD_SECONDS
) -> type[asyncio.Protocol]:
    """Return a protocol of uvicorn, which has no such limits itself.

    Parameters
    ----------
    work_seconds : float
        For a request, from its headers until the client has its answer.
    head_seconds : float
        For the headers of a request to arrive: a client that sends a byte now and then is cut off.
    """

    class Prompt(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _last: object = None  # the request that the deadline is for

        def connection_made(self, transport: Any) -> None:  # as uvicorn declares it
            super().connection_made(transport)
            self._within(head_seconds)

        def connection_lost(self, exc: Exception | None) -> None:
            self._within(None)
            super().connection_lost(exc)

        def handle_events(self) -> None:
            super().handle_events()
            is_begun = self.cycle is not None and self.cycle is not self._last
            if is_begun and not self.cycle.response_complete:
                self._last = self.cycle
                self._within(work_seconds)

        def on_response_complete(self) -> None:
            # A long answer may be on its way.
            waiting = self.transport.get_write_buffer_size()
            self._within(work_seconds if waiting else head_seconds)
            super().on_response_complete()

        def _within(self, seconds: float | None) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline = None
            if seconds is not None:
                self._deadline = self.loop.call_later(seconds, self.transport.abort)

    return Prompt
