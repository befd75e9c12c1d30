#!/bin/sh
# build-tools.sh FOLDER: builds the tools whose modules are in the current folder. Their authors' releases know their
# version from the linker, so that `--version` says it here too.
set -eu

bin=$1
export CGO_ENABLED=0

# about TOOL MODULE FORMAT
about() {
  go -C "$1" list -m -f "$3" "$2"
}

# build TOOL PACKAGE [LINKER FLAGS]
build() {
  go -C "$1" build -trimpath -ldflags="-s -w ${3:-}" -o "$bin/" "$2"
}

gopls=$(about gopls golang.org/x/tools/gopls '{{.Version}}')
build gopls golang.org/x/tools/gopls "-X main.version=$gopls"

linter=$(about golangci-lint github.com/golangci/golangci-lint/v2 '{{.Version}}')
date=$(about golangci-lint github.com/golangci/golangci-lint/v2 '{{.Time.Format "2006-01-02"}}')
build golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint \
  "-X main.version=${linter#v} -X main.commit=$linter -X main.date=$date"

air=$(about air github.com/air-verse/air '{{.Version}}')
build air github.com/air-verse/air "-X main.airVersion=$air -X main.goVersion=$(go -C air env GOVERSION)"

build delve github.com/go-delve/delve/cmd/dlv
