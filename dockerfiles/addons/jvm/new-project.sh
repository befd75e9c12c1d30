#!/bin/bash
# new-project.sh DIRECTORY: starts a Java project from the template whose name it is called by; @NAME@ in it becomes the
# directory's name. What the project asks for is in the image's repository, so it needs no network. Run by codeopen-new.
set -euo pipefail

template=/opt/codeopen/jvm/starters/$(basename "$0")
mkdir -p "$1"
name=$(basename "$(realpath "$1")" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9._\n-' -)
cp -r --no-preserve=mode,ownership "$template/." "$1"
grep -rlZ @NAME@ "$1" | xargs -0 sed -i "s/@NAME@/$name/"
