#!/bin/bash
# complete.sh NODE: does what the packages' own install scripts would do, without their downloads: compiles the editor's
# native modules against the Node.js below NODE, and lays its files out as code-server's releases do.
set -euo pipefail

readonly node=$1
readonly gyp=$node/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js

compile() {
  local folder=node_modules/$1
  node "$gyp" rebuild --directory "$folder" --nodedir "$node" --jobs max --loglevel error >/dev/null
  # Only the module itself runs.
  find "$folder/build" -type f -not -path "$folder/build/Release/*.node" -delete
  rm -rf "$folder/build/Release/obj.target" "$folder/deps"
  test -n "$(find "$folder/build" -name '*.node')"
}

compile @vscode/native-watchdog
compile @vscode/spdlog
compile @vscode/sqlite3
compile kerberos
(cd extensions && node postinstall.mjs >/dev/null)
cp "$node/bin/node" ../node
ln -sf code-linux.sh bin/remote-cli/code-server
ln -sf browser-linux.sh bin/helpers/browser.sh
