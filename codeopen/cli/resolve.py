"""``codeopen resolve``.

JSON: ``image`` (full reference), ``resources`` (``cpu``, ``memory``, ``memory_reservation`` as canonical quantities,
``storage_gb``, ``gpus``), ``ports`` (numbers), ``env``, ``monthly_price_cents``, ``companions`` (``id``, ``name``,
``includes``, ``reason``: parts that the image takes beside the selected ones), ``reasons``. When the selection can't
be had all but ``reasons`` are null, and each reason has ``code``, ``message`` and ``fix``.
"""

from __future__ import annotations

from typing import Any

from codeopen.cli.checkout import release_from
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.exit_codes import INVALID
from codeopen.cli.table import render_pairs
from codeopen.model.catalog.read import read_catalog
from codeopen.model.selection.companions import taken_because
from codeopen.model.selection.price import price_a_month
from codeopen.model.selection.resolve import resolve
from codeopen.model.selection.selection import Refusal, Resolution, Selection


def run(invocation: Invocation) -> Outcome:
    options = invocation.options
    catalog = read_catalog(invocation.catalog)
    selection = Selection(options.tier, options.flavor, tuple(options.addon))
    result = resolve(catalog, selection, release_from(options, invocation.catalog), options.platform)
    if isinstance(result, Refusal):
        output = render_json(refusal_data(result)) if invocation.format == "json" else ""
        return Outcome(output, errors="".join(f"{reason}\n" for reason in result.reasons), code=INVALID)
    if invocation.format == "json":
        return Outcome(render_json(resolution_data(result)))
    return Outcome(render_resolution(result))


def resolution_data(resolution: Resolution) -> dict[str, Any]:
    """A resolution as JSON types."""
    resources = resolution.resources
    return {
        "image": str(resolution.image),
        "resources": {
            "cpu": str(resources.cpu),
            "memory": str(resources.memory),
            "memory_reservation": str(resources.memory_reservation),
            "storage_gb": resources.storage_gb,
            "gpus": resources.gpus,
        },
        "ports": [port.port for port in resolution.ports],
        "env": dict(resolution.env),
        "monthly_price_cents": resolution.monthly_price_cents,
        "companions": [
            {"id": each.id, "name": each.name, "includes": list(each.includes), "reason": taken_because(each)}
            for each in resolution.companions
        ],
        "reasons": [],
    }


def refusal_data(refusal: Refusal) -> dict[str, Any]:
    """A refusal as JSON types, with the keys of a resolution."""
    return {
        "image": None,
        "resources": None,
        "ports": None,
        "env": None,
        "monthly_price_cents": None,
        "companions": None,
        "reasons": [
            {"code": reason.code.value, "message": reason.message, "fix": reason.fix} for reason in refusal.reasons
        ],
    }


def render_resolution(resolution: Resolution) -> str:
    """A resolution for people."""
    resources = resolution.resources
    env = [f"{name}={value}" for name, value in resolution.env.items()]
    return render_pairs(
        [
            ("Image", str(resolution.image)),
            ("CPU", str(resources.cpu)),
            ("Memory", f"{resources.memory}, of which {resources.memory_reservation} reserved"),
            ("Storage", f"{resources.storage_gb} GB"),
            ("GPUs", str(resources.gpus)),
            *(
                ("With", f"{each.name} ({', '.join(each.includes)}), {taken_because(each)}")
                for each in resolution.companions
            ),
            ("Ports", ", ".join(f"{port.port} ({port.name})" for port in resolution.ports)),
            ("Price", price_a_month(resolution.monthly_price_cents)),
            *(("Environment" if number == 0 else "", variable) for number, variable in enumerate(env)),
        ]
    )
