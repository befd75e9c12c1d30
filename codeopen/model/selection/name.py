"""Names of images: ``{registry}/{owner}/codeopen-{flavor}[-suffix...]:{version}``, suffixes sorted alphabetically.

Sources: specification, "Image Naming Convention"; OCI distribution-spec, "Pulling manifests" (the grammar of names and
tags); the reference grammar of distribution (the registry's host and port).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from codeopen.errors import ImageNameError, UnknownNameError
from codeopen.model.catalog.model import Catalog
from codeopen.model.selection.closest import closest
from codeopen.model.selection.order import in_layer_order

PREFIX: Final = "codeopen-"
# codeopen-base, codeopen-addon-<id> and codeopen-companion-<id> name parts, not combinations.
_RESERVED: Final = re.compile(r"base|(?:addon|companion)(?:-.*)?", re.DOTALL)

_HOST: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY: Final = re.compile(rf"(?:{_HOST}(?:\.{_HOST})*|\[[0-9a-fA-F:]+\])(?::([0-9]{{1,5}}))?", re.ASCII)
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_OWNER: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_VERSION: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)
_FLAVOR: Final = re.compile(_COMPONENT, re.ASCII)
_SUFFIX: Final = re.compile(r"[a-z0-9]+(?:(?:\.|__?)[a-z0-9]+)*", re.ASCII)
_LONGEST_NAME: Final = 255  # distribution-spec: clients limit registry host and name together to 255 characters
_LARGEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Release:
    """Where the images of one version are kept. Not checked when it is made: see ``release_errors``."""

    registry: str
    owner: str
    version: str

    def reference(self, repository: str) -> str:
        """The full reference of a repository of this release, as ``localhost:5000/codeopen/codeopen-js:0.0.2``."""
        return f"{self.registry}/{self.owner}/{repository}:{self.version}"


def release_errors(release: Release) -> tuple[ImageNameError, ...]:
    """Everything that keeps a release's registry, owner and version out of an image's name."""
    errors = []
    registry = _REGISTRY.fullmatch(release.registry)
    if registry is None or int(registry[1] or 1) not in range(1, _LARGEST_PORT + 1):
        errors.append(
            ImageNameError(f"{release.registry!r} is not a registry", "write host or host:port, as localhost:5000")
        )
    elif not (release.registry == "localhost" or "." in release.registry or ":" in release.registry):
        errors.append(
            ImageNameError(
                f"{release.registry!r} would be read as a folder on Docker Hub, not as a registry",
                f"give its full host name or its port, as {release.registry}:5000",
            )
        )
    if _OWNER.fullmatch(release.owner) is None:
        errors.append(
            ImageNameError(
                f"{release.owner!r} is not an owner",
                "use lower-case letters and digits, with single . _ - between them and / between folders",
            )
        )
    if _VERSION.fullmatch(release.version) is None:
        errors.append(
            ImageNameError(
                f"{release.version!r} is not a version",
                "use at most 128 letters, digits, . _ and -, not starting with . or -",
            )
        )
    return tuple(errors)


@dataclass(frozen=True, slots=True)
class ImageName:
    """The name of one combination's image. Raises ImageNameError when it would not be a valid one.

    A suffix holds no hyphen, because hyphens part them in the name. A flavor may hold some: the catalog's check sees to
    it that no two combinations share a name.
    """

    registry: str
    owner: str
    flavor: str
    suffixes: tuple[str, ...]
    version: str

    def __post_init__(self) -> None:
        if errors := release_errors(self.release):
            raise errors[0]
        if _FLAVOR.fullmatch(self.flavor) is None:
            raise ImageNameError(f"{self.flavor!r} can't be a flavor", "use lower-case letters, digits and hyphens")
        if _RESERVED.fullmatch(self.flavor):
            raise ImageNameError(f"{PREFIX}{self.flavor} names a part, not a combination", "use a flavor's image")
        for suffix in self.suffixes:
            if _SUFFIX.fullmatch(suffix) is None:
                raise ImageNameError(f"{suffix!r} can't be a suffix", "use lower-case letters and digits, no hyphen")
        ordered = tuple(sorted(set(self.suffixes)))
        if self.suffixes != ordered:
            raise ImageNameError(
                f"the suffixes of {self.repository!r} are not in alphabetical order, each once",
                f"write {'-'.join((PREFIX + self.flavor, *ordered))}",
            )
        length = len(f"{self.registry}/{self.owner}/{self.repository}")
        if length > _LONGEST_NAME:
            raise ImageNameError(
                f"the name {self.repository!r} with its registry and owner has {length} characters",
                f"shorten the owner: {_LONGEST_NAME} are allowed",
            )

    @property
    def release(self) -> Release:
        return Release(self.registry, self.owner, self.version)

    @property
    def repository(self) -> str:
        """The name without registry, owner and version, as ``codeopen-python-gui``."""
        return PREFIX + "-".join((self.flavor, *self.suffixes))

    def __str__(self) -> str:
        return self.release.reference(self.repository)


def format_image_name(catalog: Catalog, release: Release, flavor: str, addons: tuple[str, ...]) -> ImageName:
    """The name of a flavor's image with add-ons. All ids must be the catalog's; raises ImageNameError."""
    suffixes = tuple(sorted(catalog.addons[addon].image_suffix for addon in addons))
    return ImageName(release.registry, release.owner, flavor, suffixes, release.version)


def parse_image_name(catalog: Catalog, text: str) -> ImageName:
    """Read the full name of an image of this catalog. Raises ImageNameError, also for references by digest."""
    if "@" in text:
        raise ImageNameError(
            f"{text!r} names an image by digest, which doesn't tell its selection", "leave out everything from @ on"
        )
    path, _, last = text.rpartition("/")
    registry, _, owner = path.partition("/")
    repository, colon, version = last.partition(":")
    if not owner or not colon or not repository.startswith(PREFIX):
        raise ImageNameError(
            f"{text!r} is not the name of a CodeOpen image", f"write registry/owner/{PREFIX}flavor[-suffix...]:version"
        )
    flavor, suffixes = split_words(catalog, repository.removeprefix(PREFIX))
    return ImageName(registry, owner, flavor, suffixes, version)


def selected_parts(catalog: Catalog, image: ImageName) -> tuple[str, tuple[str, ...]]:
    """The ids of the flavor and of the add-ons (in layer order) that a name stands for."""
    addons = (addon for addon in catalog.addons.values() if addon.image_suffix in image.suffixes)
    return image.flavor, tuple(addon.id for addon in in_layer_order(addons))


def split_words(catalog: Catalog, words: str) -> tuple[str, tuple[str, ...]]:
    """The flavor and the suffixes in ``js-code-gui``, in the order they stand there. Raises ImageNameError.

    The longest flavor that leaves only known suffixes is meant.
    """
    if _RESERVED.fullmatch(words):
        raise ImageNameError(f"{PREFIX}{words} names a part, not a combination", "use a flavor's image")
    flavors = [flavor for flavor in catalog.flavors if words == flavor or words.startswith(f"{flavor}-")]
    if not flavors:
        first = words.partition("-")[0]
        raise UnknownNameError(f"there is no flavor {first!r} in {PREFIX}{words}", closest(first, catalog.flavors))
    known = {addon.image_suffix for addon in catalog.addons.values()}
    for flavor in sorted(flavors, key=len, reverse=True):
        suffixes = tuple(words.removeprefix(flavor).split("-")[1:])
        unknown = [suffix for suffix in suffixes if suffix not in known]
        if not unknown:
            return flavor, suffixes
    raise UnknownNameError(f"no add-on has the suffix {unknown[0]!r} of {PREFIX}{words}", closest(unknown[0], known))
