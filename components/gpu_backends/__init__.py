"""What makes the nodes of a GPU pool: one module for each platform, imported only where it is used."""
