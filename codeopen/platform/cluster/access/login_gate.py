"""The gate before all projects: what asks about each request, and the certificate that all their hosts have.

An Ingress finds Secrets in its own namespace only, and no project is given the key of a certificate for all hosts. So
project Ingresses name no Secret, and the controller has a default certificate: Traefik by the one ``TLSStore`` that is
called ``default``, nginx by its own flag. Sources: docs of Traefik, "TLSStore"; ingress-nginx, "Default SSL
Certificate", "External Authentication".
"""

from __future__ import annotations

from typing import Final

from codeopen.environment.cluster_settings import ClusterSettings, IngressSettings
from codeopen.errors import SettingsError
from codeopen.platform.cluster.objects import Object, make_object
from codeopen.platform.cluster.pods import component_labels

FORWARD_AUTH: Final = "forward-auth"
TRAEFIK: Final = "traefik"
NGINX: Final = "nginx"
_LABELS: Final = component_labels("platform")
_IDLE_SECONDS: Final = "3600"  # a WebSocket on which nobody says a word stays open for so long; nginx's default is 60


def gate_objects(settings: ClusterSettings) -> tuple[Object, ...]:
    """What the platform declares for the gate. Raises SettingsError where nothing would ask about requests."""
    ingress = settings.ingress
    if ingress is None:
        return ()
    _check(ingress)
    if ingress.class_name != TRAEFIK:
        return ()
    return (
        *((_middleware(settings, ingress),) if ingress.forward_auth else ()),
        *((_tls_store(settings, ingress.tls_secret),) if ingress.tls_secret else ()),
    )


def gate_annotations(settings: ClusterSettings, ingress: IngressSettings) -> dict[str, str]:
    """What a project's Ingress says to its controller; the settings' own annotations count more.

    Raises SettingsError where nothing would ask about requests.
    """
    _check(ingress)
    found: dict[str, str] = {}
    if ingress.class_name == TRAEFIK:
        if ingress.tls_secret:
            found["traefik.ingress.kubernetes.io/router.tls"] = "true"
        if ingress.forward_auth:
            middleware = f"{settings.namespace}-{FORWARD_AUTH}@kubernetescrd"
            found["traefik.ingress.kubernetes.io/router.middlewares"] = middleware
    elif ingress.class_name == NGINX:
        found |= {f"nginx.ingress.kubernetes.io/proxy-{way}-timeout": _IDLE_SECONDS for way in ("read", "send")}
        if ingress.forward_auth:
            found["nginx.ingress.kubernetes.io/auth-url"] = ingress.forward_auth
            if ingress.response_headers:
                found["nginx.ingress.kubernetes.io/auth-response-headers"] = ",".join(ingress.response_headers)
    return {**found, **ingress.annotations}


def _check(ingress: IngressSettings) -> None:
    """A controller that doesn't know the gate would let everybody in, and say nothing."""
    if ingress.forward_auth and ingress.class_name not in {TRAEFIK, NGINX} and not ingress.annotations:
        raise SettingsError(
            f"codeopen:cluster.ingress.forwardAuth: how the class {ingress.class_name!r} asks it is not known, so that "
            "everybody would be let in; write the annotations of its controller for that as "
            f"codeopen:cluster.ingress.annotations, or take the class {TRAEFIK} or {NGINX}"
        )


def _middleware(settings: ClusterSettings, ingress: IngressSettings) -> Object:
    """What every request passes before it reaches a project. What the client itself says of its origin counts not."""
    forward = {
        "address": ingress.forward_auth,
        "trustForwardHeader": False,
        "authResponseHeaders": list(ingress.response_headers),
    }
    body = {"spec": {"forwardAuth": forward}}
    return make_object(
        "traefik.io/v1alpha1", "Middleware", FORWARD_AUTH, body, namespace=settings.namespace, labels=_LABELS
    )


def _tls_store(settings: ClusterSettings, secret: str) -> Object:
    """The certificate of every host that names none. Traefik takes the Secret from the store's own namespace."""
    body = {"spec": {"defaultCertificate": {"secretName": secret}}}
    # Traefik reads no other name, and where two namespaces have one of this name, neither.
    return make_object("traefik.io/v1alpha1", "TLSStore", "default", body, namespace=settings.namespace, labels=_LABELS)
