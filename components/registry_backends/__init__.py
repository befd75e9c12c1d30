"""The registries of clouds: one module each, imported only where it is used, and its SDK only when it runs."""
