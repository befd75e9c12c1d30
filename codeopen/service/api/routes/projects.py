"""Projects: made, read, changed, hibernated, woken, upgraded, rolled back and deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from codeopen.errors import RefusedError
from codeopen.model.selection.selection import Selection
from codeopen.service.api.access import Expected, IdempotencyKey, Member, Viewer, request_id
from codeopen.service.api.answers import project_answer
from codeopen.service.api.bodies import Body, ChangeBody, NewProjectBody, ProjectAnswer, ProjectPage, SecretBody, plain
from codeopen.service.api.replying import Reply, reply
from codeopen.service.api.service import Service, service_of
from codeopen.service.projects import store
from codeopen.service.projects.idempotency import Answer
from codeopen.service.projects.rows import Act, find_project, list_operations
from codeopen.service.projects.secret_values import put_secret
from codeopen.service.projects.store import Change
from codeopen.service.projects.values import (
    Chosen,
    Desired,
    NewProject,
    OperationKind,
    Project,
    ProjectFilter,
    ProjectState,
)
from codeopen.service.quote.quote import Quote, check_digest, make_quote

ROUTER: Final = APIRouter(prefix="/api/projects", tags=["projects"])
ProjectId = Annotated[str, Path(max_length=64)]
_NO_NUL: Final = r"^[^\x00]*$"  # which PostgreSQL takes in no text
SecretName = Annotated[str, Path(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]


@ROUTER.post("", operation_id="createProject", status_code=202, response_model=ProjectAnswer)
def create(request: Request, who: Member, body: NewProjectBody, key: IdempotencyKey = "") -> Response:
    """Make a project."""
    service = service_of(request)

    def work(act: Act) -> Project:
        quote = _quote(service, body.resource_tier_id, body.flavor_id, body.addon_ids)
        check_digest(quote, body.quote_digest or "")
        new = NewProject(body.name, quote.chosen, body.git_url or "", body.git_revision or "", quote.digest)
        return store.create_project(act, who.owner, new, service.settings.quota)

    return reply(Reply(service, who, key, request_id(request)), _words(request, plain(body)), _accepted(service, work))


class Listed(Body):
    """Which projects to list. ``superseded`` leaves those that run an older image than is declared."""

    owner: str = Field("", max_length=200, pattern=_NO_NUL)
    state: ProjectState | None = None
    flavor: str = Field("", max_length=63, pattern=_NO_NUL)
    addon: str = Field("", max_length=63, pattern=_NO_NUL)
    superseded: bool = False
    cursor: str = Field("", max_length=64, pattern="^[0-9a-z]*$")
    limit: int = Field(50, ge=1, le=200)


@ROUTER.get("", operation_id="listProjects", response_model=ProjectPage)
def list_all(request: Request, who: Viewer, query: Annotated[Listed, Query()]) -> ProjectPage:
    """List the projects that the token may see, in the order in which they were made."""
    service = service_of(request)
    state, cursor, limit = query.state, query.cursor, query.limit
    wanted = ProjectFilter(query.owner, state.value if state else "", query.flavor, query.addon)
    caller = who.caller(request_id(request))
    found: list[Project] = []
    with service.database.read() as connection:
        while len(found) <= limit:
            page = store.list_projects(connection, caller, wanted, cursor, limit + 1)
            found += [each for each in page if not query.superseded or _is_superseded(service, each)]
            if len(page) <= limit:
                break
            cursor = page[-1].id
        answers = [_shown(service, connection, each) for each in found[:limit]]
    return ProjectPage(items=answers, next_cursor=found[limit - 1].id if len(found) > limit else None)


@ROUTER.get("/{id}", operation_id="getProject", response_model=ProjectAnswer)
def get(request: Request, who: Viewer, id: ProjectId) -> Response:  # noqa: A002
    """Get a project; its ETag is what If-Match takes."""
    service = service_of(request)
    with service.database.read() as connection:
        project = find_project(connection, who.caller(request_id(request)), id)
        answer = _answer(service, connection, project, 200)
    return Response(answer.body, answer.status, dict(answer.headers), "application/json")


@ROUTER.patch("/{id}", operation_id="changeProject", status_code=202, response_model=ProjectAnswer)
def change(request: Request, who: Member, id: ProjectId, body: ChangeBody, expected: Expected) -> Response:  # noqa: A002
    """Change a project's name, tier, flavor or add-ons; fields that are left out stay."""
    service = service_of(request)

    def work(act: Act) -> Project:
        project = store.lock_project(act, id, expected)
        old, chosen = project.chosen, None
        if {"resource_tier_id", "flavor_id", "addon_ids"} & {name for name, value in body if value is not None}:
            addons = list(old.addons) if body.addon_ids is None else body.addon_ids
            quote = _quote(service, body.resource_tier_id or old.tier, body.flavor_id or old.flavor, addons)
            check_digest(quote, body.quote_digest or "")
            chosen = quote.chosen
        wanted = Change(chosen, body.name, body.quote_digest or "", expected)
        return store.change_project(act, id, wanted, service.settings.quota)

    return reply(Reply(service, who, "", request_id(request)), "", _accepted(service, work))


@ROUTER.delete("/{id}", operation_id="deleteProject", status_code=202, response_model=ProjectAnswer)
def delete(
    request: Request,
    who: Member,
    id: ProjectId,  # noqa: A002
    expected: Expected,
    data: Annotated[str, Query(pattern="^(keep|delete)$", description="what becomes of the disk")] = "keep",
) -> Response:
    """Delete a project; its disk stays unless `data=delete`."""
    service = service_of(request)

    def work(act: Act) -> Project:
        return store.delete_project(act, id, expected, keep_data=data == "keep")

    return reply(Reply(service, who, "", request_id(request)), "", _accepted(service, work))


@ROUTER.post("/{id}/hibernate", operation_id="hibernateProject", status_code=202, response_model=ProjectAnswer)
def hibernate(request: Request, who: Member, id: ProjectId, expected: Expected, key: IdempotencyKey = "") -> Response:  # noqa: A002
    """End a project's container; its disk stays."""
    service = service_of(request)

    def work(act: Act) -> Project:
        return store.want(act, id, Desired.HIBERNATED, expected)

    return reply(Reply(service, who, key, request_id(request)), _words(request), _accepted(service, work))


@ROUTER.post("/{id}/wake", operation_id="wakeProject", status_code=202, response_model=ProjectAnswer)
def wake(request: Request, who: Member, id: ProjectId, expected: Expected, key: IdempotencyKey = "") -> Response:  # noqa: A002
    """Start a hibernated project's container."""
    service = service_of(request)

    def work(act: Act) -> Project:
        return store.want(act, id, Desired.RUNNING, expected)

    return reply(Reply(service, who, key, request_id(request)), _words(request), _accepted(service, work))


@ROUTER.post("/{id}/upgrade", operation_id="upgradeProject", status_code=202, response_model=ProjectAnswer)
def upgrade(request: Request, who: Member, id: ProjectId, expected: Expected, key: IdempotencyKey = "") -> Response:  # noqa: A002
    """Give a project the image that is declared now for what it has chosen."""
    service = service_of(request)

    def work(act: Act) -> Project:
        project = store.lock_project(act, id, expected)
        old = project.chosen
        chosen = _quote(service, old.tier, old.flavor, list(old.addons)).chosen
        if chosen.image == old.image:
            raise RefusedError(409, "image-is-current", "The project has the declared image already.")
        return store.replace_image(act, project, chosen, OperationKind.UPGRADE)

    return reply(Reply(service, who, key, request_id(request)), _words(request), _accepted(service, work))


@ROUTER.post("/{id}/rollback", operation_id="rollbackProject", status_code=202, response_model=ProjectAnswer)
def rollback(request: Request, who: Member, id: ProjectId, expected: Expected, key: IdempotencyKey = "") -> Response:  # noqa: A002
    """Bring back what a project had before its last change or upgrade."""
    service = service_of(request)

    def work(act: Act) -> Project:
        project = store.lock_project(act, id, expected)
        previous = project.previous
        if previous is None:
            raise RefusedError(409, "nothing-to-roll-back", "The project has not changed yet.")
        quote = _quote(service, previous["tier"], previous["flavor"], previous["addons"])
        chosen: Chosen = replace(quote.chosen, image=previous["image"])
        return store.restore(act, project, chosen, service.settings.quota)

    return reply(Reply(service, who, key, request_id(request)), _words(request), _accepted(service, work))


@ROUTER.put("/{id}/secrets/{name}", operation_id="putProjectSecret", status_code=204, response_class=Response)
def write_secret(request: Request, who: Member, id: ProjectId, name: SecretName, body: SecretBody) -> Response:  # noqa: A002
    """Write a secret of a project, an environment variable. It can't be read back."""
    service = service_of(request)
    caller = who.caller(request_id(request))
    service.database.change(
        lambda connection: put_secret(Act(connection, caller, service.clock()), service.key, id, name, body.value)
    )
    return Response(status_code=204)


def _quote(service: Service, tier: str, flavor: str, addons: list[str]) -> Quote:
    return make_quote(service.catalog, Selection(tier, flavor, tuple(addons)), service.release, service.platform)


def _words(request: Request, body: Any = None) -> str:
    """What makes two requests the same."""
    return json.dumps([request.method, request.url.path, body], sort_keys=True)


def _accepted(service: Service, work: Any) -> Any:
    def run(act: Act) -> Answer:
        return _answer(service, act.connection, work(act), 202)

    return run


def _answer(service: Service, connection: Connection, project: Project, status: int) -> Answer:
    headers = {"ETag": f'"{project.version}"'}
    if status == 202:  # noqa: PLR2004 - accepted
        headers["Location"] = f"/api/projects/{project.id}"
    return Answer(status, headers, json.dumps(plain(_shown(service, connection, project)), separators=(",", ":")))


def _shown(service: Service, connection: Connection, project: Project) -> ProjectAnswer:
    operations = list_operations(connection, project.id)
    return project_answer(project, operations, superseded=_is_superseded(service, project))


def _is_superseded(service: Service, project: Project) -> bool:
    """Whether another image is declared now for what the project has chosen; not where nothing is any more."""
    old = project.chosen
    try:
        return _quote(service, old.tier, old.flavor, list(old.addons)).chosen.image != old.image
    except RefusedError:
        return False
