"""Builds parts alone, on the path that a stack takes, and verifies each."""
