"""What one request, and all of them together, may take of the server."""

from __future__ import annotations

from dataclasses import dataclass

from multitide._checks import check_positive_int
from multitide.errors import ParameterError


@dataclass(frozen=True)
class Limits:
    """The limits of a server.

    Attributes
    ----------
    megabytes : int
        Size of the body of a request.
    rows : int
        Rows of its table, or steps of all its windows together.
    seconds : float
        Time until an answer, and until the body has arrived.
    requests : int
        Requests in work at the same time; further ones are told to come back.
    """

    megabytes: int = 16
    rows: int = 200_000
    seconds: float = 30.0
    requests: int = 16

    def __post_init__(self) -> None:
        for name in ("megabytes", "rows", "requests"):
            check_positive_int(name, getattr(self, name))
        if not 0 < self.seconds < float("inf"):
            raise ParameterError(
                f"`seconds` must be a number above 0; got {self.seconds!r}."
            )

    @property
    def n_bytes(self) -> int:
        """Size of the body of a request."""
        return self.megabytes * 2**20
