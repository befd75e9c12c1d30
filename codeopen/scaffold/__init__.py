"""Starts new parts: an entry of the catalog and the files beside it, which work at once and are there to be edited."""
