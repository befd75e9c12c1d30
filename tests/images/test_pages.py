"""The desktop and the editor as a person sees them: in a browser, with a picture of each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import pytest

from codeopen.images.verify.container import Container, started
from codeopen.images.verify.services import Patience, Services, services_start
from image_tests import BROWSERS
from tests.images.browser import Page, opened
from tests.images.trials import Trials
from tests.live import ROOT

pytestmark = pytest.mark.heavy
# Pictures of the last run, for people to look at.
PICTURES = Path(os.environ.get("CODEOPEN_PICTURES") or ROOT / ".codeopen" / "pictures")
PASSWORD = "a \"b\\c'd"
PIXELS = """((canvas) => canvas && canvas.width >= 400
  ? new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)
  : new Uint32Array())(document.querySelector("canvas"))"""
COLOURS = f"new Set({PIXELS}).size"
SUM = f"{PIXELS}.reduce((sum, pixel) => sum + pixel, 0)"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.fail(f"no browser on PATH: install one of {', '.join(BROWSERS)} (`set_up.py --also images` does)")
    with opened(program, tmp_path / "profile") as found:
        yield found


def start(trials: Trials, part: str, port: int, **environment: str) -> Iterator[tuple[Container, str]]:
    """The add-on's services, and the address of its page on this machine."""
    surroundings = replace(trials.surroundings("bridge", (port,)), environment=MappingProxyType(environment))
    with started(trials.image(part).reference, surroundings) as container:
        problems = list(services_start(Services(container, trials.expected(part), {}, Patience())))
        assert problems == [], container.logs()
        yield container, f"127.0.0.1:{container.host_port(port)}"


@pytest.fixture
def desktop(trials: Trials) -> Iterator[tuple[Container, str]]:
    yield from start(trials, "addon-gui", 6080, KASMVNC_USERNAME="anna", KASMVNC_PASSWORD=PASSWORD)


@pytest.fixture
def editor(trials: Trials) -> Iterator[tuple[Container, str]]:
    yield from start(trials, "addon-code-server", 8080, CODE_SERVER_PASSWORD=PASSWORD)


def test_the_desktop_shows_in_a_browser_and_answers_the_mouse(desktop: tuple[Container, str], page: Page) -> None:
    _, address = desktop
    page.open(f"http://anna:{quote(PASSWORD, safe='')}@{address}/")
    # A background, a panel and icons: more than a blank screen has.
    page.wait_for(f"{COLOURS} > 8")
    before = page.evaluate(SUM)
    page.click(640, 300, "right")
    page.wait_for(f"{SUM} !== {before}", seconds=20)
    page.screenshot(PICTURES / "desktop.png")


def test_the_editor_shows_the_workspace_after_the_login(editor: tuple[Container, str], page: Page) -> None:
    container, address = editor
    ran = container.run("sh", "-c", "echo '# Read me' >/home/developer/workspace/README.md")
    assert ran.code == 0, ran.told
    page.open(f"http://{address}/")
    page.wait_for("document.querySelector('input[name=password]') !== null")
    assert "/login" in page.evaluate("location.pathname")
    page.evaluate(
        f"document.querySelector('input[name=password]').value = {PASSWORD!r}; document.querySelector('form').submit()"
    )
    page.wait_for("document.querySelector('.monaco-workbench .explorer-folders-view') !== null", seconds=90)
    page.wait_for("document.body.innerText.includes('README.md')", seconds=60)
    page.screenshot(PICTURES / "editor.png")
