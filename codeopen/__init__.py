"""CodeOpen Containers: a catalog of container parts, and everything that is computed from it."""
