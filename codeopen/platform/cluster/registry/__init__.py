"""A registry in the cluster."""
