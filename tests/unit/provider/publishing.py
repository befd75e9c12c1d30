"""The provider's protocol for the two types that publish, and images in a stand-in for a registry."""

from __future__ import annotations

from pulumi.runtime.proto import provider_pb2

from provider.plugin import build_provider
from provider.protocol.values import Properties, from_struct, to_struct
from tests.unit.provider.context import FakeContext
from tests.unit.provider.fake_registry import MANIFEST_TYPE, FakeRegistry

PLAN, OTHER_PLAN = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
PLAN_TAG, OTHER_TAG = "plan-" + "ab" * 16, "plan-" + "cd" * 16
LABEL = "dev.codeopen.plan-digest"
ABSENT = "sha256:" + "0" * 64


class Protocol:
    """What the engine would do with one type; warnings land in ``warnings``."""

    def __init__(self, kind: str) -> None:
        self.urn = f"urn:pulumi:dev::codeopen::codeopen:index:{kind}::it"
        self.warnings: list[str] = []
        self._provider = build_provider(self.warnings.append)

    def check(self, inputs: Properties) -> list[str]:
        response = self._provider.Check(provider_pb2.CheckRequest(urn=self.urn, news=to_struct(inputs)), FakeContext())
        return [failure.property for failure in response.failures]

    def create(self, inputs: Properties, *, preview: bool = False) -> Properties:
        request = provider_pb2.CreateRequest(urn=self.urn, properties=to_struct(inputs), preview=preview)
        return from_struct(self._provider.Create(request, FakeContext()).properties)

    def replaces(self, olds: Properties, news: Properties) -> list[str]:
        request = provider_pb2.DiffRequest(urn=self.urn, old_inputs=to_struct(olds), news=to_struct(news))
        response = self._provider.Diff(request, FakeContext())
        assert list(response.diffs) == list(response.replaces)
        assert not response.deleteBeforeReplace
        return list(response.replaces)

    def is_there(self, inputs: Properties, outputs: Properties) -> bool:
        request = provider_pb2.ReadRequest(
            urn=self.urn, id="id", inputs=to_struct(inputs), properties=to_struct(outputs)
        )
        response = self._provider.Read(request, FakeContext())
        assert not response.id or from_struct(response.properties) == outputs
        return bool(response.id)

    def delete(self, outputs: Properties) -> None:
        self._provider.Delete(
            provider_pb2.DeleteRequest(urn=self.urn, id="id", properties=to_struct(outputs)), FakeContext()
        )


def repository(registry: FakeRegistry) -> str:
    return f"{registry.host}/codeopen/codeopen-js"


def inputs(registry: FakeRegistry, digest: str | None = None, **changed: str) -> Properties:
    given = {"repository": repository(registry), "planDigest": PLAN, "version": "0.0.2", "insecure": True, **changed}
    return given if digest is None else {**given, "digest": digest}


def image(registry: FakeRegistry, name: str, plan: str = PLAN, media_type: str = MANIFEST_TYPE) -> str:
    return registry.add_image(name, {LABEL: plan}, media_type)
