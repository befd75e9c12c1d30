"""The client against a registry that misbehaves: a scripted stand-in, since no real one does so when told."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import json
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from codeopen.errors import RegistryError
from codeopen.images.registry.blobs import BLOCK
from codeopen.images.registry.registry import Registry, digest_of
from codeopen.images.registry.transport import Patience
from tests.unit.images.registry.scripted_registry import PASSWORD, USERNAME, Fault, ScriptedRegistry, running

QUICK = Patience(attempts=4, seconds=3, first_wait=0.001, longest_wait=0.01)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONTENT = b'{"schemaVersion":2}'
DIGEST = digest_of(CONTENT)
LAYER = bytes(range(256)) * 20_000  # 5 MB: several blocks
LAYER_DIGEST = digest_of(LAYER)
TARGET, SOURCE = "codeopen/codeopen-js-db", "codeopen/addon-databases"
Start = Callable[..., ScriptedRegistry]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def enter(*script: Fault, authentication: str = "none") -> ScriptedRegistry:
            return stack.enter_context(running(ScriptedRegistry(list(script), authentication)))

        yield enter


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No credentials of whoever runs the test."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder / "config.json"


def client(registry: ScriptedRegistry) -> Registry:
    return Registry(registry.host, patience=QUICK)


def do_everything(registry: Registry) -> None:
    """One of each request that composing makes; raises where one has another effect than it should."""
    registry.upload_blob(SOURCE, LAYER_DIGEST, LAYER)
    registry.mount_blob(TARGET, LAYER_DIGEST, SOURCE)
    registry.write_manifest(TARGET, "0.0.3-dev", MANIFEST, CONTENT)
    assert registry.find_manifest(TARGET, "0.0.3-dev") == DIGEST
    assert registry.read_manifest(TARGET, DIGEST).content == CONTENT
    assert registry.has_blob(TARGET, LAYER_DIGEST)
    assert registry.read_blob(TARGET, LAYER_DIGEST) == LAYER
    assert registry.list_tags(TARGET) == ("0.0.3-dev",)
    assert registry.list_repositories() == (TARGET,)
    registry.delete_manifest(TARGET, DIGEST)


REQUESTS = {
    "mount": r"^POST .*mount=",
    "begin": r"^POST .*addon-databases/blobs/uploads/$",
    "upload": r"^PUT .*blobs/uploads",
    "write": r"^PUT .*manifests",
    "find": r"^HEAD .*manifests",
    "read": r"^GET .*manifests",
    "has": r"^HEAD .*blobs",
    "blob": r"^GET .*blobs",
    "tags": r"^GET .*tags",
    "catalog": r"^GET .*_catalog",
    "delete": r"^DELETE ",
}
PASSING: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "503": {"status": 503, "times": 3},
    "429": {"status": 429, "headers": {"Retry-After": "0"}},
    "dropped": {"drop": "before"},
    "lost": {"drop": "lost"},
    "slow": {"seconds": 0.05},
}


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_what_passes_is_waited_for_whatever_was_asked(start: Start, request_name: str, fault: str) -> None:
    registry = start(Fault(REQUESTS[request_name], **PASSING[fault]))
    do_everything(client(registry))
    assert all(not fault.times for fault in registry.script), "the fault was played"


@pytest.mark.parametrize("fault", ["dropped", "503"])
@pytest.mark.parametrize("request_name", REQUESTS)
def test_what_does_not_pass_ends_in_an_error_that_says_where(start: Start, request_name: str, fault: str) -> None:
    settings = {**PASSING[fault], "times": 1_000}
    registry = start(Fault(REQUESTS[request_name], **settings))
    with pytest.raises(RegistryError) as caught:
        do_everything(client(registry))
    text = str(caught.value)
    step = {"mount": "mounting", "begin": "beginning the upload", "upload": "uploading", "write": "writing manifest"}
    step |= {"find": "looking up 0.0.3-dev", "read": "reading manifest", "has": "looking up blob"}
    step |= {"blob": "reading blob", "tags": "listing its tags", "catalog": "listing its repositories"}
    step |= {"delete": "deleting manifest"}
    assert step[request_name] in text
    assert registry.host in text
    assert request_name == "catalog" or TARGET in text or SOURCE in text
    assert "503" in text if fault == "503" else "the connection broke off" in text
    assert "given up after 4 attempts" in text
    assert registry.count(REQUESTS[request_name]) == QUICK.attempts


def test_a_registry_that_nobody_serves_is_told_within_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(RegistryError, match=rf"^{host}/a: looking up b: no answer: no connection \(Connection refused"):
        Registry(host, patience=QUICK).find_manifest("a", "b")
    assert time.monotonic() - began < QUICK.seconds


@pytest.mark.parametrize("as_date", [False, True])
def test_the_wait_that_a_registry_asks_for_is_kept(start: Start, *, as_date: bool) -> None:
    wait = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
    registry = start(Fault("HEAD", status=429, headers={"Retry-After": wait}))
    began = time.monotonic()
    assert client(registry).find_manifest(TARGET, "x") is None
    assert time.monotonic() - began > 0.9


def test_a_wait_beyond_the_limit_is_not_waited_for(start: Start) -> None:
    registry = start(Fault("HEAD", status=429, headers={"Retry-After": "3600"}))
    began = time.monotonic()
    with pytest.raises(RegistryError, match="it asks to wait 3600 s more"):
        client(registry).find_manifest(TARGET, "x")
    assert time.monotonic() - began < 1


def test_time_ends_it_as_well_as_the_count(start: Start) -> None:
    registry = start(Fault("HEAD", status=503, times=1_000))
    patience = Patience(attempts=1_000, seconds=0.3, first_wait=0.01, longest_wait=0.02)
    with pytest.raises(RegistryError, match=r"given up after \d+ attempts in 0\.[23] s"):
        Registry(registry.host, patience=patience).find_manifest(TARGET, "x")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_blob_is_read_on_where_the_connection_broke_off(start: Start, *, ranges: bool) -> None:
    registry = start(Fault(REQUESTS["blob"], drop="cut", times=2))
    registry.absolute = not ranges  # then it sends all of it each time
    digest = registry.put_blob(SOURCE, LAYER)
    assert client(registry).read_blob(SOURCE, digest) == LAYER
    assert registry.count(REQUESTS["blob"]) == 3
    assert "Range" in registry.seen[-1].headers, "only what is missing is asked for"


def test_a_blob_of_another_content_is_refused_when_it_ends(start: Start) -> None:
    registry = start()
    registry.blobs[SOURCE, LAYER_DIGEST] = LAYER[:-1] + b"x"
    with pytest.raises(RegistryError, match=f"{SOURCE}: reading blob {LAYER_DIGEST}: it has other content"):
        client(registry).read_blob(SOURCE, LAYER_DIGEST)


def test_a_manifest_of_another_content_is_refused(start: Start) -> None:
    registry = start()
    registry.manifests[SOURCE, DIGEST] = (MANIFEST, b"{}")
    with pytest.raises(RegistryError, match=r"reading manifest .* other content"):
        client(registry).read_manifest(SOURCE, DIGEST)


@pytest.mark.parametrize("absolute", [False, True])
def test_what_is_not_mounted_is_copied_through(start: Start, *, absolute: bool) -> None:
    registry = start()
    registry.mounts, registry.absolute = False, absolute
    digest = registry.put_blob(SOURCE, LAYER)
    client(registry).mount_blob(TARGET, digest, SOURCE)
    assert registry.blobs[TARGET, digest] == LAYER
    assert registry.count("^POST") == 1, "the upload that the registry began is used"


def test_copying_holds_a_few_blocks_of_a_blob(start: Start) -> None:
    registry = start()
    digest = registry.put_blob(SOURCE, bytes(64_000_000))
    size, blocks = client(registry)._copied(SOURCE, digest)
    tracemalloc.start()
    assert sum(len(block) for block in blocks) == size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000, f"{peak} bytes at once"


def test_a_damaged_source_never_becomes_a_blob(start: Start) -> None:
    registry = start()
    registry.mounts = False
    registry.blobs[SOURCE, LAYER_DIGEST] = LAYER[:-1] + b"x"
    with pytest.raises(RegistryError, match=f"{SOURCE}: reading blob {LAYER_DIGEST}: it has other content"):
        client(registry).mount_blob(TARGET, LAYER_DIGEST, SOURCE)
    assert (TARGET, LAYER_DIGEST) not in registry.blobs


def test_the_end_of_a_damaged_blob_is_held_back(start: Start) -> None:
    """Not even a registry that would not look at the digest takes it for whole."""
    registry = start()
    digest = digest_of(bytes(2 * BLOCK))
    registry.blobs[SOURCE, digest] = bytes(2 * BLOCK - 1) + b"x"
    blocks = iter(client(registry)._copied(SOURCE, digest)[1])
    assert len(next(blocks)) == BLOCK
    with pytest.raises(RegistryError, match="other content"):
        next(blocks)


@pytest.mark.parametrize("drop", ["middle", "before"])
def test_an_upload_that_broke_off_is_begun_again(start: Start, drop: str) -> None:
    registry = start(Fault(REQUESTS["upload"], drop=drop))
    registry.mounts = False
    digest = registry.put_blob(SOURCE, LAYER)
    client(registry).mount_blob(TARGET, digest, SOURCE)
    assert registry.blobs[TARGET, digest] == LAYER
    sessions = [seen.line for seen in registry.seen if seen.line.startswith("PUT")]
    assert len(sessions) == len(set(sessions)) == 2, "no session is used twice"


def test_an_upload_whose_answer_was_lost_is_found_and_not_sent_again(start: Start) -> None:
    registry = start(Fault(REQUESTS["upload"], drop="lost"))
    client(registry).upload_blob(TARGET, LAYER_DIGEST, LAYER)
    assert registry.count(REQUESTS["upload"]) == 1
    assert registry.count(REQUESTS["has"]) == 1


def test_a_session_that_the_registry_lost_is_begun_again(start: Start) -> None:
    registry = start(Fault(REQUESTS["upload"], status=404, body=b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'))
    client(registry).upload_blob(TARGET, LAYER_DIGEST, LAYER)
    assert registry.blobs[TARGET, LAYER_DIGEST] == LAYER


def test_content_that_the_registry_refuses_is_not_sent_again(start: Start) -> None:
    registry = start()
    with pytest.raises(RegistryError, match=f"{TARGET}: uploading {LAYER_DIGEST}: it answers 400 DIGEST_INVALID"):
        client(registry).upload_blob(TARGET, LAYER_DIGEST, b"other")
    assert registry.count("^PUT") == 1


# --- who may do that


def log_in(config: Path, registry: ScriptedRegistry, password: str = PASSWORD) -> None:
    auth = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    config.write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))


@pytest.mark.parametrize("authentication", ["basic", "bearer"])
def test_a_login_of_docker_is_used(start: Start, docker_config: Path, authentication: str) -> None:
    registry = start(authentication=authentication)
    log_in(docker_config, registry)
    do_everything(client(registry))


def test_a_token_for_a_mount_is_for_both_repositories(start: Start, docker_config: Path) -> None:
    registry = start(authentication="bearer")
    log_in(docker_config, registry)
    digest = registry.put_blob(SOURCE, LAYER)
    client(registry).mount_blob(TARGET, digest, SOURCE)
    assert registry.asked_scopes == [[f"repository:{TARGET}:pull,push", f"repository:{SOURCE}:pull"]]
    assert registry.blobs[TARGET, digest] == LAYER


def test_basic_authentication_is_learned_once(start: Start, docker_config: Path) -> None:
    registry = start(authentication="basic")
    log_in(docker_config, registry)
    own = client(registry)
    for number in range(5):
        own.find_manifest(f"codeopen/{number}", "x")
    assert len(registry.seen) == 6, "one refusal in all"


def test_threads_that_are_refused_together_ask_for_one_token(start: Start, docker_config: Path) -> None:
    registry = start(authentication="bearer")
    log_in(docker_config, registry)
    own = client(registry)
    with ThreadPoolExecutor(8) as workers:
        assert list(workers.map(lambda _: own.find_manifest(TARGET, "x"), range(40))) == [None] * 40
    assert len(registry.asked_scopes) == 1


def test_a_token_that_expires_in_the_middle_is_renewed(start: Start, docker_config: Path) -> None:
    registry = start(authentication="bearer")
    log_in(docker_config, registry)
    registry.token_uses, registry.mounts = 1, False
    registry.put_blob(SOURCE, LAYER)
    own = Registry(registry.host, patience=Patience(8, 5, 0.001, 0.01))
    # Each token is good for one request: an upload takes at least a POST and a PUT, so it never gets through.
    with pytest.raises(RegistryError, match="what it let in before, it refused in the middle"):
        own.mount_blob(TARGET, LAYER_DIGEST, SOURCE)
    registry.token_uses = 2
    own.mount_blob(TARGET, LAYER_DIGEST, SOURCE)
    for _ in range(5):
        assert own.has_blob(TARGET, LAYER_DIGEST)
    assert registry.blobs[TARGET, LAYER_DIGEST] == LAYER


@pytest.mark.parametrize("authentication", ["basic", "bearer"])
def test_a_wrong_password_is_told_without_it(start: Start, docker_config: Path, authentication: str) -> None:
    registry = start(authentication=authentication)
    wrong = "an-0ther-s3cret"
    log_in(docker_config, registry, wrong)
    with pytest.raises(RegistryError) as caught:
        client(registry).find_manifest(TARGET, "x")
    assert f"{registry.host}/{TARGET}: looking up x: " in str(caught.value)
    assert f"docker login {registry.host}" in str(caught.value)
    assert len([seen for seen in registry.seen if "Authorization" in seen.headers]) == 1, "it is tried once"
    assert_hidden(caught.value, wrong)


def assert_hidden(error: BaseException, *secrets: str) -> None:
    """No secret in an error's text, nor in those that it came from, plain or as basic authentication sends it."""
    texts = [str(error), repr(error)]
    while (cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = cause
        texts += [str(error), repr(error)]
    for secret in secrets:
        for form in (secret, base64.b64encode(f"{USERNAME}:{secret}".encode()).decode()):
            assert not [text for text in texts if form in text]


def test_a_registry_that_repeats_the_login_does_not_bring_it_into_an_error(start: Start, docker_config: Path) -> None:
    registry = start(authentication="bearer")
    log_in(docker_config, registry)
    own = client(registry)
    own.find_manifest(TARGET, "x")
    (token,) = registry.tokens
    echo = json.dumps({"errors": [{"code": "DENIED", "message": f"no, Bearer {token}\x1b[2J {PASSWORD}"}]}).encode()
    registry.script = [Fault("PUT", status=403, body=echo, times=99), Fault("PUT", status=500, body=echo, times=99)]
    for _ in range(2):
        with pytest.raises(RegistryError) as caught:
            own.write_manifest(TARGET, "x", MANIFEST, CONTENT)
        assert "writing manifest x: it answers" in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert_hidden(caught.value, token, PASSWORD)
        registry.script = registry.script[1:]


def test_nobody_without_a_login_is_told_to_log_in(start: Start) -> None:
    registry = start(authentication="basic")
    with pytest.raises(RegistryError, match=f"asks for a login; run `docker login {registry.host}`"):
        client(registry).find_manifest(TARGET, "x")


@pytest.mark.parametrize("at", ["credsStore", "credHelpers"])
@pytest.mark.parametrize("authentication", ["basic", "bearer"])
def test_a_credential_helper_is_asked(
    start: Start, docker_config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authentication: str, at: str
) -> None:
    registry = start(authentication=authentication)
    said = json.dumps({"ServerURL": registry.host, "Username": USERNAME, "Secret": PASSWORD})
    put_helper(tmp_path, monkeypatch, f"cat >'{tmp_path}/asked'; echo '{said}'")
    docker_config.write_text(json.dumps({at: "stand-in" if at == "credsStore" else {registry.host: "stand-in"}}))
    do_everything(client(registry))
    assert (tmp_path / "asked").read_text() == registry.host


def put_helper(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A stand-in for a credential helper."""
    programs = folder / "programs"
    programs.mkdir()
    helper = programs / "docker-credential-stand-in"
    helper.write_text(f"#!/bin/sh\n# Stand-in, made by a test.\n{body}\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


def test_an_identity_token_of_a_helper_is_exchanged(
    start: Start, docker_config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry = start(authentication="bearer")
    registry.refresh_token = "long-lived-token"
    put_helper(tmp_path, monkeypatch, 'echo \'{"Username": "<token>", "Secret": "long-lived-token"}\'')
    docker_config.write_text(json.dumps({"credsStore": "stand-in"}))
    do_everything(client(registry))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_identity_token_goes_nowhere_else(start: Start, docker_config: Path, status: int) -> None:
    elsewhere = start()
    location = {"Location": f"http://{elsewhere.host}/token"}
    registry = start(Fault("POST /token", status=status, headers=location, times=9), authentication="bearer")
    docker_config.write_text(json.dumps({"auths": {registry.host: {"identitytoken": "long-lived-token"}}}))
    with pytest.raises(RegistryError, match=f"service {registry.host} redirects to {elsewhere.host}") as caught:
        client(registry).find_manifest(TARGET, "x")
    assert elsewhere.seen == []
    assert_hidden(caught.value, "long-lived-token")


@pytest.mark.parametrize("body", [f"echo {PASSWORD}; exit 1", f"echo 'not JSON {PASSWORD}'", "exit 0"])
def test_a_credential_helper_that_fails_is_told_without_what_it_printed(
    start: Start, docker_config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str
) -> None:
    registry = start(authentication="basic")
    put_helper(tmp_path, monkeypatch, body)
    docker_config.write_text(json.dumps({"credsStore": "stand-in"}))
    with pytest.raises(RegistryError, match=f"{registry.host}/{TARGET}: looking up x: Docker's credentials") as caught:
        client(registry).find_manifest(TARGET, "x")
    assert_hidden(caught.value, PASSWORD)


def test_a_token_service_without_tls_gets_no_password(start: Start, docker_config: Path) -> None:
    challenge = 'Bearer realm="http://tokens.example.com/token",service="x"'
    registry = start(Fault("HEAD", status=401, headers={"WWW-Authenticate": challenge}, times=9))
    log_in(docker_config, registry)
    with pytest.raises(RegistryError, match=r"token service is at tokens\.example\.com, not over TLS"):
        client(registry).find_manifest(TARGET, "x")


def test_a_token_service_that_is_down_is_told(start: Start, docker_config: Path) -> None:
    registry = start(Fault("GET /token", status=503, times=99), authentication="bearer")
    log_in(docker_config, registry)
    with pytest.raises(RegistryError, match=f"{TARGET}: looking up x: its token service gives no token"):
        client(registry).find_manifest(TARGET, "x")


def test_another_host_is_not_given_the_login(start: Start, docker_config: Path) -> None:
    registry, storage = start(authentication="basic"), start()
    log_in(docker_config, registry)
    registry.upload_host = storage.host

    class Every(set[str]):
        def __contains__(self, _: object) -> bool:
            return True

    storage.uploads = Every()
    client(registry).upload_blob(TARGET, LAYER_DIGEST, LAYER)
    assert storage.blobs[TARGET, LAYER_DIGEST] == LAYER
    assert [seen.line.split()[0] for seen in storage.seen] == ["PUT"]
    assert not [seen for seen in storage.seen if "Authorization" in seen.headers]


def test_another_host_that_asks_for_a_login_gets_none(start: Start, docker_config: Path) -> None:
    registry, storage = start(authentication="basic"), start(authentication="basic")
    log_in(docker_config, registry)
    registry.upload_host = storage.host
    with pytest.raises(RegistryError, match=f"uploading {LAYER_DIGEST}: it answers 401"):
        client(registry).upload_blob(TARGET, LAYER_DIGEST, LAYER)
    assert not [seen for seen in storage.seen if "Authorization" in seen.headers]


def test_a_redirect_to_another_host_is_followed_without_the_login(start: Start, docker_config: Path) -> None:
    registry, storage = start(authentication="basic"), start()
    log_in(docker_config, registry)
    digest = storage.put_blob(SOURCE, LAYER)
    place = f"http://{storage.host}/v2/{SOURCE}/blobs/{digest}?signature=sEcReT"
    registry.script = [Fault(REQUESTS["blob"], status=307, headers={"Location": place}, times=9)]
    own = client(registry)
    own.find_manifest(TARGET, "x")
    assert own.read_blob(SOURCE, digest) == LAYER
    assert not [seen for seen in storage.seen if "Authorization" in seen.headers]
    storage.script = [Fault("GET", drop="before", times=99)]
    with pytest.raises(RegistryError, match="reading blob") as caught:
        own.read_blob(SOURCE, digest)
    assert_hidden(caught.value, "sEcReT", PASSWORD)


# --- repositories that have to be made


class Creator:
    """A stand-in for what makes repositories."""

    def __init__(self, registry: ScriptedRegistry) -> None:
        self.registry = registry
        self.made: list[str] = []

    def create(self, repository: str) -> None:
        self.made.append(repository)
        self.registry.repositories.add(repository)


def test_a_missing_repository_is_made_and_the_push_repeated(start: Start) -> None:
    registry = start()
    registry.needs_repositories = True
    creator = Creator(registry)
    do_everything(Registry(registry.host, patience=QUICK, creator=creator))
    assert creator.made == [SOURCE, TARGET]


def test_a_missing_repository_is_told_where_it_cannot_be_made(start: Start) -> None:
    registry = start()
    registry.needs_repositories = True
    with pytest.raises(RegistryError, match=f"{TARGET}: creating the repository: .* create {TARGET} there"):
        client(registry).write_manifest(TARGET, "x", MANIFEST, CONTENT)


# --- lists and deletion


def test_lists_are_read_to_their_last_page(start: Start) -> None:
    registry = start()
    for number in range(7):
        registry.manifests[f"codeopen/{number}", f"tag-{number}"] = (MANIFEST, CONTENT)
        registry.manifests["codeopen/0", f"tag-{number}"] = (MANIFEST, CONTENT)
    own = client(registry)
    assert own.list_repositories() == tuple(f"codeopen/{number}" for number in range(7))
    assert own.list_tags("codeopen/0") == tuple(f"tag-{number}" for number in range(7))
    assert own.list_tags("codeopen/none") == ()


def test_a_list_that_names_itself_as_its_next_page_ends(start: Start) -> None:
    registry = start()
    address = f"/v2/{TARGET}/tags/list?n=1000"
    registry.script = [Fault("tags", status=200, headers={"Link": f'<{address}>; rel="next"'}, body=b"{}", times=99)]
    assert client(registry).list_tags(TARGET) == ()


def test_a_registry_that_does_not_delete_is_told_what_to_set(start: Start) -> None:
    registry = start(Fault("DELETE", status=405))
    with pytest.raises(RegistryError, match=r"deleting is switched off; set storage\.delete\.enabled"):
        client(registry).delete_manifest(TARGET, DIGEST)


def test_what_is_gone_already_is_deleted(start: Start) -> None:
    client(start()).delete_manifest(TARGET, f"sha256:{hashlib.sha256(b'none').hexdigest()}")
