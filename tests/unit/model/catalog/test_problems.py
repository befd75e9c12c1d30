"""What a person reads who has made a mistake in the catalog.

Each case changes a copy of the real catalog; ``golden/<case>.txt`` holds the whole output. After a wanted change of the
messages or of the catalog, run this file with ``UPDATE_GOLDEN=1`` in the environment, and review the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest

from codeopen.errors import CatalogError
from codeopen.model.catalog.read import read_catalog
from tests.unit.model.catalog.copies import Copy

GOLDEN: Final = Path(__file__).parent / "golden"
PLANNED_LISTS: Final = "requires_tier: null\n    requires_addons: []\n    incompatible_with: []"
CLOUD: Final = "extra_memory: 512Mi\n    extra_ports: []\n    extra_env: {}\n    " + PLANNED_LISTS
DATABASES: Final = "extra_memory: 1Gi\n    extra_ports: []\n    extra_env: {}\n    " + PLANNED_LISTS
JVM: Final = "JDK 21, Maven, Gradle\n    status: available"
GPU: Final = "requires_tier: creator\n    requires_addons: []\n    incompatible_with: []"
NODE_KIND: Final = "kind: image\n    description: Node"
BOTH: Final = "platforms: [linux/amd64, linux/arm64]"
KASMVNC_FOR_ARM64: Final = """      linux/arm64:
        reference: https://github.com/kasmtech/KasmVNC/releases/download/v1.5.0/kasmvncserver_noble_1.5.0_arm64.deb
        digest: sha256:c9199cf4753208bfb69fd016a9780242bebfc43370cc38c97d61e90a3c783e04
"""
FLUTTER_REASON: Final = "    not_for:\n      linux/arm64: Google publishes no Flutter SDK for Linux on arm64\n"
ANDROID_REASON: Final = (
    "    not_for:\n      linux/arm64: Google publishes the SDK's Linux tools (adb, aapt2) for x86-64 only\n"
)
CHECK_OF_GUI: Final = "port: 6080\n        path: /"

# case: the file, what is replaced (once), and by what; several where one is not enough
CASES: Final[dict[str, list[tuple[str, str, str]]]] = {
    # YAML
    "yaml-syntax": [("tiers.yaml", "name: Builder", "name: [Builder")],
    "yaml-tab": [("tiers.yaml", "    name: Builder", "\tname: Builder")],
    "yaml-duplicate-key": [("tiers.yaml", "    storage_gb: 30", "    name: Again\n    storage_gb: 30")],
    "yaml-duplicate-entry": [("tiers.yaml", "  builder:", "  starter:")],
    "yaml-alias": [("addons.yaml", "includes: [code-server]", "includes: &a [code-server]")],
    "yaml-undefined-alias": [("addons.yaml", "includes: [code-server]", "includes: *a")],
    "yaml-tag": [("addons.yaml", "includes: [code-server]", "includes: !!set {code-server}")],
    "yaml-number-as-key": [("base.yaml", "OPENCODE_HOST:", "4096:")],
    "yaml-list-as-key": [("base.yaml", "    OPENCODE_HOST: 0.0.0.0", "    ? [a]\n    : b")],
    "yaml-second-document": [("legacy.yaml", "  lite:", "---\n  lite:")],
    "yaml-too-deep": [("legacy.yaml", "addons: [gui]", "addons: " + "[" * 20 + "]" * 20)],
    "yaml-long-number": [("tiers.yaml", "storage_gb: 20", "storage_gb: 20" + "0" * 5000)],
    "yaml-control-character": [("tiers.yaml", "name: Builder", "name: Buil\x07der")],
    # keys and types
    "unknown-key": [("tiers.yaml", "memory_limit: 4Gi", "memory_limt: 4Gi")],
    "unknown-key-like-nothing": [("tiers.yaml", "    name: Builder", "    name: Builder\n    zzz: 1")],
    "unknown-topic": [("tiers.yaml", "\ntiers:", "\ntires:")],
    "missing-key": [("addons.yaml", "    gpus: 1\n", "")],
    "type-number-for-text": [("tiers.yaml", 'cpu_limit: "2"', "cpu_limit: 1.50")],
    "type-version-number": [("upstreams.yaml", 'version: "24.04"', "version: 24.10")],
    "type-text-for-number": [("tiers.yaml", "storage_gb: 30", 'storage_gb: "30"')],
    "type-fraction": [("tiers.yaml", "storage_gb: 30", "storage_gb: 30.0")],
    "type-truth": [("tiers.yaml", "is_default: true", "is_default: yes")],
    "type-nothing": [("tiers.yaml", "name: Builder", "name:")],
    "type-mapping": [("tiers.yaml", "name: Builder", "name: {a: b}")],
    "type-text-for-list": [("popular.yaml", "addons: [gui]", "addons: gui")],
    "type-text-for-mapping": [("addons.yaml", "extra_env: {}", "extra_env: none")],
    "type-env-number": [("base.yaml", 'OPENCODE_PORT: "4096"', "OPENCODE_PORT: 4096")],
    "value-status": [("addons.yaml", "status: available", "status: availible")],
    "value-id": [("tiers.yaml", "  builder:", "  Builder_2:")],
    "value-suffix-with-hyphen": [("addons.yaml", "image_suffix: gui", "image_suffix: -gui")],
    "value-env-name": [("base.yaml", "OPENCODE_HOST:", "opencode-host:")],
    "value-port": [("base.yaml", "port: 4097", "port: 80")],
    "value-host-offset": [("base.yaml", "host_offset: 1", "host_offset: 16")],
    "value-negative-price": [("tiers.yaml", "monthly_price_cents: 1000", "monthly_price_cents: -1")],
    "value-empty": [("tiers.yaml", "name: Builder", 'name: ""')],
    "value-control-character": [("tiers.yaml", "name: Builder", 'name: "Build\\ner"')],
    "value-twice-in-list": [("flavors.yaml", "[pnpm, yarn, npm]", "[pnpm, yarn, pnpm]")],
    "value-no-platform": [("flavors.yaml", BOTH, "platforms: []")],
    "value-line-break": [("tiers.yaml", "memory_limit: 4Gi", "memory_limit: |\n      4Gi")],
    "digest-missing": [("upstreams.yaml", "    digest: sha256:0081", "    # digest: sha256:0081")],
    "digest-of-package": [("upstreams.yaml", "reference: bun", f"reference: bun\n    digest: sha256:{'0' * 64}")],
    # quantities
    "quantity-cpu": [("tiers.yaml", 'cpu_limit: "2"', "cpu_limit: two")],
    "quantity-memory": [("tiers.yaml", "memory_limit: 4Gi", "memory_limit: 4GB")],
    "quantity-memory-fraction": [("addons.yaml", "extra_memory: 4Gi", "extra_memory: 4.5Gi")],
    "quantity-memory-huge": [("tiers.yaml", "memory_limit: 4Gi", "memory_limit: 4096Ti")],
    "quantity-none": [("tiers.yaml", 'cpu_limit: "2"', 'cpu_limit: "0"')],
    "reservation-above-limit": [("tiers.yaml", "memory_reservation: 2Gi", "memory_reservation: 4097Mi")],
    # GPUs and machines
    "gpu-platform": [("gpus.yaml", "    eks:", "    ekz:")],
    "gpu-date": [("gpus.yaml", "as_of: 2026-07-20", "as_of: July 2026")],
    "gpu-mig-profile": [("gpus.yaml", "1g.5gb: 7", "one: 7")],
    "gpu-quantities": [
        ("gpus.yaml", "system_pods: {cpu: 300m", "system_pods: {cpu: 300mm"),
        ("gpus.yaml", "memory: 16Gi\n", "memory: 16GB\n"),
    ],
    "gpu-unknown-model": [
        ("gpus.yaml", "gpus: 1, model: nvidia-t4", "gpus: 1, model: nvidia-t5"),
        ("gpus.yaml", "accelerators: {nvidia-t4: t4", "accelerators: {tesla: t4"),
    ],
    "gpu-without-count": [
        ("gpus.yaml", "gpus: 1, model: nvidia-t4", "model: nvidia-t4"),
        ("gpus.yaml", "gpus: 1, model: nvidia-l4", "gpus: 1"),
    ],
    "machine-too-small": [
        ("gpus.yaml", 'm7i.xlarge: {cpu: "4", memory: 16Gi, pods: 58', "m7i.xlarge: {cpu: 300m, memory: 400Mi, pods: 6")
    ],
    # references
    "unknown-flavor": [("popular.yaml", "flavor: polyglot", "flavor: polyglott")],
    "unknown-addon": [("popular.yaml", "addons: [gui]", "addons: [giu]")],
    "unknown-tier": [("addons.yaml", "requires_tier: creator", "requires_tier: creater")],
    "unknown-upstream": [("flavors.yaml", "upstreams: [pnpm,", "upstreams: [npn,")],
    "unknown-legacy": [
        ("legacy.yaml", "tier: power", "tier: huge"),
        ("legacy.yaml", "flavor: polyglot", "flavor: poly"),
        ("legacy.yaml", "addons: [gui]", "addons: [desktop]"),
    ],
    "unknown-needed-addon": [("addons.yaml", "requires_addons: []", "requires_addons: [cloudy]")],
    "unknown-incompatible-addon": [("addons.yaml", "incompatible_with: []", "incompatible_with: [cloudy]")],
    "unused-upstream": [("base.yaml", "node, bun, opencode", "node, opencode")],
    "companion-of-unknown-parts": [
        ("companions.yaml", "with_flavors: [python,", "with_flavors: [pyton,"),
        ("companions.yaml", "with_addons: [gpu]", "with_addons: [gpus]"),
    ],
    "companion-replaces-unknown-check": [("companions.yaml", "replaces: [torch]", "replaces: [torsch]")],
    "companion-of-nothing": [
        ("companions.yaml", "with_addons: [gpu]", "with_addons: [gpu, cloud]"),
        ("addons.yaml", GPU, GPU.replace("with: []", "with: [cloud]")),
        ("addons.yaml", CLOUD, CLOUD.replace("with: []", "with: [gpu]")),
    ],
    "unknown-taken-flavor": [("flavors.yaml", "sort_order: 5", "sort_order: 5\n    takes: [jss]")],
    "flavors-take-each-other": [
        ("flavors.yaml", "sort_order: 5", "sort_order: 5\n    takes: [polyglot]"),
        ("flavors.yaml", "sort_order: 6", "sort_order: 6\n    takes: [fullstack]"),
    ],
    "takes-planned-flavor": [
        ("flavors.yaml", "and debugger\n    status: available", "and debugger\n    status: planned"),
        ("flavors.yaml", "sort_order: 5", "sort_order: 5\n    takes: [go]"),
    ],
    "substitute-of-unknown-upstreams": [
        ("upstreams.yaml", "      outputs:\n", "      upstreams: [ubnutu]\n      outputs:\n"),
    ],
    "substitute-of-unknown-checks": [
        ("upstreams.yaml", "      outputs:\n", "      without: [nothing]\n      outputs:\n        nodee: ^22\n"),
    ],
    "substitute-regular-expression": [("upstreams.yaml", "        python: ^Python 3", "        python: ^(Python 3")],
    "account-twice": [
        ("base.yaml", "    - name: rdma\n", "    - name: redis\n"),
        ("base.yaml", "      id: 991\n", "      id: 990\n"),
    ],
    "account-group-with-home": [("base.yaml", "      id: 991\n", "      id: 991\n      home: /nowhere\n")],
    "file-without-address": [("upstreams.yaml", NODE_KIND, NODE_KIND.replace("image", "file"))],
    "file-of-another-version": [
        ("upstreams.yaml", NODE_KIND, NODE_KIND.replace("image", "file")),
        ("upstreams.yaml", "docker.io/library/node:22.23.3-bookworm-slim", "https://example.com/node-22.0.0.tar.xz"),
    ],
    # defaults and orders
    "two-default-tiers": [("tiers.yaml", "is_default: false", "is_default: true")],
    "no-default-tier": [("tiers.yaml", "is_default: true", "is_default: false")],
    "two-default-flavors": [("flavors.yaml", "is_default: false", "is_default: true")],
    "no-default-flavor": [("flavors.yaml", "is_default: true", "is_default: false")],
    "planned-default-flavor": [
        ("flavors.yaml", "with their services\n    status: available", "with their services\n    status: planned"),
    ],
    "same-sort-order": [("tiers.yaml", "sort_order: 2", "sort_order: 1")],
    "same-layer-order": [("addons.yaml", "layer_order: 2", "layer_order: 1")],
    # names of images
    "suffix-clash": [("addons.yaml", "image_suffix: code", "image_suffix: gui")],
    "suffix-is-a-flavor": [("addons.yaml", "image_suffix: code", "image_suffix: go")],
    "flavor-called-base": [("flavors.yaml", "  go:\n", "  base:\n")],
    "flavor-called-addon": [("flavors.yaml", "  go:\n", "  addon:\n")],
    "flavor-named-like-an-addon": [("flavors.yaml", "  go:\n", "  addon-gui:\n")],
    "flavor-named-like-a-combination": [("flavors.yaml", "  go:\n", "  js-code-gui:\n")],
    "flavor-named-like-a-combination-in-another-order": [("flavors.yaml", "  go:\n", "  js-gui-db:\n")],
    "flavor-named-like-an-image": [("flavors.yaml", "  go:\n", "  codeopen-go:\n")],
    "suffix-is-another-addon": [("addons.yaml", "image_suffix: code", "image_suffix: databases")],
    "addon-called-base": [("addons.yaml", "  security:\n", "  base:\n")],
    "addon-named-like-a-flavor": [("addons.yaml", "  security:\n", "  go:\n")],
    "addon-named-like-a-part": [("addons.yaml", "  security:\n", "  addon-gui:\n")],
    "addon-named-like-a-combination": [("addons.yaml", "  security:\n", "  js-gui-db:\n")],
    "tier-named-like-a-flavor": [("tiers.yaml", "  power:\n", "  rust:\n")],
    "platform-without-base": [("base.yaml", BOTH, "platforms: [linux/amd64]")],
    "platform-without-taken-flavor": [("flavors.yaml", BOTH, "platforms: [linux/amd64]")],
    "platform-without-image": [("upstreams.yaml", BOTH, "platforms: [linux/amd64]")],
    "platform-without-file": [("upstreams.yaml", KASMVNC_FOR_ARM64, "")],
    "platform-unexplained": [("upstreams.yaml", FLUTTER_REASON, ""), ("upstreams.yaml", ANDROID_REASON, "")],
    "platform-explained-in-vain": [("upstreams.yaml", KASMVNC_FOR_ARM64, f"{KASMVNC_FOR_ARM64}{FLUTTER_REASON}")],
    "platform-of-part-explained-in-vain": [("flavors.yaml", BOTH, f"{BOTH}\n{FLUTTER_REASON}")],
    "platform-in-an-address": [("upstreams.yaml", "gradle-8.14.4-bin.zip", "gradle-8.14.4-linux-x64.zip")],
    "platforms-of-a-package": [("upstreams.yaml", "reference: bun", f"reference: bun\n    {BOTH}")],
    "files-beside-a-reference": [("upstreams.yaml", "    files:", "    reference: https://a/1.5.0\n    files:")],
    "files-of-a-package": [("upstreams.yaml", "reference: bun", f"reference: bun\n    files:\n{KASMVNC_FOR_ARM64}")],
    # ports and environment
    "port-clash-with-base": [("addons.yaml", "port: 6080", "port: 4096")],
    "port-clash": [("addons.yaml", "- port: 8080", "- port: 6080")],
    "port-twice-in-base": [("base.yaml", "port: 4097", "port: 4096")],
    "credential-of-another-port": [("base.yaml", "credential: OPENCODE_SERVER", "credential: OPENCODE")],
    "port-name-clash": [("addons.yaml", "name: code-server\n        desc", "name: vnc\n        desc")],
    "host-offset-clash": [("addons.yaml", "host_offset: 3", "host_offset: 2")],
    "env-clash": [("addons.yaml", "extra_env: {}", "extra_env: {WIDTH: 1920px}")],
    "env-clash-with-base": [("addons.yaml", "extra_env: {}", "extra_env: {WORKSPACE: /srv}")],
    "env-names-another-port": [("base.yaml", 'OPENCODE_PORT: "4096"', 'OPENCODE_PORT: "4097"')],
    "env-names-no-port": [("addons.yaml", 'KASMVNC_PORT: "6080"', 'KASMVNC_PORT: "6081"')],
    # add-ons among each other
    "cycle": [
        ("addons.yaml", CLOUD, CLOUD.replace("requires_addons: []", "requires_addons: [databases]")),
        ("addons.yaml", DATABASES, DATABASES.replace("requires_addons: []", "requires_addons: [cloud]")),
    ],
    "cycle-of-one": [("addons.yaml", CLOUD, CLOUD.replace("requires_addons: []", "requires_addons: [cloud]"))],
    "needs-planned": [
        ("addons.yaml", CLOUD, CLOUD.replace("requires_addons: []", "requires_addons: [jvm]")),
        ("addons.yaml", JVM, JVM.replace("available", "planned")),
    ],
    "needs-what-it-excludes": [
        ("addons.yaml", CLOUD, CLOUD.replace("_addons: []", "_addons: [gpu]").replace("with: []", "with: [gpu]")),
        ("addons.yaml", "requires_tier: creator\n    requires_addons: []\n    incompatible_with: []",
         "requires_tier: creator\n    requires_addons: []\n    incompatible_with: [cloud]"),
    ],
    "needs-two-that-exclude-each-other": [
        ("addons.yaml", CLOUD, CLOUD.replace("requires_addons: []", "requires_addons: [gpu, databases]")),
        ("addons.yaml", DATABASES, DATABASES.replace("incompatible_with: []", "incompatible_with: [gpu]")),
        ("addons.yaml", "requires_tier: creator\n    requires_addons: []\n    incompatible_with: []",
         "requires_tier: creator\n    requires_addons: []\n    incompatible_with: [databases]"),
    ],
    "incompatibility-not-mutual": [("addons.yaml", CLOUD, CLOUD.replace("with: []", "with: [gui]"))],
    "incompatible-with-itself": [("addons.yaml", CLOUD, CLOUD.replace("with: []", "with: [cloud]"))],
    # combinations
    "popular-twice": [("popular.yaml", "addons: [databases, gui]", "addons: [gui, databases]"),
                      ("popular.yaml", "flavor: fullstack\n    addons: [code-server]",
                       "flavor: polyglot\n    addons: [databases, gui]")],
    "popular-planned": [
        ("popular.yaml", "addons: [databases, gui]", "addons: [databases, jvm]"),
        ("addons.yaml", JVM, JVM.replace("available", "planned")),
    ],
    "popular-planned-flavor": [("flavors.yaml", "status: available", "status: planned")],
    "popular-incompatible": [
        ("addons.yaml", DATABASES, DATABASES.replace("with: []", "with: [gui]")),
        ("addons.yaml", PLANNED_LISTS, PLANNED_LISTS.replace("with: []", "with: [databases]")),
    ],
    "popular-without-what-it-needs": [
        ("addons.yaml", PLANNED_LISTS, PLANNED_LISTS.replace("requires_addons: []", "requires_addons: [cloud]")),
    ],
    "legacy-below-tier": [("legacy.yaml", "flavor: polyglot\n    addons: []", "flavor: polyglot\n    addons: [gpu]")],
    # checks
    "check-name-twice": [("base.yaml", "- name: bun", "- name: node")],
    "check-of-another-port": [("addons.yaml", CHECK_OF_GUI, CHECK_OF_GUI.replace("6080", "8080"))],
    "check-regular-expression": [("base.yaml", "output: ^v22\\.", "output: ^v22(")],
    "check-of-both-kinds": [("base.yaml", "command: [jq, --version]", "port: 4096")],
    "image-of-another-version": [("upstreams.yaml", "version: 22.23.3", "version: 22.23.4")],
    # several files at once
    "all-at-once": [
        ("tiers.yaml", "name: Builder", "name: [Builder"),
        ("flavors.yaml", "specified_size_mb: 800", "specified_size_mb: large"),
        ("addons.yaml", "host_offset: 3", "host_offset: 2"),
        ("popular.yaml", "flavor: polyglot", "flavor: poliglot"),
        ("legacy.yaml", "addons: [gui]", "addons: [guy]"),
    ],
}  # fmt: skip


def _output(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    monkeypatch.chdir(folder)
    with pytest.raises(CatalogError) as caught:
        read_catalog(Path("catalog"))
    return f"{caught.value}\n"


@pytest.mark.parametrize("case", sorted(CASES))
def test_golden(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy(tmp_path)
    for name, old, new in CASES[case]:
        copy.replace(name, old, new)
    output = _output(monkeypatch, tmp_path)
    golden = GOLDEN / f"{case}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        golden.write_text(output, "utf-8")
    assert output == golden.read_text("utf-8")
    for line in output.splitlines():
        assert re.match(r"catalog/\w+\.yaml:[1-9]\d*:[1-9]\d*: .+; .+", line)


def test_every_golden_has_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


def test_a_missing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = "catalog:1:1: there is no such folder; name the catalog's folder\n"
    assert _output(monkeypatch, tmp_path) == expected


def test_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy(tmp_path)
    (copy.directory / "popular.yaml").unlink()
    (copy.directory / "schema" / "legacy.schema.json").unlink()
    (copy.directory / "tiers.yaml").unlink()
    (copy.directory / "tiers.yaml").mkdir()
    assert _output(monkeypatch, tmp_path).splitlines() == [
        "catalog/popular.yaml:1:1: the file is missing; create it, or name the catalog's folder",
        "catalog/schema/legacy.schema.json:1:1: the file is missing; create it, or name the catalog's folder",
        "catalog/tiers.yaml:1:1: the file can't be read (Is a directory); make it a readable file",
    ]


def test_a_catalog_may_do_without_gpus(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    (copy.directory / "gpus.yaml").unlink()
    read = copy.read()
    assert not read.gpus.models
    assert not read.gpus.platforms


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"type": "strin"}', '{"$ref": "other.json"}', '{"pattern": "("}']
)
def test_an_unusable_schema(text: str, tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.write("schema/tiers.schema.json", text)
    places = {problem.place.file for problem in copy.problems()}
    assert str(copy.directory / "schema" / "tiers.schema.json") in places


@pytest.mark.parametrize("name", ["tiers", "base", "flavors", "addons", "popular", "upstreams", "legacy", "gpus"])
def test_a_weakened_schema_lets_nothing_through(name: str, tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.write(f"schema/{name}.schema.json", "{}")
    copy.write(f"{name}.yaml", f"{name}: {{a: {{}}}}\n")
    assert any(problem.fix == "restore the catalog's schema folder" for problem in copy.problems())
