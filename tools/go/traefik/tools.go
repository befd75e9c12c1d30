//go:build tools

// Package tools pins Traefik, the ingress controller of a test's cluster.
package tools

import _ "github.com/traefik/traefik/v3/cmd/traefik"
