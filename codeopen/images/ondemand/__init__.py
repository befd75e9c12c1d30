"""Combinations when they are asked for: looked up, composed from parts, and built where parts are missing."""
