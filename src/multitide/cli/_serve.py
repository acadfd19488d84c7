"""``multitide serve``: predict over HTTP, and in a browser."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from multitide.cli._arguments import Name, Run


def serve(
    run: Run,
    host: Annotated[
        str, typer.Option(help="Address to listen at. Default: this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for a free one.")] = 8000,
    engine: Annotated[
        str, typer.Option(help="auto, onnx or torch: what computes the predictions.")
    ] = "auto",
    name: Name = None,
    megabytes: Annotated[
        int, typer.Option(help="Maximum size of a request, in MiB.")
    ] = 16,
    rows: Annotated[
        int, typer.Option(help="Maximum number of rows of a request.")
    ] = 200_000,
    seconds: Annotated[float, typer.Option(help="Maximum time of a request.")] = 30.0,
    requests: Annotated[
        int, typer.Option(help="Maximum number of requests at the same time.")
    ] = 16,
) -> None:
    """Answer requests for predictions, and show a page that draws them.

    The page is at the address that is printed. Only this machine can reach the server
    unless --host says otherwise, which needs a key in the variable MULTITIDE_API_KEY.
    """
    from multitide.cli._terminal import bold, say
    from multitide.serving._limits import Limits
    from multitide.serving._serve import (
        KEY,
        check_host,
        listen,
        require_server,
        run_server,
    )

    require_server()
    limits = Limits(megabytes, rows, seconds, requests)
    key = os.environ.get(KEY) or None
    is_local = check_host(host, key)
    with listen(host, port) as listening:
        from multitide.serving._open_service import open_service

        opened = open_service(
            run,
            name=name,
            engine=engine,
            limits=limits,
            key=key,
            any_host=not is_local,
        )
        address, number = listening.getsockname()[:2]
        if ":" in address:
            address = f"[{address}]"
        say("Predictions are computed by ", opened.computed_by, ".")
        say("Serving ", bold(run), " at ", bold(f"http://{address}:{number}"))
        run_server(opened.app, listening, requests, seconds)
