"""What a registry keeps, and what it may lose: reads it (inventory), decides (plan), carries it out (apply)."""
