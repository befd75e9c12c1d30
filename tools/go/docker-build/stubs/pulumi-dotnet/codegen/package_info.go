// Package codegen stands in for a code generator that the module proxy does not serve. The provider only fills this
// struct in to describe the packaging of its .NET SDK; nothing here runs.
package codegen

// CSharpPackageInfo has the fields that pulumi-docker-build sets, and no others.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
