"""What builds images that can't be composed: parts, and chains of parts that refuse each other."""
