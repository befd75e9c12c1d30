"""A client of the OCI distribution API. Source: OCI Distribution Specification 1.1."""
