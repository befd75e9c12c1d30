"""A Kubernetes API server as plugins need it: found by the kubeconfig, logged in to, asked with retries."""
