"""Pulumi plugins in Python: a language host, a fallback ``docker`` provider and the project's own ``codeopen`` one.

Official plugins come first wherever they can be had; see docs/reference/fallback-plugins.md for what differs.
"""
