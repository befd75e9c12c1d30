"""What a selection would be: its image, resources and price, or why it can't be had."""
