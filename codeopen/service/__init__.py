"""The service: an HTTP API on a database, for the people who choose tiers, flavors and add-ons."""
