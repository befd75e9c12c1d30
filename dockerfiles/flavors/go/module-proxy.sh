#!/bin/sh
# module-proxy.sh STARTERS MODULES: makes a module proxy of files from what the starters need, and has Go ask it before
# the default one. It knows its versions but doesn't say which there are, so that `latest` is asked of the default one.
set -eu

starters=$1 modules=$2
export GOMODCACHE=/tmp/modules GOCACHE=/tmp/build GOTOOLCHAIN=local

for starter in "$starters"/*/; do
  cp "$starter/go.mod" "$starter/go.sum" /tmp
  go -C "$starter" mod tidy
  cmp "$starter/go.mod" /tmp/go.mod
  cmp "$starter/go.sum" /tmp/go.sum
  # Sums of a module's content, and not only of its go.mod, are there for what is really needed.
  awk '$2 !~ /\/go\.mod$/ { print $1 "@" $2 }' "$starter/go.sum" | xargs go mod download
done

cd "$GOMODCACHE/cache/download"
rm -r sumdb
find . -type f ! -name '*.info' ! -name '*.mod' ! -name '*.zip' -delete
find . -type d -empty -delete
mkdir -p "$modules"
cp -R . "$modules"
sed -i "s#^GOPROXY=.*#GOPROXY=file://$modules,$(go env GOPROXY)#" "$(go env GOROOT)/go.env"
rm -rf /tmp/*
