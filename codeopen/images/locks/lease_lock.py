"""Locks between hosts: Lease objects of a Kubernetes cluster, each written whole and only in place of what was read.

Who waits for a lock reads it, and shares its reads with the others of its process; what the holder does is in
``lease_held``.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from codeopen.images.locks.key_files import clock_name, now
from codeopen.images.locks.lease_api import PAUSES, LeaseApi
from codeopen.images.locks.lease_held import HeldLease
from codeopen.images.locks.lease_reads import Reads, View
from codeopen.images.locks.lease_state import Failed, Holder, State, write_lease
from codeopen.images.locks.lock import (
    FORGOTTEN_AFTER_SECONDS,
    Failure,
    Lease,
    LockError,
    Process,
    Progress,
    Timing,
    key_digest,
)

# Shorter than that of other locks: who waits sees the last renewal up to a second late, and its end another one.
LEASE_TIMING: Final = Timing(lease_seconds=10)

_SWEEP_ONE_IN: Final = 50


class LeaseLocks:
    """Locks in a namespace of a cluster, which ``kubeconfig`` chooses: a file, else the ambient one."""

    def __init__(
        self,
        namespace: str,
        timing: Timing = LEASE_TIMING,
        pauses: Sequence[float] = PAUSES,
        kubeconfig: str = "",
    ) -> None:
        self._api = LeaseApi(namespace, kubeconfig, pauses)
        self._reads = Reads(self._api)
        self._timing = timing

    def try_acquire(self, key: str) -> Lease | None:
        """A lease; ``None`` where somebody alive holds it, or its last failure's back-off lasts. Raises LockError.

        A holder that isn't known to be dead is over when this finds no renewal for its lease: who wants the lock asks
        more often than twice a lease.
        """
        step, name = "taking the lock", _name(key)
        view = self._reads.read(step, name)
        found = view.found
        if not self._may_take(view):
            return None
        if secrets.randbelow(_SWEEP_ONE_IN) == 0:
            with suppress(LockError):  # another one does it
                self.sweep()
        old = found.state if found else State()
        holder = Holder(secrets.token_hex(8), Process.current(), self._timing.lease_seconds, os.uname().nodename)
        # The wall clock only makes tokens grow where the old object is gone.
        token = max(old.token, time.time_ns() // 1_000_000) + 1
        manifest = write_lease(
            name,
            key,
            replace(old, token=token, holder=holder),
            found.packed if found else "",
            found.version if found else None,
        )
        sent = now()
        taken = self._api.write(step, manifest) or self._api.read(step, name)
        if taken is None or taken.owner != holder.owner:
            return None
        return HeldLease(self._api, taken, self._timing, key, sent)

    def follow(self, key: str, after: int) -> Sequence[Progress]:
        """The events with numbers above ``after`` in order: those of the last EVENTS_KEPT that fit into the object.

        Raises LockError.
        """
        found = self._reads.read("reading the events", _name(key)).found
        return [progress for progress in found.events if progress.number > after] if found else []

    def failure(self, key: str) -> Failure | None:
        """The last failure, while its back-off lasts. Raises LockError."""
        found = self._reads.read("reading the last failure", _name(key)).found
        failed = found.state.failed if found else None
        left = self._backoff_left(failed)
        return Failure(failed.message, failed.attempts, left) if failed and left > 0 else None

    def sweep(self) -> None:
        """Remove the objects of keys with which nothing happened for a day. Raises LockError."""
        step = "removing old locks"
        for found in self._api.list(step):
            if self._api.server_now() - found.renewed_at > FORGOTTEN_AFTER_SECONDS:
                self._api.delete(step, found)

    def _may_take(self, view: View) -> bool:
        state = view.found.state if view.found else State()
        if self._backoff_left(state.failed) > 0:
            return False
        holder = state.holder
        if holder is None or holder.process.is_gone():
            return True
        # On its own host one that was stopped while it writes names is seen, and waited for.
        alive = holder.process.host and holder.process.host == Process.current().host
        return view.unchanged >= holder.lease and not (holder.guarding and alive)

    def _backoff_left(self, failed: Failed | None) -> float:
        if failed is None:
            return 0.0
        if failed.clock == clock_name():
            return failed.clock_until - now()
        return min(failed.until - self._api.server_now(), failed.backoff)


def _name(key: str) -> str:
    return f"codeopen-build-{key_digest(key)}"
