"""The catalog, what is selected from it, and the build plan: pure values."""
