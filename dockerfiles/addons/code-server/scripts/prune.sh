#!/bin/bash
# prune.sh: removes what never runs in the image: other platforms' programs, source maps, type declarations and tests.
# The editor's extensions keep the declarations that they show to people.
set -euo pipefail
shopt -s extglob

readonly root=/opt/codeopen/code-server/node_modules
readonly modules=$root/code-server/lib/vscode/node_modules
platform=linux-$(node --print process.arch)

# The run time of the GitHub Copilot agent, 113 MB. The agent of these images is OpenCode.
rm -r "$modules"/@github/copilot-sdk-linux-*

rm -r "$modules"/@vscode/ripgrep-universal/bin/!("$platform") "$modules"/node-pty/prebuilds/!("$platform") \
  "$root"/argon2/prebuilds/!("$platform") "$modules"/@microsoft/mxc-sdk/bin "$modules"/@vscode/windows-* \
  "$modules"/node-pty/third_party
find "$root" -type f \( -path '*musl*' -o -name '*.win32-*.node' -o -name '*.exe' -o -name '*.dll' \) -delete
find "$root" -type f -name '*.map' -delete
find "$root" -type f -regex '.*\.d\.[cm]?ts' -not -path '*/lib/vscode/extensions/*' -delete
find "$root" -type d \( -name test -o -name tests -o -name docs \) -not -path '*/lib/vscode/extensions/*' \
  -not -path '*/lib/vscode/out/*' -prune -exec rm -r {} +
find "$root" -type d -empty -delete
