"""Which machines the projects of a cluster need, and what they cost: plain arithmetic on the catalog."""
