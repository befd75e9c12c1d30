//go:build tools

// Package tools pins delve.
package tools

import _ "github.com/go-delve/delve/cmd/dlv"
