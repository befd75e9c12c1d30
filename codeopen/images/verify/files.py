"""What must hold for the files of every image: each rule one small function that tells what breaks it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from codeopen.images.verify.evidence import Evidence, Found
from codeopen.model.catalog.model import AccountKind, PortCheck
from codeopen.model.plan.health import render_health

HOME: Final = "/home/developer"
HEALTH: Final = "/etc/codeopen/health.d/"
USER_ID: Final = 1000
# What of a shell or a package is no cache, though it lies where caches lie: programs read it and don't make it anew.
KEPT: Final = (
    "/root/.bashrc",
    "/root/.profile",
    "/var/cache/debconf/*.dat",
    "/var/cache/dictionaries-common/*",
    "/var/cache/fontconfig/*",
)
CACHES: Final = (
    "/root/*",
    "/run/*",
    "/tmp/*",
    "/var/backups/*",
    "/var/cache/*",
    "/var/lib/apt/lists/*",
    "/var/lib/dpkg/*-old",
    "/var/log/*",
    "/var/tmp/*",
    *(f"*/{name}/*" for name in ("_cacache", "go-build", ".npm", ".gradle", ".m2", ".cargo/registry", ".pnpm-store")),
)
# A part's own cache, which it brings on purpose. Its user may write there, as npm takes locks even to read.
PART_CACHES: Final = ("/opt/codeopen/*/cache", "/opt/codeopen/*/cache/*")
_SHARED: Final = ("/tmp", "/var/tmp", "/run/lock", "/var/lock", "/dev", "/dev/*", "/proc", "/sys")
_OWN_BYTE_CODE: Final = ("/opt/", "/usr/local/")
_UTC: Final = re.compile(r"(?:^|/)(?:Etc/)?(?:UTC|Universal|Zulu)$")


def home_is_empty(evidence: Evidence) -> Iterator[str]:
    """A volume is mounted there: what an image had below it would be hidden, or frozen at its first version."""
    workspace = f"{HOME}/workspace"
    for path in (HOME, workspace):
        entry = evidence.found.files.get(path)
        if entry is None or not entry.is_folder:
            yield f"{path} is no folder"
        elif (entry.uid, entry.gid, stat.S_IMODE(entry.mode)) != (USER_ID, USER_ID, 0o755):
            yield f"{path} belongs to {entry.uid}:{entry.gid} with mode {stat.S_IMODE(entry.mode):o}"
    for path in evidence.found.files:
        if path.startswith(f"{HOME}/") and path != workspace:
            yield f"{path} would be hidden by the project's volume"


def only_the_home_can_be_written(evidence: Evidence) -> Iterator[str]:
    """What the user could change outside of the home is lost with the container, or would be another program then."""
    for entry in evidence.found.files.values():
        if entry.is_link or entry.path == HOME or entry.path.startswith(f"{HOME}/"):
            continue
        if _matches(entry.path, PART_CACHES) or _matches(entry.path, _SHARED):
            continue
        sticky = entry.is_folder and entry.mode & stat.S_ISVTX
        if entry.mode & stat.S_IWOTH and not sticky:
            yield f"{entry.path} can be written by everybody"
        elif entry.uid == USER_ID:
            yield f"{entry.path} belongs to the user"
        elif entry.gid == USER_ID and entry.mode & stat.S_IWGRP:
            yield f"{entry.path} can be written by the user's group"


def no_cache_in_a_layer(evidence: Evidence) -> Iterator[str]:
    """Package lists, caches and logs, also those that a later layer removes. The first layer is the distribution's."""
    for number, layer in enumerate(evidence.found.layers[1:], start=2):
        for entry in layer.entries:
            if entry.is_file and entry.size and _is_cache(entry.path):
                removed = "" if evidence.found.files.get(entry.path) is not None else ", which a later one removes"
                yield f"layer {number}: {entry.path} ({entry.size} bytes){removed}"


def no_secret_in_a_layer(evidence: Evidence) -> Iterator[str]:
    """Private keys and logins, also those that a later layer removes."""
    for number, layer in enumerate(evidence.found.layers, start=1):
        for entry in layer.entries:
            if entry.secret:
                yield f"layer {number}: {entry.path} holds {entry.secret}"


def byte_code_depends_on_no_time(evidence: Evidence) -> Iterator[str]:
    """Byte code of what an image installs is stale when it was made for files' times, and differs from build to build.

    Not that of npm's packages: their files have fixed times, and upstream's images bring some.
    """
    for entry in evidence.found.files.values():
        if not entry.hashed and entry.path.startswith(_OWN_BYTE_CODE) and "/node_modules/" not in entry.path:
            yield entry.path


def health_check_is_the_catalogs(evidence: Evidence) -> Iterator[str]:
    """The image's own health check asks what the catalog's port checks ask, of every part."""
    files = evidence.found.files.values()
    asked = {line for entry in files if entry.path.startswith(HEALTH) for line in entry.text.splitlines()}
    for part, check in evidence.expected.checks:
        if isinstance(check, PortCheck) and render_health((check,), evidence.expected.env) not in asked:
            yield f"{check.name} of {part} is in no file below {HEALTH}"


def clock_is_in_utc(evidence: Evidence) -> Iterator[str]:
    files = evidence.found.files
    zone = files.get("/etc/localtime")
    if zone is not None and not _UTC.search(zone.target):
        yield f"/etc/localtime leads to {zone.target or 'a file of its own'}"
    name = files.get("/etc/timezone")
    if name is not None and not _UTC.search(name.text.strip()):
        yield f"/etc/timezone says {name.text.strip()}"
    if "TZ" in evidence.found.env:
        yield f"TZ is {evidence.found.env['TZ']}"


def accounts_are_the_catalogs(evidence: Evidence) -> Iterator[str]:
    """The catalog's accounts have their ids, and no part brings others: their ids would differ from image to image."""
    users, groups = _accounts(evidence.found, "passwd"), _accounts(evidence.found, "group")
    for account in evidence.expected.accounts:
        if groups.get(account.name, ("", "", ""))[2] != str(account.id):
            yield f"group {account.name} does not have the id {account.id}"
        if account.kind is AccountKind.USER:
            fields = users.get(account.name, ())
            if tuple(fields[2:4]) != (str(account.id), str(account.id)) or fields[5] != account.home:
                yield f"user {account.name} is not {account.id}:{account.id} with the home {account.home}"
    for kind, found, file in (("user", users, "passwd"), ("group", groups, "group")):
        before = _accounts(evidence.base, file)
        for name, fields in found.items():
            if name not in before:
                yield f"{kind} {name} ({fields[2]}) is not the base's"
            elif before[name][2] != fields[2]:
                yield f"{kind} {name} has the id {fields[2]}, which is {before[name][2]} in the base"


def _accounts(found: Found, file: str) -> Mapping[str, tuple[str, ...]]:
    """The lines of ``/etc/passwd`` or ``/etc/group`` by name. Source: passwd(5), group(5)."""
    entry = found.files.get(f"/etc/{file}")
    lines = entry.text.splitlines() if entry is not None else []
    return {line.partition(":")[0]: tuple(line.split(":")) for line in lines if ":" in line}


def _is_cache(path: str) -> bool:
    return _matches(path, CACHES) and not _matches(path, (*KEPT, *PART_CACHES))


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
