"""Who may talk to whom: isolation of projects, the login before them, rights."""
