//go:build tools

// Package tools pins air.
package tools

import _ "github.com/air-verse/air"
