"""Locks with leases: of exactly one process at a time, on one host or on many."""
