"""Popular images on nodes before anybody waits for them."""
