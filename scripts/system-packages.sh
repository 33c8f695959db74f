#!/usr/bin/env bash
# Installs the Debian packages named on the command line that are missing. As root through apt;
# otherwise it says which are missing and what to run. Exit 0 when all are there, and with --or-skip
# also when they are not: what needs them is then skipped.
set -euo pipefail

absent=1
if [ "${1:-}" = --or-skip ]; then
    absent=0
    shift
fi

missing=()
for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "these Debian packages are needed: ${missing[*]}" >&2
    echo "run: sudo apt-get install ${missing[*]}" >&2
    exit $absent
fi

echo "installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
# No service may start by itself on a developer's machine: tests start their own on free ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
