"""Stand-ins for Pulumi plugins that can't be had: a language host, a ``docker`` and a ``kubernetes`` provider.

Official plugins come first wherever they can be had; see docs/reference/fallback-plugins.md for what differs.
"""
