"""A fallback for the official ``kubernetes`` provider: any object that has a type of its own, against the real API."""
