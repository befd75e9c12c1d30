"""Prints docs/reference/fallback-plugins.md."""

from __future__ import annotations

import sys

from codeopen_plugins.reference import render

if __name__ == "__main__":
    sys.stdout.write(render())
