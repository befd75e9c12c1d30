//go:build tools

// Package tools pins Karpenter with its kwok provider, which adds nodes that kwok plays to a test's cluster.
package tools

import _ "sigs.k8s.io/karpenter/kwok"
