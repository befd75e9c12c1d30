// Package java stands in for a code generator that the module proxy does not serve. The provider only fills this
// struct in to describe the packaging of its Java SDK; nothing here runs.
package java

// PackageInfo has the fields that pulumi-docker-build sets, and no others.
type PackageInfo struct {
	BuildFiles                      string            `json:"buildFiles,omitempty"`
	GradleNexusPublishPluginVersion string            `json:"gradleNexusPublishPluginVersion,omitempty"`
	Dependencies                    map[string]string `json:"dependencies,omitempty"`
}
