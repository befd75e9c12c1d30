//go:build tools

// Package tools pins the Docker CLI plugin buildx, for machines that can't fetch a release of it.
package tools

import (
	_ "github.com/docker/buildx/cmd/buildx"
)
