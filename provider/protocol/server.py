"""Serving a plugin: the life of its process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import grpc

WORKERS = 32
"""Operations at a time: above the engine's default parallelism on the machines this is for."""

ORPHAN_CHECK_SECONDS = 1.0
ORPHAN_GRACE_SECONDS = 10.0
"""What an operation under way may still take once the engine is gone."""

NO_MESSAGE_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def serve(add_servicer: Callable[[Any], None], interrupt: Callable[[], None]) -> None:
    """Print the port, then serve until a signal comes or the process that started this one is gone.

    ``interrupt`` then tells operations under way to come to an end; the process doesn't wait for all of them.
    """
    parent = os.getppid()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server = grpc.server(ThreadPoolExecutor(max_workers=WORKERS), options=NO_MESSAGE_LIMIT)
    add_servicer(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    grace = 0.0
    # A killed engine sends no signal: without this check its plugins would stay behind for ever.
    while not stop.wait(ORPHAN_CHECK_SECONDS):
        if os.getppid() != parent:
            grace = ORPHAN_GRACE_SECONDS
            break
    interrupt()
    server.stop(grace).wait()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
