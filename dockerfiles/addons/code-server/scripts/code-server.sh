#!/bin/sh
# code-server, with the Node.js 24 that it asks for; the image's own is another one.
root=/opt/codeopen/code-server/node_modules/code-server
exec "$root/lib/node" "$root" "$@"
