#!/usr/bin/env bash
# Builds the CNI plugin as a folder that needs nothing of the node but its kernel: the plugin with its Python
# (PyInstaller), nft, nsenter, unshare, and the C library and loader they run on. docs/decisions/0015 has the
# why. Does nothing when the folder is there and what it is made of has not changed.
#
#   scripts/cni-bundle.sh [FOLDER]     FOLDER: default build/cni-bundle; with the executable `microgateway-cni`
#
# PYTHON   has PyInstaller; a CPython with a shared library (default: .venv/bin/python)
#
# Needs gcc and libc6-dev (a static start program), binutils, nftables, util-linux.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PATH:/usr/sbin:/sbin

folder=$(realpath -m "${1:-build/cni-bundle}")
python=${PYTHON:-.venv/bin/python}
tools=(nft nsenter unshare)
# glibc's own parts, which PyInstaller takes for granted.
glibc=(libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1 libresolv.so.2)

wanted=$({ find services/cni/src services/cni/bundle -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 cat
    cat scripts/cni-bundle.sh; "$python" -V; } | sha256sum)
[ -x "$folder/microgateway-cni" ] && [ "$(cat "$folder.stamp" 2>/dev/null)" = "$wanted" ] && exit 0

mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT

options=(--onedir --name plugin --contents-directory _internal --strip --paths services/cni/src)
for tool in "${tools[@]}"; do options+=(--add-binary "$(command -v "$tool"):tools"); done
# What the standard library would load where it is there, and the plugin never uses. Without `inspect`,
# PyInstaller's own start-up code leaves it out as well.
for module in inspect bz2 lzma _bz2 _lzma; do options+=(--exclude-module "$module"); done
"$python" -m PyInstaller --log-level ERROR --noconfirm "${options[@]}" --specpath "$work" --workpath "$work/work" \
    --distpath "$work/dist" services/cni/bundle/start.py
made=$work/dist/plugin
libraries=$made/_internal

needed=$(ldd "$(command -v nft)")
loader=$(grep -oE '/[^ ]*/ld-linux[^ ]*' <<<"$needed")
cp --dereference "$loader" "$libraries/"
ln -s "$(basename "$loader")" "$libraries/loader"
libc=$(awk '$1 == "libc.so.6" { print $3 }' <<<"$needed")
for library in "${glibc[@]}"; do cp --dereference "$(dirname "$libc")/$library" "$libraries/"; done
gcc -static -Os -s -Wall -Wextra -Werror -o "$made/microgateway-cni" services/cni/bundle/launcher.c

# It has to start with nothing around it, before anybody puts it on a node.
env -i CNI_COMMAND=VERSION "$made/microgateway-cni" </dev/null >/dev/null
rm -rf "$folder"
mv "$made" "$folder"
echo "$wanted" >"$folder.stamp"
