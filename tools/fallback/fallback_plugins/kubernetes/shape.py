"""What an object looks like in the state: inputs in one spelling, and live objects reduced to what was asked for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from provider.kubernetes.quantity import number
from provider.protocol.values import UNKNOWN, Properties, Value

DASHED: Final = {
    f"x_kubernetes_{name.replace('-', '_')}": f"x-kubernetes-{name}"
    for name in (
        *("embedded-resource", "int-or-string", "list-map-keys", "list-type", "map-type"),
        *("preserve-unknown-fields", "validations"),
    )
}
"""Fields of a CustomResourceDefinition that the SDK spells with underscores."""

UNDERSCORED: Final = {dashed: name for name, dashed in DASHED.items()}

SERVER_METADATA: Final = frozenset(
    {
        *("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields"),
        *("resourceVersion", "selfLink", "uid"),
    }
)
QUANTITIES: Final = frozenset(
    {
        *("requests", "limits", "hard", "capacity", "allocatable", "overhead", "podFixed", "sizeLimit", "divisor"),
        *("default", "defaultRequest", "max", "min", "maxLimitRequestRatio"),
    }
)
"""Fields whose values the server may spell otherwise: 1000m becomes 1."""


def normalized(inputs: Properties) -> Properties:
    """The inputs as the state keeps them: what only the server sets left out, and a Secret's texts as ``data``."""
    metadata = inputs.get("metadata")
    if isinstance(metadata, Mapping):
        metadata = {name: value for name, value in metadata.items() if name not in SERVER_METADATA}
        inputs = {**inputs, "metadata": metadata}
    if inputs.get("kind") == "CustomResourceDefinition":
        inputs = {name: value for name, value in inputs.items() if name != "status"}
    if inputs.get("kind") == "Secret" and inputs.get("apiVersion") == "v1":
        return _secret(inputs)
    return inputs


def _secret(inputs: Properties) -> Properties:
    """The server answers with ``data`` only: texts would look like a change for ever."""
    texts, data = inputs.get("stringData"), inputs.get("data")
    if texts is UNKNOWN or data is UNKNOWN:
        return inputs
    encoded = {name: _spelled_once(value) for name, value in (data or {}).items()}
    for name, text in (texts or {}).items():
        encoded[name] = text if text is UNKNOWN else base64.b64encode(str(text).encode()).decode()
    rest = {name: value for name, value in inputs.items() if name not in {"stringData", "data"}}
    return {**rest, "data": encoded} if texts is not None or data is not None else rest


def _spelled_once(value: Value) -> Value:
    try:
        return base64.b64encode(base64.b64decode(value, validate=False)).decode()
    except (TypeError, binascii.Error):
        return value


def renamed(value: Value, names: Mapping[str, str]) -> Value:
    """The same value with these keys renamed, however deep."""
    if isinstance(value, Mapping):
        return {names.get(key, key): renamed(item, names) for key, item in value.items()}
    return [renamed(item, names) for item in value] if isinstance(value, list) else value


def pruned(live: Value, inputs: Value, *, quantity: bool = False) -> Value:
    """The live value, reduced to the fields that the inputs have; a value that means the same keeps its spelling."""
    if isinstance(live, Mapping) and isinstance(inputs, Mapping):
        kept = {
            name: pruned(live[name], value, quantity=quantity or name in QUANTITIES)
            for name, value in inputs.items()
            if name in live
        }
        # The server drops what is empty, and means the same by it.
        return {**{name: value for name, value in inputs.items() if name not in live and not value}, **kept}
    if isinstance(live, list) and isinstance(inputs, list):
        return [pruned(item, asked, quantity=quantity) for item, asked in zip(live, inputs, strict=False)]
    return inputs if quantity and number(live) == number(inputs) is not None else live


def overlaid(live: Value, old: Value, new: Value) -> Value:
    """What a live value will be once the new inputs took the old ones' place, as far as one can tell beforehand."""
    if not (isinstance(live, Mapping) and isinstance(new, Mapping)):
        return new
    was: Mapping[str, Any] = old if isinstance(old, Mapping) else {}
    rest = {name: value for name, value in live.items() if name not in new and name not in was}
    return {**rest, **{name: overlaid(live.get(name), was.get(name), value) for name, value in new.items()}}


def without(value: Mapping[str, Any], drop: Callable[[str], bool]) -> Properties:
    """A copy without the keys that ``drop`` names."""
    return {name: item for name, item in value.items() if not drop(name)}
