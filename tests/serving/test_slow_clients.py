"""Clients that dawdle are cut off, in whatever part of a request, and others are answered."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("uvicorn")

import uvicorn

from multitide.serving._prompt_protocol import prompt_protocol

HEAD, WORK = 0.3, 0.6  # seconds
POST = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
LONG = 20_000_000  # bytes of an answer: more than the buffers of the system take


async def app(scope: dict, receive: object, send: object) -> None:
    """Answer at once, without reading the body; ``/wait`` reads it, ``/long`` is long."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/wait":
        while (await receive()).get("more_body"):  # type: ignore[operator]
            pass
    body = b"x" * (LONG if scope["path"] == "/long" else 2)
    start = {"type": "http.response.start", "status": 200}
    headers = [(b"content-length", str(len(body)).encode())]
    await send({**start, "headers": headers})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": body})  # type: ignore[operator]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[uvicorn.Server, int]]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=prompt_protocol(WORK, HEAD), ws="none", log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield server, listening.getsockname()[1]
    server.should_exit = True
    thread.join()


DAWDLERS = {
    "says nothing": (b"", b""),
    "begins a line": (b"G", b""),
    "sends a header byte by byte": (b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"a"),
    "sends a body byte by byte": (POST % b"/wait", b"a"),
    "goes on with its body after the answer": (POST % b"/", b"a"),
    "begins a second request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT", b"a"),
}


def is_cut(client: socket.socket, dribble: bytes) -> bool:
    """Send a byte, and return whether the server has ended the connection."""
    try:
        client.sendall(dribble)
        return not client.recv(1000)
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_clients_that_dawdle_are_cut_off_and_others_are_answered(
    server: tuple[uvicorn.Server, int],
) -> None:
    running, port = server
    waiting = {}
    for name, (sent, _) in DAWDLERS.items():
        waiting[name] = socket.create_connection(("127.0.0.1", port))
        waiting[name].sendall(sent)
        waiting[name].setblocking(False)
    greedy = socket.create_connection(("127.0.0.1", port))
    greedy.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")  # and never reads
    connections = running.server_state.connections
    begin = time.monotonic()
    while (waiting or len(connections) > 1) and time.monotonic() - begin < 20:
        for name, client in list(waiting.items()):
            if is_cut(client, DAWDLERS[name][1]):
                client.close()
                del waiting[name]
        honest = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        honest.request("GET", "/")
        assert honest.getresponse().read() == b"xx"
        honest.close()
        time.sleep(0.02)
    greedy.close()
    assert not waiting and len(connections) <= 1
