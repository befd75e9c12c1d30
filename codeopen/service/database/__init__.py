"""Tables, how a database is opened, its migrations, and the rows that come from the catalog."""
