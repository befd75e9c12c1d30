//go:build tools

// Package tools pins CoreDNS, the name server of a test's cluster.
package tools

import _ "github.com/coredns/coredns"
