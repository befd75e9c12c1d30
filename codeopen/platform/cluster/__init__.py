"""What a stack holds on Kubernetes, as manifests: plain data from plan values, without a cluster or Pulumi."""
