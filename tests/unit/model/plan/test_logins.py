from __future__ import annotations

import base64
import hashlib

from codeopen.model.plan.logins import password_hash, password_value, password_variable


def test_the_gateway_gets_a_hash_and_no_password_and_others_their_password() -> None:
    assert password_variable("ACP_GATEWAY") == "ACP_GATEWAY_PASSWORD_HASH"
    assert "hunter2" not in password_value("ACP_GATEWAY", "hunter2", "dev/demo")
    for credential in ("OPENCODE_SERVER", "KASMVNC", "CODE_SERVER"):
        assert password_variable(credential) == f"{credential}_PASSWORD"
        assert password_value(credential, "hunter2", "dev/demo") == "hunter2"


def test_a_hash_can_be_checked_by_what_it_says() -> None:
    _, kind, cost, salt, digest = password_hash("pass:wörd", "dev/demo").split("$")
    assert (kind, cost) == ("scrypt", "ln=10,r=8,p=1")
    expected = hashlib.scrypt("pass:wörd".encode(), salt=base64.b64decode(f"{salt}=="), n=1024, r=8, p=1, dklen=32)
    assert base64.b64decode(f"{digest}=") == expected


def test_a_hash_is_the_same_in_each_run_and_differs_from_project_to_project() -> None:
    assert password_hash("a", "dev/demo") == password_hash("a", "dev/demo")
    assert len({password_hash("a", "dev/demo"), password_hash("a", "dev/other"), password_hash("b", "dev/demo")}) == 3
