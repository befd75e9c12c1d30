"""``codeopen:cluster`` as people write it."""

from __future__ import annotations

from typing import Any

import pytest

from codeopen.environment.cluster_settings import ClusterSettings, IngressSettings, RegistryKind, RegistrySettings
from codeopen.environment.read_cluster import read_cluster_settings
from codeopen.errors import SettingsError


def test_nothing_but_defaults() -> None:
    assert read_cluster_settings({}) == ClusterSettings()


def test_nested_values_are_read() -> None:
    settings = read_cluster_settings(
        {
            "context": "staging",
            "ingress": {"domain": "dev.example.com", "responseHeaders": ["A", "B"], "annotations": {"a/b": "c"}},
            "registry": {"kind": "in-cluster", "storage": "1Ti"},
            "network": {"dnsAddresses": ["169.254.20.10"], "dnsPorts": [53, 5353]},
            "upgradeAfterHours": 24,
        }
    )
    assert settings.ingress == IngressSettings("dev.example.com", response_headers=("A", "B"), annotations={"a/b": "c"})
    assert settings.registry == RegistrySettings(RegistryKind.IN_CLUSTER, storage="1Ti")
    assert (settings.network.dns_addresses, settings.network.dns_ports) == (("169.254.20.10",), (53, 5353))
    assert (settings.context, settings.upgrade_after_hours) == ("staging", 24)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"contxt": "x"}, "codeopen:cluster.contxt: there is no such key; did you mean 'context'?"),
        ({"ingress": {}}, "codeopen:cluster.ingress.domain is missing; write it"),
        ({"ingress": "x"}, "codeopen:cluster.ingress: 'x' is no mapping; write `key: value` lines below it"),
        ({"upgradeAfterHours": "1h"}, "codeopen:cluster.upgradeAfterHours: '1h' is not a whole number; write it so"),
        ({"upgradeAfterHours": True}, "codeopen:cluster.upgradeAfterHours: True is not a whole number; write it so"),
        (
            {"registry": {"kind": "zot"}},
            "codeopen:cluster.registry.kind: 'zot' is not one of in-cluster, external, ecr, artifact-registry, acr; ",
        ),
        (
            {"network": {"dnsPorts": ["53/udp"]}},
            "codeopen:cluster.network.dnsPorts[0]: '53/udp' is not a whole number; write it so",
        ),
        (
            {"network": {"blocked": "10.0.0.0/8"}},
            "codeopen:cluster.network.blocked: '10.0.0.0/8' is no list; write one item a line",
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_to_do(values: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_cluster_settings(values)
    assert str(caught.value).startswith(text)
