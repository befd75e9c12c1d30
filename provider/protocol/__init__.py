"""The protocol of Pulumi's resource providers: a gRPC service over resource types, for plugins written in Python."""
