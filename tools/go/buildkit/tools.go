//go:build tools

// Package tools pins BuildKit, for machines that can't pull its image.
package tools

import (
	_ "github.com/moby/buildkit/cmd/buildctl"
	_ "github.com/moby/buildkit/cmd/buildkitd"
)
