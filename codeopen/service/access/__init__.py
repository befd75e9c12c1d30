"""Who may ask: tokens, and what each role may do."""
