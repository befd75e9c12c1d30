"""Stack configuration, and the program that composes components from it."""
