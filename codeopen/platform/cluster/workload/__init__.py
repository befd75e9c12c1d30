"""A project's pod with its resources, storage, Service and routes."""
