"""What one more combination takes: chained, linked, composed, composed with its seal, and the floor, side by side."""
