"""Why a request gets no predictions."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        The status code of HTTP.
    message : str
        What must be otherwise; it is shown to the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
