"""A fallback for the official ``docker`` provider: the few resource types in use, against the real Docker Engine."""
