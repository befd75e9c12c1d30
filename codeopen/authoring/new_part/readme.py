"""What the README of a part repeats of the catalog: the block, and its place in the text that people write."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from codeopen.errors import ReadmeError
from codeopen.model.catalog.model import Addon, Base, Catalog, Companion, Flavor, Port, PortCheck
from codeopen.model.plan.parts import BASE, Part, PartKind, list_parts
from codeopen.model.plan.state import record_of
from codeopen.model.selection.compatibility import incompatible_pairs, why_not
from codeopen.model.selection.name import PREFIX
from codeopen.model.selection.price import price_a_month

BEGIN: Final = "<!-- catalog: made by codeopen part readme --write -->"
END: Final = "<!-- /catalog -->"
_MARK: Final = re.compile(rf"^(?:{re.escape(BEGIN)}|{re.escape(END)})(?=[ \t\r]*$)", re.MULTILINE)
_TITLE_AND_FIRST_PARAGRAPH: Final = re.compile(r"# .+\n\n.+(?:\n.+)*")
_LONGEST_LINE: Final = 120
# Characters that Markdown would take for its own, and list marks that could come to stand at the start of a line.
_MARKUP: Final = re.compile(r"[\\`*<\[\]]|(?<!\w)_|_(?!\w)|(?<!\S)[-+#>](?=[#>]*(?:\s|$))")
_NONE: Final = "none"


def put_block(text: str, block: str) -> str:
    """The README with its block replaced, or put below title and first paragraph where it has none.

    Every other character stays. Raises ReadmeError, which says what is wrong with the text and not in which file.
    """
    marks = list(_MARK.finditer(text))
    if not marks:
        start = _TITLE_AND_FIRST_PARAGRAPH.match(text)
        if start is None:
            raise ReadmeError("doesn't begin with a title and a sentence; write them, with an empty line between")
        return f"{text[: start.end()]}\n\n{block}{text[start.end() :]}"
    if [mark[0] for mark in marks] != [BEGIN, END]:
        raise ReadmeError(f"the marks of its block don't pair; keep one line {BEGIN} and one line {END} below it")
    return text[: marks[0].start()] + block + text[marks[1].end() :]


def render_block(catalog: Catalog, part: Part) -> str:
    """The block of a part, from its first mark to its last: every line with what there is, or that there is none."""
    lines = "\n".join(line for item in _items(catalog, part) for line in item)
    return f"{BEGIN}\n\n{lines}\n\n{END}"


def _items(catalog: Catalog, part: Part) -> Iterator[Iterable[str]]:
    yield _item("Name", f"{_plain(part.name)}, {part.status.value}")
    if part.id.kind is PartKind.ADDON:
        yield from _addon_items(catalog, part, catalog.addons[part.id.id])
    elif part.id.kind is PartKind.FLAVOR:
        yield from _flavor_items(part, catalog.flavors[part.id.id])
    elif part.id.kind is PartKind.COMPANION:
        yield from _companion_items(part, catalog.companions[part.id.id])
    else:
        yield from _base_items(part, catalog.base)
    yield _item("Platforms", _listed(part.platforms))
    yield from _nested("Not for", _absences(catalog, part))
    yield from _upstream_items(catalog, part)
    of_ports = sum(isinstance(check, PortCheck) for check in part.checks)
    yield _item("Checks", f"{len(part.checks)}" + (f", {of_ports} of them of ports" if of_ports else ""))


def _absences(catalog: Catalog, part: Part) -> list[str]:
    """The base's platforms that a part is not built for, each with the reason."""
    if part.id == BASE:
        return []
    record = record_of(catalog, part)
    lacking = (platform for platform in catalog.base.platforms if platform not in part.platforms)
    return [f"{platform}: {_plain(why_not(catalog, record, platform))}" for platform in lacking]


def _base_items(part: Part, base: Base) -> Iterator[Iterable[str]]:
    yield _item("Image", _code(part.repository))
    yield _item("Tools", _listed(base.tools))
    yield _item("Accounts", ", ".join(f"{_code(account.name)} {account.id}" for account in base.accounts))
    yield from _running_items(base.ports, base.env.items())
    yield _size(base.estimated_size_mb, base.specified_size_mb)


def _flavor_items(part: Part, flavor: Flavor) -> Iterator[Iterable[str]]:
    yield _item("Image", _code(part.repository) + (", the default of new projects" if flavor.is_default else ""))
    yield _item("Languages", _listed(flavor.languages))
    yield _item("Runtimes", _listed(flavor.runtimes))
    yield _item("Package managers", _listed(flavor.package_managers))
    yield _item("Tools", _listed(flavor.tools))
    yield _item("Frameworks", _listed(flavor.frameworks))
    yield _item("Takes from", _listed(flavor.takes))
    yield _size(flavor.estimated_size_mb, flavor.specified_size_mb)


def _addon_items(catalog: Catalog, part: Part, addon: Addon) -> Iterator[Iterable[str]]:
    flavor = catalog.default_flavor.id
    combined = f"{PREFIX}{flavor}-{addon.image_suffix}"
    yield _item("Image", f"{_code(part.repository)}; with {flavor} {_code(combined)}")
    yield _item("Includes", _listed(addon.includes))
    yield from _running_items(addon.extra_ports, addon.extra_env.items())
    shared = f" ({addon.shared_memory} of it shared)" if addon.shared_memory.bytes else ""
    amounts = f"CPU {addon.extra_cpu}, memory {addon.extra_memory}{shared}, GPUs {addon.gpus}"
    yield _item("Adds", f"{amounts}, {price_a_month(addon.monthly_price_cents)}")
    yield _item("Tier", f"{_code(addon.requires_tier)} or higher" if addon.requires_tier else "any")
    yield _item("Needs", _listed(addon.requires_addons))
    pairs = incompatible_pairs(tuple(catalog.addons.values()))
    others = [other.id for pair in pairs if addon in pair for other in pair if other is not addon]
    yield _item("Not with", _listed(others))
    if addon.estimated_size_mb is not None:
        yield _size(addon.estimated_size_mb, None)


def _companion_items(part: Part, companion: Companion) -> Iterator[Iterable[str]]:
    yield _item("Image", f"{_code(part.repository)}, {part.reason}")
    yield _item("Includes", _listed(companion.includes))
    yield _item("Size", f"{companion.estimated_size_mb:,} MB more")


def _running_items(ports: tuple[Port, ...], env: Iterable[tuple[str, str]]) -> Iterator[Iterable[str]]:
    yield from _nested("Ports", [_port(port) for port in ports])
    yield _item("Variables", ", ".join(_code(f"{name}={value}") for name, value in env) or _NONE)


def _port(port: Port) -> str:
    login = f"{_code(f'{port.credential}_USERNAME')}, {_code(f'{port.credential}_PASSWORD')}"
    about = f"{port.port} {_code(port.name)}: {_plain(port.description)}"
    return f"{about}; login by {login}; place {port.host_offset} of a project's host ports"


def _upstream_items(catalog: Catalog, part: Part) -> Iterator[Iterable[str]]:
    upstreams = [catalog.upstreams[upstream] for upstream in part.upstreams]
    yield _item("Upstreams", ", ".join(f"{upstream.id} {_plain(upstream.version)}" for upstream in upstreams) or _NONE)
    names = _substituted(catalog, part)
    substitutes = [(each.id, each.substitute) for each in catalog.upstreams.values() if each.id in names]
    told = [f"{name} {_plain(found.version)}: {_plain(found.note)}" for name, found in substitutes if found]
    yield from _nested("Substitutes", told)


def _substituted(catalog: Catalog, part: Part) -> set[str]:
    """Upstreams that may be substituted: the part's, those of parts that it takes, and any that change its checks."""
    checks = {check.name for check in part.checks}
    names = {
        upstream.id
        for upstream in catalog.upstreams.values()
        if upstream.substitute
        and (upstream.id in part.upstreams or checks & {*upstream.substitute.outputs, *upstream.substitute.without})
    }
    return names.union(*(_substituted(catalog, other) for other in list_parts(catalog) if other.id in part.takes))


def _size(measured: int, specified: int | None) -> Iterable[str]:
    beside = f"; about {specified:,} MB by the specification" if specified is not None else ""
    return _item("Size", f"{measured:,} MB unpacked{beside}")


def _nested(label: str, items: Iterable[str]) -> Iterator[Iterable[str]]:
    told = list(items)
    yield _item(label, "" if told else _NONE)
    yield from (_wrapped("  - ", item) for item in told)


def _item(label: str, text: str) -> Iterable[str]:
    return _wrapped("- ", f"**{label}**: {text}".rstrip())


def _wrapped(mark: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _LONGEST_LINE,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(_plain(text) for text in texts) or _NONE


def _plain(text: str) -> str:
    """A text of the catalog that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\g<0>", text)


def _code(text: str) -> str:
    """Code in Markdown, between more backticks than it has one after another."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"
