"""What a service is told at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codeopen.service.projects.values import Quota

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
DEFAULT_QUOTA: Final = Quota(projects=20, cpu_millis=64_000, memory_bytes=128 << 30, gpus=2, price_cents=100_000)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """``anonymous`` lets everybody on this machine in without a token, as an admin: it needs a loopback ``host``.

    ``rate`` is what one token may ask, as the library ``limits`` writes it. ``require_if_match`` makes PATCH and DELETE
    need the version that the caller has seen. A stream of events ends after ``stream_seconds``; its client resumes it.
    """

    key_file: Path
    host: str = "127.0.0.1"
    port: int = 8090
    anonymous: bool = False
    quota: Quota = DEFAULT_QUOTA
    rate: str = "1200/minute"
    require_if_match: bool = False
    stream_seconds: float = 3600.0
    heartbeat_seconds: float = 15.0
    streams: int = 100
