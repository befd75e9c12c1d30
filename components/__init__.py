"""Pulumi components: one ComponentResource a module, each with its frozen args. They take plan values, never files."""
