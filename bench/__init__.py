"""``make bench``: what things take, each beside its floor. No part of the product, and no test."""
