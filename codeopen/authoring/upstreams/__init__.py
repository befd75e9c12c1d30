"""What is pinned where, whether lock files are complete, and how pins and lock files are renewed."""
