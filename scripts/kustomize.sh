#!/usr/bin/env bash
# Prints the path of a `kustomize` that builds deploy/kustomize (5.0 or newer), fetching one where there is none:
#
#   $KUSTOMIZE                                            if set, as it is
#   the one on PATH                                       if it is new enough
#   ${XDG_CACHE_HOME:-~/.cache}/microgateway/kustomize    else: Debian's package, of the first release that has it,
#                                                         unpacked and not installed; no root needed
#
# --if-there   fetches nothing; exits with 1 where there is none
#
# Progress goes to stderr. apt checks the package by Debian's signatures.
set -euo pipefail
cd "$(dirname "$0")/.."

release=trixie # kustomize 5.6; earlier releases have none
cache=${XDG_CACHE_HOME:-$HOME/.cache}/microgateway/kustomize
fetched=$cache/$release/usr/bin/kustomize

say() { echo "kustomize: $*" >&2; }
die() { say "$*"; exit 1; }

# By what it can, not by its version, which distributions leave out: labels for pods came with 5.0.
is_new_enough() {
    local folder
    folder=$(mktemp -d)
    mkdir "$folder/part" "$folder/whole"
    printf 'kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nconfigMapGenerator: [{name: a}]\n' \
        >"$folder/part/kustomization.yaml"
    printf 'components: [../part]\nlabels: [{pairs: {a: b}, includeTemplates: true}]\n' >"$folder/whole/kustomization.yaml"
    local code=0
    "$1" build "$folder/whole" >/dev/null 2>&1 || code=1
    rm -rf "$folder"
    return $code
}

for found in "${KUSTOMIZE:-}" "$(command -v kustomize || true)" "$fetched"; do
    if [ -n "$found" ] && [ -x "$found" ] && is_new_enough "$found"; then echo "$found"; exit 0; fi
    [ "$found" != "${KUSTOMIZE:-}" ] || [ -z "$found" ] || die "KUSTOMIZE=$found: expected kustomize 5.0 or newer"
done
[ "${1:-}" != --if-there ] || exit 1
command -v apt-get >/dev/null || die "none on PATH, and this is no Debian to fetch it from: install kustomize 5.0 or newer"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sources" "$work/lists/partial" "$work/archives/partial" "$cache"
apt=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$work/sources" -o "Dir::State::lists=$work/lists"
    -o "Dir::State::status=/dev/null" -o "Dir::Cache=$work" -o "APT::Sandbox::User=$(id -un)")

# The archive is the one this machine uses already; only the release differs, and only in lists of our own.
own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
archive=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    sed -n "s/^$own main //p" | head -n 1)
[ -n "$archive" ] || die "no Debian archive among this machine's apt sources: install kustomize 5.0 or newer"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $release main" >"$work/sources/debian.list"

say "fetching Debian's package"
(
    cd "$work"
    apt-get "${apt[@]}" -q update
    apt-get "${apt[@]}" -q download kustomize
    dpkg-deb -x kustomize_*.deb unpacked
) >"$cache/fetch.log" 2>&1 || die "it could not be fetched, see $cache/fetch.log"
is_new_enough "$work/unpacked/usr/bin/kustomize" || die "Debian's package does not run here"
# Whole or not at all: two that fetch at once leave one of both.
rm -rf "$cache/$release"
mv "$work/unpacked" "$cache/$release"
echo "$fetched"
