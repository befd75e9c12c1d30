"""What trying parts comes to, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from codeopen.authoring.part_test.target import Untried
from codeopen.images.verify.results import Result
from codeopen.model.plan.parts import BASE

MEGABYTE: Final = 1_000_000
GIGABYTE: Final = 1_000_000_000
# Source: docs/sizes.md, which says what was measured beside them.
BASE_COMPRESSED_BYTES: Final = 300 * MEGABYTE
DISK_BYTES: Final = 35 * GIGABYTE


@dataclass(frozen=True, slots=True)
class PartTrial:
    """One image that was tried. ``work`` is a word of the deployment's report, empty for an image that was not built.

    ``substitutes`` are the notes of what stands in for upstreams; ``left_out`` the reasons of checks that are not made.
    """

    name: str
    specified_mb: int | None
    unpacked_bytes: int | None
    compressed_bytes: int | None
    work: str
    build_seconds: int
    results: tuple[Result, ...]
    substitutes: Mapping[str, str]
    left_out: Mapping[str, str]

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.passed)


@dataclass(frozen=True, slots=True)
class TrialReport:
    """Everything that was tried. ``peak_disk_bytes`` is what the machine's disks had more than at the start."""

    trials: tuple[PartTrial, ...]
    untried: tuple[Untried, ...]
    peak_disk_bytes: int

    @property
    def passed(self) -> bool:
        return not self.exceeded and not any(trial.failed for trial in self.trials)

    @property
    def exceeded(self) -> tuple[str, ...]:
        """What takes more than it may, in words."""
        told = [
            f"{trial.name} has {size / MEGABYTE:,.1f} MB compressed, and may have "
            f"{BASE_COMPRESSED_BYTES / MEGABYTE:.0f} MB"
            for trial in self.trials
            if trial.name == str(BASE) and (size := trial.compressed_bytes or 0) > BASE_COMPRESSED_BYTES
        ]
        if self.peak_disk_bytes > DISK_BYTES:
            told.append(
                f"the disks' use rose by {self.peak_disk_bytes / GIGABYTE:.1f} GB, and may rise by "
                f"{DISK_BYTES / GIGABYTE:.0f} GB"
            )
        return tuple(told)


def as_data(report: TrialReport) -> dict[str, Any]:
    """The report as JSON types."""
    return {
        "passed": report.passed,
        "parts": [
            {
                "part": trial.name,
                "specified_mb": trial.specified_mb,
                "unpacked_bytes": trial.unpacked_bytes,
                "compressed_bytes": trial.compressed_bytes,
                "work": trial.work,
                "build_seconds": trial.build_seconds,
                "checks": [asdict(result) for result in trial.results],
                "substitutes": dict(trial.substitutes),
                "left_out": dict(trial.left_out),
            }
            for trial in report.trials
        ],
        "not_buildable": [asdict(untried) for untried in report.untried],
        "peak_disk_bytes": report.peak_disk_bytes,
        "exceeded": list(report.exceeded),
    }
