//go:build tools

// Package tools pins kwok, which plays the nodes of a test's cluster.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
