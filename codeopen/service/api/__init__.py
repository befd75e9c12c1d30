"""The HTTP API: routes, bodies, problem details, limits."""
