"""The application: routes, errors, and what is around them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from codeopen.service.api.bodies import ProblemAnswer
from codeopen.service.api.problems import MEDIA_TYPE, add_problems
from codeopen.service.api.routes import catalog, events, health, projects, quotes
from codeopen.service.api.service import Service
from codeopen.service.api.wrapping import Wrapping

_ROUTERS: Final = (catalog.ROUTER, quotes.ROUTER, projects.ROUTER, events.ROUTER, health.ROUTER)
_PROBLEM: Final[dict[str, Any]] = {
    "description": "Problem details (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}},
}


def create_app(service: Service) -> FastAPI:
    """The HTTP application of a service. Nothing else has to be set up to serve it."""
    app = FastAPI(
        title="CodeOpen Containers",
        version=service.release.version,
        docs_url=None,
        redoc_url=None,
        responses={"default": _PROBLEM},
        separate_input_output_schemas=False,
    )
    app.state.service = service
    for router in _ROUTERS:
        app.include_router(router)
    add_problems(app)
    app.add_middleware(Wrapping, service=service)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """The document: problems in the place of FastAPI's own error, and tokens."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["ProblemAnswer"] = problem
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            operation["security"] = [] if path in {"/healthz", "/readyz"} else [{"token": []}]
    app.openapi_schema = document
