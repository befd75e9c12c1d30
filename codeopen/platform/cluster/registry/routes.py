"""The ways to an in-cluster registry: its Service, and the Ingress by which nodes reach it."""

from __future__ import annotations

from typing import Any, Final

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.platform.cluster.objects import SKIP_AWAIT, Object, make_object
from codeopen.platform.cluster.pods import component_labels, selector

_NAME: Final = "registry"
_TRAEFIK: Final = "traefik"
_NGINX: Final = {
    "nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
    "nginx.ingress.kubernetes.io/proxy-body-size": "0",
    "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
    "nginx.ingress.kubernetes.io/proxy-read-timeout": "900",
}


def registry_routes(settings: ClusterSettings) -> tuple[Object, ...]:
    """A Service on port 443, and an Ingress for the registry's host where there is a class for it."""
    registry = settings.registry
    traefik = registry.ingress_class == _TRAEFIK
    annotations = dict(SKIP_AWAIT)
    if traefik:
        annotations |= {
            "traefik.ingress.kubernetes.io/service.serversscheme": "https",
            "traefik.ingress.kubernetes.io/service.serverstransport": f"{settings.namespace}-{_NAME}@kubernetescrd",
        }
    spec: dict[str, Any] = {
        "type": "LoadBalancer" if registry.load_balancer else "ClusterIP",
        "selector": selector(_NAME),
        "ports": [{"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"}],
    }
    service = _make("v1", "Service", {"spec": spec}, settings, annotations)
    if not registry.ingress_class:
        return (service,)
    transport = (_servers_transport(settings),) if traefik else ()
    return (service, *transport, _ingress(settings))


def _servers_transport(settings: ClusterSettings) -> Object:
    """Traefik checks the registry's own certificate, which is the host's, as any client does."""
    spec: dict[str, Any] = {"serverName": settings.registry.host.partition(":")[0]}
    if settings.registry.ca_secret:
        spec["rootCAs"] = [{"secret": settings.registry.ca_secret}]
    return _make("traefik.io/v1alpha1", "ServersTransport", {"spec": spec}, settings, None)


def _ingress(settings: ClusterSettings) -> Object:
    registry = settings.registry
    host = registry.host.partition(":")[0]
    backend = {"service": {"name": _NAME, "port": {"name": "https"}}}
    spec = {
        "ingressClassName": registry.ingress_class,
        "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        "tls": [{"hosts": [host], "secretName": registry.tls_secret or "registry-tls"}],
    }
    if registry.ingress_class == _TRAEFIK:
        ways = {"traefik.ingress.kubernetes.io/router.tls": "true"}
    else:
        ways = _NGINX if registry.ingress_class == "nginx" else {}
    return _make("networking.k8s.io/v1", "Ingress", {"spec": spec}, settings, {**SKIP_AWAIT, **ways})


def _make(
    api_version: str, kind: str, body: dict[str, Any], settings: ClusterSettings, annotations: dict[str, str] | None
) -> Object:
    return make_object(
        api_version,
        kind,
        _NAME,
        body,
        namespace=settings.namespace,
        labels=component_labels(_NAME),
        annotations=annotations,
    )
