//go:build tools

// Package tools pins gopls.
package tools

import _ "golang.org/x/tools/gopls"
