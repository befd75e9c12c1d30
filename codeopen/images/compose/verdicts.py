"""Verdicts of the gate, kept by the digests that they are about: the same two images are judged once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Final

from codeopen.images.compose.gate import Finding, Pair, judge
from codeopen.images.compose.part_index import PartIndex
from codeopen.images.compose.storage import read_file, write_file

# Verdicts of other rules don't count: it goes up with every change of the gate or of a merge rule.
RULES_VERSION: Final = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of two units on one base, by their names: composed if there are no findings.

    ``proved`` where the two were composed and chained, and both images compared file by file.
    """

    one: str
    other: str
    findings: tuple[Finding, ...]
    proved: bool = False

    @property
    def composed(self) -> bool:
        return not self.findings


class Verdicts:
    """The gate with a memory: in this process, and in a folder that may go at any time."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[tuple[str, str, str], tuple[Finding, ...]] = {}
        self._lock = Lock()

    def of(self, base: PartIndex, one: PartIndex, other: PartIndex) -> Verdict:
        """The verdict on two images on a base. Raises ComposeError where the folder can't be used."""
        key = (base.digest, one.digest, other.digest)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = self._read_or_judge(key, Pair(base, one, other))
            with self._lock:
                self._known[key] = known
        return Verdict(one.repository, other.repository, known)

    def with_proof(self, base: PartIndex, one: PartIndex, other: PartIndex) -> Verdict:
        """As ``of``, and whether the verdict is proved on this machine."""
        proved = read_file(self._proof((base.digest, one.digest, other.digest))) is not None
        return replace(self.of(base, one, other), proved=proved)

    def prove(self, base: PartIndex, one: PartIndex, other: PartIndex) -> None:
        """Keep that the pair's composed image was compared with the chained one, and is the same."""
        write_file(self._proof((base.digest, one.digest, other.digest)), b"{}")

    def _proof(self, key: tuple[str, str, str]) -> Path:
        return self._cache / "proofs" / f"{_name(key)}.json"

    def _read_or_judge(self, key: tuple[str, str, str], pair: Pair) -> tuple[Finding, ...]:
        file = self._cache / "verdicts" / f"{_name(key)}.json"
        if (content := read_file(file)) is not None and (findings := _parse(content)) is not None:
            return findings
        findings = judge(pair)
        write_file(file, json.dumps({"findings": [asdict(finding) for finding in findings]}).encode())
        return findings


def _name(key: tuple[str, str, str]) -> str:
    return hashlib.sha256("\n".join((str(RULES_VERSION), *key)).encode()).hexdigest()


def _parse(content: bytes) -> tuple[Finding, ...] | None:
    """Findings as they were kept; a damaged file is as good as none."""
    try:
        value: Any = json.loads(content)
        return tuple(Finding(**finding) for finding in value["findings"])
    except (ValueError, KeyError, TypeError):
        return None
