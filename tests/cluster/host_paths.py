"""Volumes of a test's cluster: Kubernetes' own provisioner for trials gives each claim a folder below /tmp.

It binds a claim when its first pod is scheduled, as a cloud's disks do; kwok mounts nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/host-path",
    "volumeBindingMode": "WaitForFirstConsumer",
    "reclaimPolicy": "Delete",
    "allowVolumeExpansion": True,
}
# The provisioner knows no other place.
FOLDER = Path("/tmp/hostpath_pv")


def remove_host_paths(volumes: Iterable[Mapping[str, Any]]) -> None:
    """Delete the folders of these PersistentVolumes: nobody does once their cluster is gone."""
    for volume in volumes:
        path = Path(volume["spec"].get("hostPath", {}).get("path", "/"))
        if path.parent == FOLDER:
            shutil.rmtree(path, ignore_errors=True)
