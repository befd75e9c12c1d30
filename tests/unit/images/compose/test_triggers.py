from __future__ import annotations

import pytest

from codeopen.images.compose.triggers import Trigger, is_trigger_file, read_activations, read_interests

FILES = {
    "var/lib/dpkg/info/cache.triggers": b"# by hand\n\ninterest-noawait build-cache  # all\nactivate ldconfig\n",
    "var/lib/dpkg/info/libx:amd64.triggers": b"activate-noawait ldconfig\ninterest /usr/share/x\n",
    "var/lib/dpkg/info/odd.triggers": b"interest\nactivated z\nactivate a b\n",
    "var/lib/dpkg/triggers/update-fonts": b"fonts/noawait\nmore:amd64/noawait\n",
    "var/lib/dpkg/triggers/File": b"/usr/share/y y\n",
    "var/lib/dpkg/status": b"activate w\n",
}


def test_what_is_waited_for_is_read() -> None:
    assert read_interests(FILES) == {
        Trigger("build-cache", "cache"),
        Trigger("/usr/share/x", "libx"),
        Trigger("update-fonts", "fonts"),
        Trigger("update-fonts", "more"),
    }


def test_what_is_set_off_is_read() -> None:
    assert read_activations(FILES) == {Trigger("ldconfig", "cache"), Trigger("ldconfig", "libx")}


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("var/lib/dpkg/info/libc-bin.triggers", True),
        ("var/lib/dpkg/info/libc-bin.postinst", False),
        ("var/lib/dpkg/triggers/ldconfig", True),
        ("var/lib/dpkg/triggers/Unincorp", False),
        ("usr/share/doc/x.triggers", False),
    ],
)
def test_files_that_name_triggers_are_told_apart(path: str, kept: bool) -> None:  # noqa: FBT001  a case
    assert is_trigger_file(path) is kept


@pytest.mark.parametrize(
    ("name", "activated", "acts"),
    [
        ("build-cache", "build-cache", True),
        ("build-cache", "build-cache/x", False),
        ("/usr/share/x", "/usr/share/x/y", True),
        ("/usr/share/x", "/usr/share/xy", False),
    ],
)
def test_a_path_is_set_off_by_all_that_is_in_it(name: str, activated: str, acts: bool) -> None:  # noqa: FBT001  a case
    assert Trigger(name, "cache").acts_on(activated) is acts
