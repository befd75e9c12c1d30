"""What a PersistentVolumeClaim asks for on its cluster, which may be less than a state says: the server may refuse."""

from __future__ import annotations

import math
import time
from http import HTTPStatus
from threading import Event
from typing import Final

from provider.kubernetes.api import Api, ApiError, Request, Task
from provider.kubernetes.kubeconfig import Choice
from provider.kubernetes.quantity import number
from provider.protocol.errors import PluginError

SECONDS: Final = 30.0
GIGABYTE: Final = 10**9


def claimed_gigabytes(claim: str, choice: Choice, cancelled: Event) -> int:
    """The size of the claim ``NAMESPACE/NAME``, 0 where there is none. Raises PluginError where that can't be told."""
    namespace, _, name = claim.partition("/")
    api = Api()
    api.configure(choice)
    task = Task(f"read PersistentVolumeClaim {claim}", cancelled, time.monotonic() + SECONDS)
    try:
        live = api.send(task, Request("GET", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}"))
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return 0
        raise
    size = number(live["spec"]["resources"]["requests"]["storage"])
    if size is None:
        raise PluginError(f"can't {task.what}: the API server tells no size that can be read")
    return math.ceil(size / GIGABYTE)
