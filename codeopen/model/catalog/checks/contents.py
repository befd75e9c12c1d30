"""What a part or an upstream says of itself agrees."""

from __future__ import annotations

import re
from collections.abc import Iterator

from codeopen.errors import Problem
from codeopen.model.catalog.checks.platforms import sources
from codeopen.model.catalog.draft import Draft
from codeopen.model.catalog.model import CommandCheck, PortCheck, UpstreamKind
from codeopen.model.catalog.source import KeyPath


def check_names_are_unique(draft: Draft) -> Iterator[Problem]:
    for part in draft.parts():
        seen: set[str] = set()
        for index, check in enumerate(part.checks):
            if check.name in seen:
                path = (*part.path, "checks", index, "name")
                what = f'another check of the part is called "{check.name}" too'
                yield draft.problem(path, what, "give each check a name of its own")
            seen.add(check.name)


def check_ports_exist(draft: Draft) -> Iterator[Problem]:
    for part in draft.parts():
        ports = [port.port for port in part.ports]
        for index, check in enumerate(part.checks):
            if isinstance(check, PortCheck) and check.port not in ports:
                shown = " or ".join(map(str, ports))
                fix = f"write {shown}, or add the port to its ports" if ports else "add the port to its ports"
                path = (*part.path, "checks", index, "port")
                yield draft.problem(path, f"the part has no port {check.port}", fix)


def check_credentials_are_the_ports(draft: Draft) -> Iterator[Problem]:
    for part in draft.parts():
        credentials = {port.port: port.credential for port in part.ports}
        for index, check in enumerate(part.checks):
            if isinstance(check, PortCheck) and check.credential not in {"", credentials.get(check.port, "")}:
                path = (*part.path, "checks", index, "credential")
                what = f"port {check.port} has another credential"
                yield draft.problem(path, what, 'write the one of the port, or "" where it asks for none')


def regular_expressions_compile(draft: Draft) -> Iterator[Problem]:
    for part in draft.parts():
        for index, check in enumerate(part.checks):
            key, pattern = ("output", check.output) if isinstance(check, CommandCheck) else ("body", check.body)
            yield from _compiles(draft, (*part.path, "checks", index, key), pattern)
    for upstream in draft.upstreams.values():
        if upstream.substitute:
            for name, pattern in upstream.substitute.outputs.items():
                yield from _compiles(draft, ("upstreams", upstream.id, "substitute", "outputs", name), pattern)


def _compiles(draft: Draft, path: KeyPath, pattern: str) -> Iterator[Problem]:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        yield draft.problem(path, f"it is no regular expression: {error}", "correct it, or escape it with \\")


def image_references_name_their_version(draft: Draft) -> Iterator[Problem]:
    for upstream in draft.upstreams.values():
        version, tag = upstream.version, upstream.reference.rpartition(":")[2]
        is_image = upstream.kind in {UpstreamKind.IMAGE, UpstreamKind.SERVICE}
        if is_image and tag != version and not tag.startswith(f"{version}-"):
            what = f'the tag "{tag}" is not of version {version}'
            fix = f"write a tag that starts with {version}, or correct the version"
            yield draft.problem(("upstreams", upstream.id, "reference"), what, fix)


def file_references_name_their_version(draft: Draft) -> Iterator[Problem]:
    for upstream in draft.upstreams.values():
        if upstream.kind is not UpstreamKind.FILE:
            continue
        for path, source in sources(upstream):
            if not source.reference.startswith("https://"):
                fix = "write the file's address, which starts with https://"
                yield draft.problem(path, "it is no URL of a file", fix)
            elif upstream.version not in source.reference:
                what = f"the address does not hold version {upstream.version}"
                yield draft.problem(path, what, "write the address of that version, or correct the version")


def accounts_are_unique(draft: Draft) -> Iterator[Problem]:
    if draft.base is None:
        return
    for key in ("name", "id"):
        seen: set[object] = set()
        for index, account in enumerate(draft.base.accounts):
            value = getattr(account, key)
            if value in seen:
                what = f"another account has the {key} {value} too"
                yield draft.problem(("base", "accounts", index, key), what, "give each account its own")
            seen.add(value)
