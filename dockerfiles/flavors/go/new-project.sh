#!/bin/sh
# new-project.sh DIRECTORY: starts a project with the framework whose name it is called by. Run by codeopen-new.
set -eu

mkdir -p "$1"
cp -R "/opt/codeopen/go/starters/${0##*/}/." "$1"
module=$(basename "$(cd "$1" && pwd)" | LC_ALL=C tr -c 'A-Za-z0-9._~\n-' -)
go -C "$1" mod edit -module="$module"
