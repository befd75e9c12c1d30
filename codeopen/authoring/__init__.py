"""Work on parts: starting new ones and testing them alone."""
