"""Which failures pass by themselves: an API server that restarts or has too much to do, a connection that broke."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# Sources: net/http and k8s.io/apimachinery/pkg/api/errors for the official provider's words; ours says "no API server
# answers" and "did not get better in time".
_PASSING: Final = re.compile(
    r"connection (?:refused|reset|timed out)|broken pipe|no route to host|i/o timeout|TLS handshake timeout"
    r"|\bEOF\b|client connection lost|context deadline exceeded|Client\.Timeout exceeded|server sent GOAWAY"
    r"|cluster is unreachable|no API server answers|did not get better in time"
    r"|too many requests|the server is currently unable to handle the request|apiserver not ready"
    r"|etcdserver: (?:request timed out|leader changed|no leader)|\b(?:status|says|code)[ :]+(?:429|50[0234])\b"
    # A quota that was raised a moment ago counts once its controller has seen it.
    r"|exceeded quota"
    r"|the server was unable to return a response in the time allotted|storage is \(re\)initializing",
    re.IGNORECASE,
)
# The engine says this after the error of a resource.
_SUMMARY: Final = re.compile(r"^(?:error: )?(?:update|preview|destroy|refresh|resource \S+) failed\b", re.IGNORECASE)


def passes(errors: Iterable[str]) -> bool:
    """Whether everything that a run failed of is of a kind that passes: one error that stays is enough to give up."""
    causes = [error for error in errors if not _SUMMARY.match(error)]
    return bool(causes) and all(_PASSING.search(cause) for cause in causes)
