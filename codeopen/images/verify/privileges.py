"""How a file of an image could make the user another one: each way one small function that tells what offers it.

The user has one account, no capability and no new privileges. What an image can still carry is programs that bring
privileges with them, accounts that may be entered, permissions that programs grant, and what root would read or run
though the user wrote it. Sources: capabilities(7), acl(5), shadow(5), sudoers(5), ld.so(8), crontab(5).
"""

from __future__ import annotations

import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final

from codeopen.images.verify.evidence import Evidence
from codeopen.images.verify.layers import FileEntry

USER: Final = "developer"
USER_ID: Final = 1000
_ROOT: Final = "root"
# Programs that may become another user. None needs to.
PRIVILEGED: Final[frozenset[str]] = frozenset()
_ATTRIBUTES: Final = {
    "security.capability": "has capabilities",
    "system.posix_acl_access": "has an access control list",
    "system.posix_acl_default": "has an access control list for what comes into it",
}
# Files that grant something to somebody by any line in them that is no comment.
_GRANTS: Final = (
    "/etc/sudoers",
    "/etc/sudoers.d/*",
    "/etc/doas.conf",
    "/etc/doas.d/*",
    "/etc/hosts.equiv",
    "/etc/security/capability.conf",
    "/etc/polkit-1/rules.d/*",
    "/etc/polkit-1/localauthority/*",
    "/root/.rhosts",
    "/root/.ssh/authorized_keys*",
)
# What programs that run as root read, and take paths of programs or libraries from.
_READ_BY_ROOT: Final = (
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d/*",
    "/etc/ld.so.preload",
    "/etc/environment",
    "/etc/crontab",
    "/etc/cron.d/*",
    "/var/spool/cron/*",
    "/etc/systemd/*",
    "/usr/lib/systemd/system/*",
)
# Scripts that root would run. They may write to a folder that everybody has, but take nothing of the user's.
_RUN_BY_ROOT: Final = (
    *("/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*", "/etc/cron.monthly/*"),
    *("/etc/init.d/*", "/etc/rc.local", "/root/.*"),
)
ACCOUNT_FILES: Final = ("/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
# Where the user can put a file of any name.
_HOME: Final = "/home/developer"
_USERS_PLACES: Final = (_HOME, "/tmp", "/var/tmp", "/dev/shm", "/run/user/1000")
_LOCKED: Final = re.compile(r"[!*].*")
_ELSEWHERE: Final = ("x",)  # stands in /etc/passwd and /etc/group for what /etc/shadow and /etc/gshadow have
_PATH: Final = re.compile(r"(?<![\w.$}])/[\w.+@%-]+(?:/[\w.+@%-]+)*")


def nothing_becomes_another_user(evidence: Evidence) -> Iterator[str]:
    """No program, account, grant or file for root makes the user another one, nor gives it what others have."""
    files = evidence.found.files
    for entry in files.values():
        yield from _programs(entry)
        yield from _texts(entry)
        if entry.is_link:
            yield from _leads_to_the_user(entry)
    texts = {path: _lines(files[path]) for path in (*ACCOUNT_FILES, "/etc/passwd", "/etc/group") if path in files}
    yield from _accounts(texts)
    yield from _memberships(texts)


def _programs(entry: FileEntry) -> Iterator[str]:
    """Bits, attributes and devices: what the kernel itself takes for a right."""
    if entry.path in PRIVILEGED:
        return
    if entry.is_file and entry.mode & (stat.S_ISUID | stat.S_ISGID):
        yield f"{entry.path} has mode {stat.S_IMODE(entry.mode):04o}"
    if entry.is_folder and entry.mode & stat.S_ISGID and entry.gid != USER_ID and _may_write(entry):
        yield f"{entry.path} has mode {stat.S_IMODE(entry.mode):04o}: what the user puts there is group {entry.gid}'s"
    for name in entry.attributes:
        if name in _ATTRIBUTES:
            yield f"{entry.path} {_ATTRIBUTES[name]}"
    # A container's own /dev hides the image's.
    if entry.is_device and not entry.path.startswith("/dev/"):
        yield f"{entry.path} is a device"


def _may_write(entry: FileEntry) -> bool:
    mode = entry.mode
    return bool(
        mode & stat.S_IWOTH
        or (entry.uid == USER_ID and mode & stat.S_IWUSR)
        or (entry.gid == USER_ID and mode & stat.S_IWGRP)
    )


def _texts(entry: FileEntry) -> Iterator[str]:
    if not entry.text:
        return
    if _matches(entry.path, _GRANTS) and (lines := _lines(entry)):
        yield f"{entry.path} grants something: {lines[0]}"
    places: tuple[str, ...] = _USERS_PLACES if _matches(entry.path, _READ_BY_ROOT) else ()
    places = (_HOME,) if _matches(entry.path, _RUN_BY_ROOT) else places
    for path in (path for line in _lines(entry) for path in _PATH.findall(line) if places):
        if _lies_in(path, places):
            yield f"{entry.path}, which root reads, names {path}"


def _leads_to_the_user(link: FileEntry) -> Iterator[str]:
    """A name outside of the user's places must not lead into them: who opens it takes what the user put there."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(link.path), link.target))
    if _lies_in(target, _USERS_PLACES) and not _lies_in(link.path, _USERS_PLACES):
        yield f"{link.path} leads to {target}, where the user can put anything"


def _lies_in(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _accounts(texts: dict[str, list[str]]) -> Iterator[str]:
    """Only root has root's id, and nobody has a password, least of all an empty one."""
    for fields in _records(texts, "/etc/passwd", 4):
        name, secret, user_id, group_id = fields[:4]
        if name != _ROOT and (not user_id.strip("0") or not group_id.strip("0")):
            yield f"/etc/passwd: {name} is {user_id}:{group_id}, as root is"
        if name != USER and user_id == str(USER_ID):
            yield f"/etc/passwd: {name} has the user's id {user_id}"
        if not _LOCKED.fullmatch(secret) and secret not in _ELSEWHERE:
            yield f"/etc/passwd: {name} has {'a' if secret else 'an empty'} password"
    for path, who in (("/etc/shadow", ""), ("/etc/group", "group "), ("/etc/gshadow", "group ")):
        for fields in _records(texts, path, 2):
            name, secret = fields[:2]
            # A group's is asked of those who are not its members; without one they stay outside.
            locked = _LOCKED.fullmatch(secret) or (who and secret in {"", *_ELSEWHERE})
            if not locked:
                yield f"{path}: {who}{name} has {'a' if secret else 'an empty'} password"


def _memberships(texts: dict[str, list[str]]) -> Iterator[str]:
    """The user is in its own group alone, and owns no ids beside its own."""
    for fields in _records(texts, "/etc/group", 4):
        if fields[0] != USER and USER in fields[3].split(","):
            yield f"/etc/group: {USER} is in the group {fields[0]} ({fields[2]})"
        if fields[0] != _ROOT and not fields[2].strip("0"):
            yield f"/etc/group: {fields[0]} has the id {fields[2]}, as root has"
    for fields in _records(texts, "/etc/gshadow", 4):
        for role, members in (("an administrator of", fields[2]), ("in", fields[3])):
            if fields[0] != USER and USER in members.split(","):
                yield f"/etc/gshadow: {USER} is {role} the group {fields[0]}"
    for path in ("/etc/subuid", "/etc/subgid"):
        for fields in _records(texts, path, 3):
            if fields[0] in {USER, str(USER_ID)}:
                yield f"{path}: {USER} may take {fields[2]} ids from {fields[1]} on"


def _records(texts: dict[str, list[str]], path: str, fields: int) -> Iterator[list[str]]:
    found = (line.split(":") for line in texts.get(path, ()))
    return (record for record in found if len(record) >= fields)


def _lines(entry: FileEntry) -> list[str]:
    """The lines of a text that are neither empty nor comments."""
    stripped = (line.strip() for line in entry.text.splitlines())
    return [line for line in stripped if line and not line.startswith(("#", "//"))]


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
