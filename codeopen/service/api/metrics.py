"""What Prometheus reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of one service; routes are named by their templates, so that ids make no new series."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    streams: Gauge = field(init=False)

    def __post_init__(self) -> None:
        labels = ("method", "route", "status")
        made = {
            "requests": Counter("codeopen_requests", "Answered requests.", labels, registry=self.registry),
            "seconds": Histogram(
                "codeopen_request_seconds", "Time to answer.", labels[:2], buckets=_SECONDS, registry=self.registry
            ),
            "streams": Gauge("codeopen_event_streams", "Open streams of events.", registry=self.registry),
        }
        for name, metric in made.items():
            object.__setattr__(self, name, metric)
