//go:build tools

// Package tools pins the OCI registry (distribution), for machines that can't pull its image.
package tools

import _ "github.com/distribution/distribution/v3/cmd/registry"
