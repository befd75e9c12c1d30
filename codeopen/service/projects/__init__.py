"""Projects as rows: what an owner has chosen, what was asked for, and what has happened."""
