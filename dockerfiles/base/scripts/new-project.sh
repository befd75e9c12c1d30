#!/bin/sh
# codeopen-new FRAMEWORK DIRECTORY: starts a project that builds without network, with what the image brings.
# A part adds a framework by an executable of the framework's name in /opt/codeopen/starters. It is called with the
# directory, which does not exist yet or is empty, and can tell by its own name which framework is wanted.
set -eu

starters=/opt/codeopen/starters

fail() {
  printf 'codeopen-new: %s\n' "$1" >&2
  exit 2
}

if [ -d "$starters" ]; then
  choice=$(find "$starters" -mindepth 1 -maxdepth 1 | sed 's|.*/||' | LC_ALL=C sort | sed -n -e 'H' -e '${x;s/^\n//;s/\n/, /g;p;}')
fi
[ -n "${choice:-}" ] || fail 'this image brings no frameworks: take one of another flavor'
[ "$#" -eq 2 ] && [ -n "$1" ] && [ -n "$2" ] || fail "usage: codeopen-new FRAMEWORK DIRECTORY, with a framework of $choice"
case $1 in
  */* | .*) starter= ;;
  *) starter=$starters/$1 ;;
esac
[ -x "$starter" ] || fail "unknown framework $1: take one of $choice"
if [ -e "$2" ] && [ -n "$(ls -A -- "$2")" ]; then
  fail "$2 is not empty: name a new directory"
fi
exec "$starter" "$2"
