"""GPU node pools, what drives their GPUs, and who may use them."""
