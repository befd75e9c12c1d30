"""Images in registries: found, composed, published, verified and removed."""
