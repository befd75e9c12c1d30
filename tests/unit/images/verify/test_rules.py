"""The rules of every image on evidence of values: a good image, and what each rule says of a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from codeopen.images.verify.evidence import Evidence, Found
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.image import RULES
from codeopen.images.verify.layers import FileEntry, Layer
from codeopen.model.catalog.model import Account, AccountKind, Port, PortCheck
from codeopen.model.plan.health import render_health

HEALTH = PortCheck("web", 4096, "/", 200, "ok", "WEB")
PASSWD = "root:x:0:0:root:/root:/bin/bash\ndeveloper:x:1000:1000::/home/developer:/bin/bash\n"
GROUP = "root:x:0:\ndeveloper:x:1000:\ngpu:x:991:\n"
FILE, FOLDER, LINK = 0o100644, 0o040755, 0o120777
CONFIG: dict[str, Any] = {
    "User": "developer",
    "Env": ["PATH=/usr/bin", "WEB_PORT=4096"],
    "ExposedPorts": {"4096/tcp": {}},
    "Labels": {
        "org.opencontainers.image.title": "codeopen-js",
        "org.opencontainers.image.version": "plan-1",
        "org.opencontainers.image.revision": "sha256:1",
        "org.opencontainers.image.source": "https://example.org/source",
        "org.opencontainers.image.licenses": "GPL-2.0-or-later AND MIT",
        "dev.codeopen.plan-digest": "sha256:1",
        "dev.codeopen.upstream.ubuntu": "trixie",
        "dev.codeopen.substitute.ubuntu": "Debian",
    },
    "Entrypoint": ["tini"],
    "Cmd": ["start"],
    "Healthcheck": {"Test": ["CMD", "/usr/local/bin/codeopen-health"]},
    "WorkingDir": "/home/developer/workspace",
}
EXPECTED = Expectation(
    name="js",
    version="1.0",
    plan_digest="sha256:1",
    checks=(("js", HEALTH),),
    left_out=MappingProxyType({}),
    ports=(Port(4096, "web", "", 0, "WEB"),),
    env=MappingProxyType({"WEB_PORT": "4096"}),
    accounts=(
        Account("developer", AccountKind.USER, 1000, "/home/developer", ""),
        Account("gpu", AccountKind.GROUP, 991, "", ""),
    ),
    upstreams=MappingProxyType({"ubuntu": "trixie"}),
    substitutes=MappingProxyType({"ubuntu": "Debian", "go": "from an archive, in a part that this one takes"}),
    origin=MappingProxyType(
        {
            "org.opencontainers.image.source": "https://example.org/source",
            "org.opencontainers.image.licenses": "GPL-2.0-or-later AND MIT",
        }
    ),
)


def entry(path: str, mode: int = FILE, owner: int = 0, size: int = 1, **more: Any) -> FileEntry:
    return FileEntry(path, mode, owner, owner, size, **more)


FILES = (
    entry("/etc/passwd", text=PASSWD),
    entry("/etc/group", text=GROUP),
    entry("/home/developer", FOLDER, 1000),
    entry("/home/developer/workspace", FOLDER, 1000),
    entry("/etc/codeopen/health.d/js", text=render_health([HEALTH], {"WEB_PORT": "4096"}) + "\n"),
    entry("/etc/localtime", LINK, target="/usr/share/zoneinfo/Etc/UTC"),
    entry("/etc/timezone", text="Etc/UTC\n"),
    entry("/tmp", 0o041777),
    entry("/srv/drop", 0o041777),
    entry("/usr/bin/program", 0o100755),
    entry("/var/mail", 0o042775),
    entry("/etc/shadow", text="root:*:20000:0:99999:7:::\ndeveloper:!:20000:0:99999:7:::\n"),
    entry("/etc/gshadow", text="root:*::\ndeveloper:!::\n"),
    entry("/etc/subuid", text="other:100000:65536\n"),
    entry("/etc/ld.so.conf.d/gpu.conf", text="# not /tmp/lib\n/opt/codeopen/gpu/lib\n"),
    entry("/etc/cron.daily/dpkg", text="cd /var/backups || exit 0\nkeep=$folder/tmp/x; touch /tmp/seen\n"),
    entry("/etc/init.d/x11-common", text="mktemp -d /tmp/x.XXXX\n"),
    entry("/etc/sudoers.d/README", text="# nobody\n"),
    entry("/dev/null", 0o020666),
    entry("/usr/bin/plain", 0o100755, attributes=("user.note",)),
    entry("/var/log/journal", 0o042755, 0),
    entry("/etc/mtab", LINK, target="/proc/mounts"),
    entry("/tmp/own", LINK, target="/home/developer/x"),
    entry("/opt/codeopen/js/cache/index", 0o100644, 1000),
    entry("/usr/lib/python3/x.pyc", hashed=False),
    entry("/usr/lib/node_modules/x/y.pyc", hashed=False),
    entry("/root/.bashrc"),
)


def found(*files: FileEntry, without: str = "", config: Mapping[str, Any] = CONFIG, history: str = "RUN make") -> Found:
    """The good image with other files in the place of those of the same path, in a layer of their own."""
    merged = {each.path: each for each in (*FILES, *files) if each.path != without}
    return Found(dict(config), (history,), (Layer(()), Layer(files)), merged)


def problems(rule: str, image: Found, expected: Expectation = EXPECTED) -> list[str]:
    base = found()
    (wanted,) = [each for each in RULES if each.name == rule]
    return list(wanted.find(Evidence(expected, image, base)))


def changed(**values: Any) -> Found:
    return found(config={**CONFIG, **values})


def labelled(name: str, value: str) -> Found:
    return changed(Labels={**CONFIG["Labels"], name: value})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_good_image_breaks_no_rule(rule: Any) -> None:
    assert problems(rule.name, found()) == []


@pytest.mark.parametrize(
    ("rule", "image", "said"),
    [
        ("user", changed(User="root"), "it runs as root"),
        ("user", changed(User=""), "it runs as root"),
        ("accounts", found(entry("/etc/passwd", text=PASSWD + "x:x:99:99::/:\n")), "user x (99) is not the base's"),
        ("accounts", found(entry("/etc/group", text=GROUP + "x:x:99:\n")), "group x (99) is not the base's"),
        (
            "accounts",
            found(entry("/etc/group", text=GROUP.replace("991", "992"))),
            "group gpu does not have the id 991; group gpu has the id 992, which is 991 in the base",
        ),
        (
            "accounts",
            found(entry("/etc/passwd", text=PASSWD.replace("/home/developer", "/"))),
            "user developer is not 1000:1000 with the home /home/developer",
        ),
        ("home", found(without="/home/developer/workspace"), "/home/developer/workspace is no folder"),
        (
            "home",
            found(entry("/home/developer", FOLDER, 0)),
            "/home/developer belongs to 0:0 with mode 755",
        ),
        (
            "home",
            found(entry("/home/developer/.npmrc", owner=1000)),
            "/home/developer/.npmrc would be hidden by the project's volume",
        ),
        ("privileges", found(entry("/usr/bin/su", 0o104755)), "/usr/bin/su has mode 4755"),
        ("privileges", found(entry("/usr/bin/at", 0o102755)), "/usr/bin/at has mode 2755"),
        (
            "privileges",
            found(entry("/usr/bin/ping", 0o100755, attributes=("security.capability",))),
            "/usr/bin/ping has capabilities",
        ),
        (
            "privileges",
            found(entry("/etc/cron.d/x", attributes=("system.posix_acl_access",))),
            "/etc/cron.d/x has an access control list",
        ),
        (
            "privileges",
            found(entry("/etc/cron.d", FOLDER, attributes=("system.posix_acl_default",))),
            "/etc/cron.d has an access control list for what comes into it",
        ),
        (
            "privileges",
            found(FileEntry("/opt/share", 0o043777, 0, 42, 0)),
            "/opt/share has mode 3777: what the user puts there is group 42's",
        ),
        ("privileges", found(entry("/opt/disk", 0o060660)), "/opt/disk is a device"),
        ("privileges", found(entry("/opt/tty", 0o020666)), "/opt/tty is a device"),
        (
            "privileges",
            found(entry("/etc/sudoers.d/agent", text="developer ALL=(ALL) NOPASSWD: ALL\n")),
            "/etc/sudoers.d/agent grants something: developer ALL=(ALL) NOPASSWD: ALL",
        ),
        (
            "privileges",
            found(entry("/etc/doas.conf", text="permit nopass developer\n")),
            "/etc/doas.conf grants something: permit nopass developer",
        ),
        (
            "privileges",
            found(entry("/etc/polkit-1/rules.d/1.rules", text="// all\npolkit.addRule(yes);\n")),
            "/etc/polkit-1/rules.d/1.rules grants something: polkit.addRule(yes);",
        ),
        (
            "privileges",
            found(entry("/etc/security/capability.conf", text="cap_setuid developer\n")),
            "/etc/security/capability.conf grants something: cap_setuid developer",
        ),
        (
            "privileges",
            found(entry("/root/.ssh/authorized_keys", text="ssh-ed25519 AAAA\n")),
            "/root/.ssh/authorized_keys grants something: ssh-ed25519 AAAA",
        ),
        (
            "privileges",
            found(entry("/etc/ld.so.preload", text="/home/developer/.local/lib/x.so\n")),
            "/etc/ld.so.preload, which root reads, names /home/developer/.local/lib/x.so",
        ),
        (
            "privileges",
            found(entry("/etc/ld.so.conf.d/x.conf", text="/var/tmp/lib\n")),
            "/etc/ld.so.conf.d/x.conf, which root reads, names /var/tmp/lib",
        ),
        (
            "privileges",
            found(entry("/etc/cron.d/x", text="* * * * * root sh -c /tmp/job\n")),
            "/etc/cron.d/x, which root reads, names /tmp/job",
        ),
        (
            "privileges",
            found(entry("/etc/cron.daily/x", text="exec /home/developer/job\n")),
            "/etc/cron.daily/x, which root reads, names /home/developer/job",
        ),
        (
            "privileges",
            found(entry("/etc/systemd/system/x.service", text="ExecStart=/home/developer/run\n")),
            "/etc/systemd/system/x.service, which root reads, names /home/developer/run",
        ),
        (
            "privileges",
            found(entry("/etc/environment", text='PATH="/tmp/bin:/usr/bin"\n')),
            "/etc/environment, which root reads, names /tmp/bin",
        ),
        (
            "privileges",
            found(entry("/root/.bashrc", text=". /home/developer/.bashrc\n")),
            "/root/.bashrc, which root reads, names /home/developer/.bashrc",
        ),
        (
            "privileges",
            found(entry("/etc/cron.d/x", LINK, target="../../home/developer/cron")),
            "/etc/cron.d/x leads to /home/developer/cron, where the user can put anything",
        ),
        (
            "privileges",
            found(entry("/usr/local/sbin/apt", LINK, target="/tmp/apt")),
            "/usr/local/sbin/apt leads to /tmp/apt, where the user can put anything",
        ),
        (
            "privileges",
            found(entry("/etc/passwd", text=PASSWD + "toor:x:0:0::/root:/bin/sh\n")),
            "/etc/passwd: toor is 0:0, as root is",
        ),
        (
            "privileges",
            found(entry("/etc/passwd", text=PASSWD.replace("1000:1000", "1000:00"))),
            "/etc/passwd: developer is 1000:00, as root is",
        ),
        (
            "privileges",
            found(entry("/etc/passwd", text=PASSWD + "twin:x:1000:1000::/:/bin/sh\n")),
            "/etc/passwd: twin has the user's id 1000",
        ),
        (
            "privileges",
            found(entry("/etc/passwd", text=PASSWD.replace("root:x", "root:"))),
            "/etc/passwd: root has an empty password",
        ),
        (
            "privileges",
            found(entry("/etc/shadow", text="root::20000:0:99999:7:::\nagent:$6$x$y:1::::::\n")),
            "/etc/shadow: root has an empty password; /etc/shadow: agent has a password",
        ),
        (
            "privileges",
            found(entry("/etc/gshadow", text="disk:$6$x$y::\nshadow:!:developer:\ndocker:!::x,developer\n")),
            (
                "/etc/gshadow: group disk has a password; /etc/gshadow: developer is an administrator of the group "
                "shadow; /etc/gshadow: developer is in the group docker"
            ),
        ),
        (
            "privileges",
            found(entry("/etc/group", text=GROUP + "docker:x:999:developer\nwheel:x:0:\nopen:$1$x:50:\n")),
            (
                "/etc/group: group open has a password; /etc/group: developer is in the group docker (999); "
                "/etc/group: wheel has the id 0, as root has"
            ),
        ),
        (
            "privileges",
            found(entry("/etc/subuid", text="developer:100000:65536\n"), entry("/etc/subgid", text="1000:1:9\n")),
            (
                "/etc/subuid: developer may take 65536 ids from 100000 on; /etc/subgid: developer may take 9 ids "
                "from 1 on"
            ),
        ),
        (
            "permissions",
            found(FileEntry("/etc/cron.d/job", 0o100664, 0, 1000, 1)),
            "/etc/cron.d/job can be written by the user's group",
        ),
        ("permissions", found(entry("/usr/bin/x", 0o100777)), "/usr/bin/x can be written by everybody"),
        ("permissions", found(entry("/srv", 0o040777)), "/srv can be written by everybody"),
        ("permissions", found(entry("/etc/x", FILE, 1000)), "/etc/x belongs to the user"),
        ("caches", found(entry("/var/log/dpkg.log", size=7)), "layer 2: /var/log/dpkg.log (7 bytes)"),
        ("caches", found(entry("/opt/x/node_modules/.npm/a", size=7)), "layer 2: /opt/x/node_modules/.npm/a (7 bytes)"),
        (
            "caches",
            found(entry("/root/.cache/go-build/a", size=7), without="/root/.cache/go-build/a"),
            "layer 2: /root/.cache/go-build/a (7 bytes), which a later one removes",
        ),
        (
            "secrets-in-files",
            found(entry("/etc/key", secret="a private key"), without="/etc/key"),
            "layer 2: /etc/key holds a private key",
        ),
        (
            "secrets-in-configuration",
            changed(Env=[*CONFIG["Env"], "API_TOKEN=x"]),
            "variable API_TOKEN holds a value under the name of a credential",
        ),
        (
            "secrets-in-configuration",
            labelled("build.token", "glpat-" + "a" * 20),
            "label build.token holds a GitLab token",
        ),
        ("secrets-in-configuration", found(history="ARG API_KEY=x"), "step 1 of its history holds a value of API_KEY"),
        ("byte-code", found(entry("/opt/x/y.pyc", hashed=False)), "/opt/x/y.pyc"),
        (
            "time-zone",
            found(entry("/etc/localtime", LINK, target="/usr/share/zoneinfo/Asia/Tokyo")),
            "/etc/localtime leads to /usr/share/zoneinfo/Asia/Tokyo",
        ),
        ("time-zone", found(entry("/etc/localtime")), "/etc/localtime leads to a file of its own"),
        ("time-zone", found(entry("/etc/timezone", text="Asia/Tokyo\n")), "/etc/timezone says Asia/Tokyo"),
        ("time-zone", changed(Env=[*CONFIG["Env"], "TZ=Asia/Tokyo"]), "TZ is Asia/Tokyo"),
        ("environment", changed(Env=["WEB_PORT=1"]), "WEB_PORT is '1', which is '4096' in the catalog"),
        ("environment", changed(Env=None), "WEB_PORT is None, which is '4096' in the catalog"),
        ("ports", changed(ExposedPorts=None), "4096/tcp is not exposed"),
        (
            "ports",
            changed(ExposedPorts={"4096/tcp": {}, "1/udp": {}}),
            "1/udp is exposed and not in the catalog",
        ),
        (
            "labels",
            labelled("org.opencontainers.image.title", "ubuntu"),
            "label org.opencontainers.image.title is 'ubuntu' instead of 'codeopen-js'",
        ),
        (
            "labels",
            labelled("org.opencontainers.image.version", "24.04"),
            "label org.opencontainers.image.version is '24.04' instead of 'plan-1'",
        ),
        (
            "labels",
            labelled("org.opencontainers.image.revision", "5e0f8ad"),
            "label org.opencontainers.image.revision is '5e0f8ad' instead of 'sha256:1'",
        ),
        (
            "labels",
            changed(Labels={k: v for k, v in CONFIG["Labels"].items() if not k.endswith((".source", ".licenses"))}),
            (
                "label org.opencontainers.image.source is None instead of 'https://example.org/source'; "
                "label org.opencontainers.image.licenses is None instead of 'GPL-2.0-or-later AND MIT'"
            ),
        ),
        (
            "labels",
            labelled("org.opencontainers.image.vendor", "Canonical"),
            "label org.opencontainers.image.vendor is 'Canonical', which is not said of this image",
        ),
        (
            "labels",
            labelled("org.opencontainers.image.ref.name", "ubuntu"),
            "label org.opencontainers.image.ref.name is 'ubuntu' instead of ''",
        ),
        (
            "labels",
            labelled("dev.codeopen.plan-digest", "x"),
            "label dev.codeopen.plan-digest is 'x' instead of 'sha256:1'",
        ),
        (
            "labels",
            labelled("dev.codeopen.upstream.ubuntu", "24.04"),
            "label dev.codeopen.upstream.ubuntu is '24.04' instead of 'trixie'",
        ),
        (
            "labels",
            labelled("dev.codeopen.substitute.ubuntu", ""),
            "label dev.codeopen.substitute.ubuntu is '' instead of 'Debian'",
        ),
        (
            "labels",
            labelled("dev.codeopen.substitute.node", "x"),
            "label dev.codeopen.substitute.node: nothing stands in for that upstream",
        ),
        (
            "health-check",
            found(entry("/etc/codeopen/health.d/js", text="\n")),
            "web of js is in no file below /etc/codeopen/health.d/",
        ),
        ("start", changed(Cmd=["sh"]), "Cmd is ['sh'], which is ['start'] in the base"),
        (
            "start",
            changed(Healthcheck=None),
            (
                "Healthcheck is None, which is {'Test': ['CMD', '/usr/local/bin/codeopen-health']} in the base; "
                "the health check is None"
            ),
        ),
        (
            "start",
            changed(Entrypoint=["sh"]),
            "Entrypoint is ['sh'], which is ['tini'] in the base; the first program is ['sh'], which ends no orphans",
        ),
    ],
)
def test_what_breaks_a_rule_is_told(rule: str, image: Found, said: str) -> None:
    assert "; ".join(problems(rule, image)) == said


def test_the_distribution_s_own_layer_may_have_logs() -> None:
    image = found()
    image = replace(image, layers=(Layer((entry("/var/log/dpkg.log"),)), Layer(())))
    assert problems("caches", image) == []


@pytest.mark.parametrize("path", ["/var/cache/fontconfig/x", "/root/.bashrc", "/opt/codeopen/js/cache/_cacache/x"])
def test_what_is_kept_on_purpose_is_no_cache(path: str) -> None:
    assert problems("caches", found(entry(path, size=5))) == []


def test_an_empty_file_is_no_cache() -> None:
    assert problems("caches", found(entry("/var/log/btmp", size=0))) == []
