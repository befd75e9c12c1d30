"""Projects of the old product: what their container tiers become."""
