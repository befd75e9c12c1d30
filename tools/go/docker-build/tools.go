//go:build tools

// Package tools pins the docker-build provider, for machines that can't fetch a release of it.
package tools

import (
	_ "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build"
)
