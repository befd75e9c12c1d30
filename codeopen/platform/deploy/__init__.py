"""Applies a stack with the Pulumi CLI and tells what came of it."""
