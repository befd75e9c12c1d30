"""Proves an image by looking into it and by running it."""
