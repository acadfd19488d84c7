"""The server: where it listens, who may ask, and how it ends."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from multitide._require_extra import require_extra
from multitide.errors import ParameterError

if TYPE_CHECKING:
    from fastapi import FastAPI

KEY = "MULTITIDE_API_KEY"  # of the environment
SHORTEST_KEY = 16


def require_server() -> None:
    """Raise :class:`MissingDependencyError` unless a server can run."""
    require_extra("serve", "The server")


def check_host(host: str, key: str | None) -> bool:
    """Return whether only this machine reaches a host; others need a key.

    Raises
    ------
    ParameterError
        If others reach it without a key, or the key is short.
    """
    if key is not None and len(key) < SHORTEST_KEY:
        raise ParameterError(
            f"`{KEY}` must have at least {SHORTEST_KEY} characters; it has {len(key)}. "
            "Use a longer one, or unset the variable."
        )
    is_local = host == "localhost" or _is_loopback(host)
    if not is_local and key is None:
        raise ParameterError(
            f"`--host` must be this machine, such as 127.0.0.1; got {host!r}. "
            f"To let others in, set the variable {KEY} to a secret, which they send in "
            "the header X-API-Key."
        )
    return is_local


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address.

    Raises
    ------
    ParameterError
        If the address or the port cannot be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen()
        except OSError:
            listening.close()
            raise
    except (OSError, OverflowError) as error:
        raise ParameterError(
            f"`--host` and `--port` must be an address that is free; got {host!r} and "
            f"{port} ({error}). Choose another port, such as --port 0."
        ) from error
    return listening


def run_server(
    app: FastAPI, listening: socket.socket, n_requests: int, seconds: float
) -> None:
    """Answer requests until the process is told to stop; then finish those in work."""
    import uvicorn

    from multitide.serving._prompt_protocol import prompt_protocol

    config = uvicorn.Config(
        app,
        # A request has its time, and the client as much to read the answer.
        http=prompt_protocol(2 * seconds),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        # Pages and connections that wait count too.
        limit_concurrency=4 * n_requests + 16,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=int(seconds) + 1,
    )
    uvicorn.Server(config).run(sockets=[listening])
