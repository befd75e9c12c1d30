"""The SDKs of clouds, which are not installed unless a stack asks for them."""

from __future__ import annotations

import importlib
from typing import Any

from codeopen.errors import CloudSdkError


def import_sdk(package: str, extra: str) -> Any:
    """A cloud's SDK, e.g. ``pulumi_gcp``. Raises CloudSdkError where it isn't installed."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise CloudSdkError(
            f"resources of {extra} need the package {package}, which is not installed; run "
            f"`pip install 'codeopen-containers[{extra}]'`"
        ) from None
