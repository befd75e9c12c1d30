#!/bin/bash
# create-accounts.sh ACCOUNTS: creates the accounts that the catalog lists, one line each: `user|group name id home`,
# separated by tabs. Their ids are fixed, because a package would take the next free one, which differs from image to
# image.
set -euo pipefail

# Ubuntu's image has a user of its own with uid 1000.
if id ubuntu >/dev/null 2>&1; then userdel --remove ubuntu; fi

while IFS=$'\t' read -r kind name id home; do
  case $kind in
    '') continue ;;
    group) groupadd --gid "$id" "$name" ;;
    user)
      groupadd --gid "$id" "$name"
      shell=/usr/sbin/nologin
      if [ "$id" -ge 1000 ]; then shell=/bin/bash; fi
      useradd --uid "$id" --gid "$id" --shell "$shell" --no-create-home --home-dir "$home" "$name"
      ;;
    *) echo "create-accounts: $kind is neither user nor group" >&2; exit 1 ;;
  esac
done <<<"$1"
# useradd's backups, its log of ids that were never used to log in, and the ids that it gives a user beside its own.
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid /etc/subgid /etc/subuid- /etc/subgid- \
  /var/log/lastlog /var/log/faillog
