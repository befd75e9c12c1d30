#!/bin/sh
# install-packages.sh PACKAGE…: installs packages of the distribution from the archive snapshot that all parts share.
# The snapshot is the build context `package-archive`, mounted at /run/package-archive: either package indexes (lists/),
# or the id of a snapshot of the archive (snapshot). Package lists, caches and logs never stay in the layer, and no program
# keeps the right to become another user: nothing in a container needs it.
set -eu

archive=/run/package-archive
export DEBIAN_FRONTEND=noninteractive

if [ -d "$archive/lists" ]; then
  apt() { apt-get -q -y -o Dir::State::lists="$archive/lists/" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"; }
else
  snapshot=$(cat "$archive/snapshot")
  apt() { apt-get -q -y --snapshot "$snapshot" "$@"; }
  if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
    # Snapshots come over TLS, for which the bare image has no certificates yet. apt checks signatures all the same.
    apt -o Acquire::https::Verify-Peer=false update
    apt -o Acquire::https::Verify-Peer=false install --no-install-recommends ca-certificates
  fi
  apt update
fi
apt install --no-install-recommends "$@"

apt-get -q clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/* /var/cache/debconf/*-old \
  /var/lib/dpkg/*-old /run/adduser /var/log/apt/* /var/log/*.log /tmp/* /root/.cache
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
