"""Combinations without building: a flavor's layers, each add-on's delta, a seal layer and a merged configuration."""
