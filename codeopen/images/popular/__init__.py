"""Which combinations are worth composing ahead of demand, and in what layer order, from what people really select."""
