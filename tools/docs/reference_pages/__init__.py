"""The pages of docs/reference that are made from code and data, by their file names. ``make docs`` writes them."""

from __future__ import annotations

from pathlib import Path

from fallback_plugins.reference import pages as plugin_pages
from reference_pages.catalog_fields import render_catalog
from reference_pages.cluster import render_reference
from reference_pages.commands import render_commands
from reference_pages.images import render_images
from reference_pages.settings import render_settings


def pages(checkout: Path) -> dict[str, str]:
    """Markdown by file name."""
    return {
        "catalog.md": render_catalog(checkout / "catalog" / "schema"),
        "cluster.md": render_reference(),
        "commands.md": render_commands(),
        "images.md": render_images(checkout),
        "settings.md": render_settings(checkout / "Pulumi.yaml"),
        **plugin_pages(),
    }
