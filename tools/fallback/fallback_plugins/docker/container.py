"""``docker:index/container:Container``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Event
from typing import Any, ClassVar, Final

from fallback_plugins.docker.container_config import archive_of, create_body, update_arguments
from fallback_plugins.docker.container_state import drifted_inputs, imported_inputs, outputs
from fallback_plugins.docker.container_table import CONTAINER
from fallback_plugins.docker.engine import ConflictError, Engine, ObjectMissingError, found
from fallback_plugins.docker.remote_image import pull_image
from provider.protocol.errors import InitialisationError, PluginError
from provider.protocol.properties import Property
from provider.protocol.resource import Change, Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties

HEALTH_POLL_SECONDS: Final = 0.25
WAIT_SECONDS: Final = 60
"""The official default of ``waitTimeout``."""


class Container(ResourceType):
    """A container; its id is the Engine's, so one made by hand under the same name counts as another."""

    token: ClassVar[str] = "docker:index/container:Container"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = CONTAINER
    computed: ClassVar[tuple[str, ...]] = ("networkDatas",)
    named: ClassVar[bool] = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def deletes_before_replacing(self, olds: Properties, news: Properties) -> bool:  # noqa: ARG002
        """Always, as the official plugin does: ports and volumes clash even where names don't."""
        return True

    def preview(self, inputs: Properties) -> Properties:
        return {"hostname": UNKNOWN, **super().preview(inputs)}

    def create(self, inputs: Properties, cancelled: Event) -> Stored:
        uploads = archive_of(inputs["uploads"]) if inputs.get("uploads") else b""
        identifier = self._create(inputs)
        try:
            self._attach(identifier, inputs)
            if uploads:
                with self._engine.calling(f"upload files to the container {inputs['name']}") as client:
                    client.put_archive(identifier, "/", uploads)
            if inputs.get("start") is not False:
                self._start(identifier, inputs)
        except PluginError as error:
            self._undo(identifier, inputs, error)
            raise
        self._wait_until_healthy(identifier, inputs, cancelled)
        return Stored(identifier, outputs(self._inspect(identifier), inputs))

    def _create(self, inputs: Properties) -> str:
        name, image = str(inputs["name"]), str(inputs["image"])
        body = create_body(inputs)
        try:
            try:
                return self._post_create(name, body)
            except ObjectMissingError:
                if image.startswith("sha256:"):
                    raise
                pull_image(self._engine, image)
                return self._post_create(name, body)
        except ConflictError as error:
            raise PluginError(
                f"{error}; remove it (docker rm -f {name}) or take it over (pulumi import {self.token} NAME {name})"
            ) from error

    def _post_create(self, name: str, body: Mapping[str, Any]) -> str:
        with self._engine.calling(f"create the container {name}") as client:
            return str(client.create_container_from_config(dict(body), name)["Id"])

    def _attach(self, identifier: str, inputs: Properties) -> None:
        """Attach to the networks asked for, in the place of the default one."""
        networks = inputs.get("networksAdvanced") or []
        if networks and (inputs.get("networkMode") or "bridge") == "bridge":
            with self._engine.calling(f"detach the container {inputs['name']} from the default network") as client:
                client.disconnect_container_from_network(identifier, "bridge")
        for network in networks:
            with self._engine.calling(f"attach {inputs['name']} to the network {network['name']}") as client:
                client.connect_container_to_network(
                    identifier,
                    network["name"],
                    ipv4_address=network.get("ipv4Address"),
                    aliases=network.get("aliases"),
                )

    def _start(self, identifier: str, inputs: Properties) -> None:
        with self._engine.calling(f"start the container {inputs['name']}") as client:
            client.start(identifier)

    def _undo(self, identifier: str, inputs: Properties, cause: PluginError) -> None:
        """Remove a container that never ran; where even that fails, keep it in the state so that it isn't lost."""
        try:
            self.delete(identifier, {"name": inputs["name"]})
        except PluginError as error:
            raise InitialisationError(f"{cause}; and removing it again failed: {error}", identifier, inputs) from cause

    def _wait_until_healthy(self, identifier: str, inputs: Properties, cancelled: Event) -> None:
        """Wait as ``wait`` and ``waitTimeout`` say. An unhealthy container is kept, so that its logs can be read."""
        if not inputs.get("wait") or inputs.get("start") is False:
            return
        seconds = inputs.get("waitTimeout") or WAIT_SECONDS
        deadline = time.monotonic() + seconds
        while True:
            inspected = self._inspect(identifier)
            problem = _health_problem(inspected)
            if problem == "":
                return
            if problem is None:
                if time.monotonic() < deadline and not cancelled.wait(HEALTH_POLL_SECONDS):
                    continue
                problem = "waiting was cancelled" if cancelled.is_set() else f"not healthy within {seconds} s"
                problem += _last_probe(inspected)
            text = f"the container {inputs['name']}: {problem}; see: docker logs {inputs['name']}"
            raise InitialisationError(text, identifier, outputs(inspected, inputs))

    def _inspect(self, identifier: str) -> Any:
        with self._engine.calling(f"look up the container {identifier}") as client:
            return client.inspect_container(identifier)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:  # noqa: ARG002
        inspected = found(lambda: self._inspect(identifier))
        if inspected is None:
            return None
        if inputs:
            actual = drifted_inputs(inspected, inputs)
        else:
            with self._engine.calling(f"look up the image of the container {identifier}") as client:
                actual = imported_inputs(inspected, client.inspect_image(inspected["Image"]))
        return Observed(inspected["Id"], actual, _outputs(inspected, actual))

    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        inputs = change.new
        arguments = update_arguments(inputs)
        if arguments != update_arguments(change.old):
            with self._engine.calling(f"update the container {inputs['name']}") as client:
                client.update_container(change.identifier, **arguments)
        wanted_running = inputs.get("start") is not False and inputs.get("mustRun") is not False
        if wanted_running and not self._inspect(change.identifier)["State"]["Running"]:
            self._start(change.identifier, inputs)
        self._wait_until_healthy(change.identifier, inputs, cancelled)
        return _outputs(self._inspect(change.identifier), inputs)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Stop within ``destroyGraceSeconds``, at once without it, and remove with anonymous volumes."""
        name = outputs.get("name", identifier)
        try:
            with self._engine.calling(f"stop the container {name}") as client:
                client.stop(identifier, timeout=outputs.get("destroyGraceSeconds") or 0)
            with self._engine.calling(f"remove the container {name}") as client:
                client.remove_container(identifier, v=outputs.get("removeVolumes") is not False, force=True)
        except ObjectMissingError:
            return
        except ConflictError as error:
            if "already in progress" not in str(error):
                raise


_outputs = outputs


def _health_problem(inspected: Any) -> str | None:
    """Empty when healthy, ``None`` while it may still become so, else what is wrong for good."""
    state = inspected["State"]
    health = state.get("Health")
    if not health or health["Status"] == "none":
        return "wait is set, but it has no health check; add healthcheck or remove wait"
    if health["Status"] == "healthy":
        return ""
    restarts = (inspected["HostConfig"]["RestartPolicy"]["Name"] or "no") != "no"
    if not state["Running"] and not restarts:
        return f"it exited with code {state['ExitCode']} before it was healthy"
    return None


def _last_probe(inspected: Any) -> str:
    probes = (inspected["State"].get("Health") or {}).get("Log") or []
    return f" (last check: {probes[-1]['Output'].strip()[:200]})" if probes else ""
