"""Projects as Pulumi stacks of their own on a Kubernetes environment: declared, applied in parallel, put to sleep."""
