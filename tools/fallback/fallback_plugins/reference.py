"""The reference pages of the plugins, made from the tables that the plugins themselves work by."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Final

from fallback_plugins.docker.engine import Engine
from fallback_plugins.docker.plugin import SETTINGS, VERSION
from fallback_plugins.docker.plugin import resource_types as docker_types
from fallback_plugins.kubernetes.plugin import SETTINGS as KUBERNETES_SETTINGS
from fallback_plugins.kubernetes.plugin import VERSION as KUBERNETES_VERSION
from provider.plugin import resource_types as own_types
from provider.protocol.properties import Kind, Property
from provider.protocol.resource import ResourceType

FALLBACK: Final = f"""\
# Fallback plugins

The project's own provider has [another page](provider.md).

The official Pulumi plugins come first. Where the official `docker` and `kubernetes` providers can't be downloaded,
set-up installs a fallback for each under its name and version ({VERSION}, {KUBERNETES_VERSION}). They act on the real
Docker Engine and the real Kubernetes API, and say in one warning a run that they stand in. What a fallback doesn't know
is refused before something is changed.

## `docker`: what differs from the official plugin

- **Types**: only those below. Functions (`docker.get_network`, …) are refused. There is no schema, so
  `pulumi import` needs `--generate-code=false`.
- **Configuration**: only {", ".join(f"`docker:{name}`" for name in SETTINGS)}. No credentials for registries, no
  certificates, no contexts. The Engine is reached when something is created, read, changed or deleted: a preview
  without a refresh works while it is down, where the official plugin fails.
- **Names that are taken** are refused with what to do, for volumes too.
- **A container that fails to start** is removed again; one that isn't healthy in time stays in the state, marked as
  failed, and the next `up` waits for it again. The official plugin keeps both.
- **Replacing** a network, volume or container that keeps its name deletes the old one first, as the official plugin
  does. A replaced image is removed first too, unless `keepLocally` is set.
- **Refresh** looks at what can change in an object that keeps its id: a container's name, limits, restart policy,
  networks and whether it runs; a volume's driver, options and labels. Objects that are gone show as deleted.
- **Durations** come back from a refresh as Go prints them, as from the official plugin: `60s` then differs from `1m0s`.
  Here and there that is recorded in place.
- **Outputs** are the inputs, those listed, and a container's `hostname`. Others of the official plugin are absent.
- **Wait**: a container that exits before it is healthy fails at once, not after `waitTimeout`.

A change of a property marked *update* happens in place; *replace* makes a new object. Sizes (`memory`, `shmSize`, …)
are in MiB, as in the official plugin. Fields of an object are named in brackets.
"""

KUBERNETES: Final = """\
## `kubernetes`: what differs from the official plugin

As there: an object is created with a POST, which fails where it exists; changed by server-side apply under one field
manager, so that what the program no longer says goes away; a CustomResourceDefinition is put whole. The same fields
need another object, with the old one deleted first. **A Secret's and a ConfigMap's content is among them** unless the
provider has `enableSecretMutable`, `enableConfigMapMutable`. Deletion is in the foreground, and waited for ten minutes
(`pulumi.com/deletionPropagationPolicy`, `pulumi.com/timeoutSeconds`; `pulumi.com/skipAwait` with the same kinds). A
Secret's `stringData` becomes `data`. The state has the official plugin's form, and either's is read; that the official
plugin goes on from the fallback's was not tried.

- **Types**: every type of a single object, custom resources too. `kubernetes:helm.sh…`, `kubernetes:kustomize…`,
  `kubernetes:yaml…`, and Kubernetes' own `…Patch` and `…List` types are refused, and functions. There is no schema, so
  `pulumi import` needs `--generate-code=false`.
- **Names**: `metadata.name` is required; none is made up, and `generateName` isn't taken.
- **Awaits**: none but for deletion. `pulumi.com/waitFor`, `pulumi.com/replaceUnready` and `customTimeouts` have no
  effect.
- **Previews** never ask the cluster (the official plugin makes a dry run where it can be reached); a preview with
  `--refresh` does. Drift shows after a refresh.
- **Unknown fields** are refused by the API server, with their names; the official plugin drops them with a warning.
- **After a kill** between an object's creation and its record in the state, the next run takes up the object that the
  same resource of the same stack made, known by the annotation `codeopen.dev/created-by` that an object has until its
  first update. The official plugin stops there: import the object then.
- **Retries**: 429 (as long as the server asks), 500, 502, 503, 504, refused and broken connections and time-outs are
  retried for four minutes an operation. The official plugin gives up at once where no API server answers.
- **Kubeconfig**: content, a path, or the files of `KUBECONFIG`; certificates, tokens, token files and credential
  plugins (`exec`). A proxy, impersonation, basic authentication and the old `auth-provider` are refused, and there is
  no in-cluster configuration.
- **Outputs** are the live object, without `metadata.managedFields`. Whole copies of inputs in the state are encrypted.
- `pulumi.com/patchForce` is honoured; `pulumi.com/patchFieldManager` is not.
"""

OWN: Final = """\
# The provider `codeopen`

The project's own provider does what no other does. It is found through `plugins.providers` in `Pulumi.yaml` and runs
with the checkout's virtual environment, so it is never installed. It has no configuration, no functions and no schema;
only a `ProcessLimit` can be imported.

Credentials for registries come from Docker's configuration and credential helpers (`docker login`). Images may be OCI
or Docker manifests, or indexes of several platforms, whose labels are those of the first platform. Manifests are sent
back byte for byte.

A change of a property marked *update* happens in place, *replace* makes a new object, and *none* is no change.
"""


def pages() -> dict[str, str]:
    """The pages as Markdown, by their file names in docs/reference."""
    fallback = [*(_type_section(resource_type) for resource_type in docker_types(Engine())), KUBERNETES]
    fallback += [_settings_section("kubernetes", KUBERNETES_SETTINGS)]
    own = [_type_section(resource_type, inspect.getdoc(resource_type) or "") for resource_type in own_types(_silent)]
    return {"fallback-plugins.md": "\n".join([FALLBACK, *fallback]), "provider.md": "\n".join([OWN, *own])}


def _silent(message: str) -> None:
    """Nothing is previewed here, so nobody is warned."""


def _type_section(resource_type: ResourceType, description: str = "") -> str:
    outputs = ", ".join(f"`{name}`" for name in resource_type.computed)
    lines = [
        f"### `{resource_type.token}`",
        "",
        *([description.replace("``", "`"), ""] if description else []),
        *([f"Outputs besides the inputs: {outputs}.", ""] if outputs else []),
        "| Property | Type | Change | Default | Notes |",
        "|---|---|---|---|---|",
        *(_row(name, prop, resource_type) for name, prop in resource_type.table.items()),
    ]
    return "\n".join(lines) + "\n"


def _settings_section(plugin: str, settings: Mapping[str, Property]) -> str:
    lines = [
        f"### Configuration of `{plugin}`",
        "",
        "| Setting | Notes |",
        "|---|---|",
        *(
            f"| `{name}` | {'; '.join(filter(None, [_choices(prop), prop.differs]))} |"
            for name, prop in settings.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, prop: Property, resource_type: ResourceType) -> str:
    presence = "made up when absent" if resource_type.named and name == "name" else "required" if prop.required else ""
    notes = "; ".join(filter(None, [presence, _choices(prop), prop.differs]))
    default = "" if prop.default is None else f"`{_spelled(prop)}`"
    return f"| `{name}` | {prop.kind.value}{_fields(prop.fields)} | {_change(prop)} | {default} | {notes} |"


def _change(prop: Property) -> str:
    return prop.change.value if prop.compared else "none"


def _choices(prop: Property) -> str:
    return "one of " + ", ".join(f"`{choice}`" for choice in prop.allowed) if prop.allowed else ""


def _spelled(prop: Property) -> str:
    return str(prop.default).lower() if prop.kind is Kind.BOOLEAN else str(prop.default)


def _fields(fields: Mapping[str, Property]) -> str:
    return f" ({', '.join(f'`{name}`' for name in fields)})" if fields else ""
