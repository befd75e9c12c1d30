//go:build tools

// Package tools names the program that this module compiles, so that `go mod tidy` keeps what it needs.
package tools

import _ "github.com/hashicorp/terraform"
