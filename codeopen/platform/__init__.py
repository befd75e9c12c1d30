"""What runs projects: cluster objects, capacity, stacks and their deployment."""
