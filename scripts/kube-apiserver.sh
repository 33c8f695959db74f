#!/usr/bin/env bash
# Prints the folder with a real `kube-apiserver` and `etcd` for the tests, making it first where it is missing:
#
#   $KUBEBUILDER_ASSETS                             if set, as it is
#   ${XDG_CACHE_HOME:-~/.cache}/microgateway/kube   else: Kubernetes 1.20.2, built once from Debian's source
#                                                   package (4 minutes on 2 cores, 4 GB of scratch space that
#                                                   is given back), and Debian's etcd
#
# --node       also what makes a node: kubelet, kube-controller-manager, kube-scheduler, kube-proxy (2 minutes more,
#              by themselves 4)
# --if-there   never builds; exits with 1 where something is missing
#
# Progress goes to stderr. Building needs root for the packages it needs: Go, etcd, kubectl, dpkg-dev.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=(kube-apiserver)
may_build=1
for option; do
    case $option in
    --node) programs+=(kubelet kube-controller-manager kube-scheduler kube-proxy) ;;
    --if-there) may_build=0 ;;
    *) echo "usage: $0 [--node] [--if-there]" >&2; exit 2 ;;
    esac
done

cache=${XDG_CACHE_HOME:-$HOME/.cache}/microgateway/kube
folder=${KUBEBUILDER_ASSETS:-$cache}
# What the binaries are made of; another stamp than this one is another build.
stamp="kubernetes 1.20.2, reflect2 1.0.2"

is_ours() { [ "$folder" != "$cache" ] || [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ]; }
missing() {
    local program
    for program in "${programs[@]}"; do
        is_ours && [ -x "$folder/$program" ] || echo "$program"
    done
}
complete() { [ -x "$folder/etcd" ] && [ -z "$(missing)" ]; }

say() { echo "kube-apiserver: $*" >&2; }
die() { say "$*"; exit 1; }

if complete; then echo "$folder"; exit 0; fi
[ $may_build -eq 1 ] || exit 1
[ "$folder" = "$cache" ] || die "expected etcd ${programs[*]} in KUBEBUILDER_ASSETS=$folder"
[ "$(uname -m)" = x86_64 ] || die "the build is known to work on x86_64 only; set KUBEBUILDER_ASSETS"

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # two test runs build once
if complete; then echo "$folder"; exit 0; fi

packages=(golang-go gcc libc6-dev make rsync dpkg-dev etcd-server golang-github-modern-go-reflect2-dev)
# Another package may have brought a kubectl, and two cannot be installed.
command -v kubectl >/dev/null || packages+=(kubernetes-client)
scripts/system-packages.sh "${packages[@]}" >&2

log=$cache/build.log
work=$(mktemp -d "${TMPDIR:-/var/tmp}/microgateway-kube.XXXXXX")
: >"$log"
heart=
clean() {
    [ -z "$heart" ] || kill "$heart" 2>/dev/null || true
    chmod -R u+w "$work" 2>/dev/null || true # Go's module cache is read-only
    rm -rf --one-file-system "$work"
}
trap clean EXIT
started=$SECONDS

# The machine's own apt lines, for sources instead of binaries, with package lists of their own.
say "fetching Debian's source package (log: $log)"
mkdir -p "$work/sources" "$work/lists/partial"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ ! -e "$file" ] || sed -n 's/^deb /deb-src /p' "$file" >"$work/sources/$(basename "$file" .list).list"
done
for file in /etc/apt/sources.list.d/*.sources; do
    [ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/sources/$(basename "$file")"
done
apt=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$work/sources" -o "Dir::State::lists=$work/lists"
    -o "APT::Sandbox::User=root")
(
    cd "$work"
    apt-get "${apt[@]}" update
    apt-get "${apt[@]}" source --download-only kubernetes
    dpkg-source -x kubernetes_*.dsc source
) >>"$log" 2>&1 || die "no source package, see $log"

# The vendored reflect2 1.0.1 corrupts memory with Go >= 1.18 wherever json-iterator encodes a map: the server
# would die of SIGSEGV in the first mutating admission that answers with a patch.
vendored=$work/source/vendor/github.com/modern-go/reflect2
rm -f "$vendored"/*.go "$vendored"/*.s
cp /usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} "$vendored/"

mapfile -t wanted < <(missing)
say "building ${wanted[*]}, 4 to 6 minutes"
while sleep 30; do say "still building, $((SECONDS - started)) s"; done &
heart=$!
(
    cd "$work/source"
    CGO_ENABLED=0 GOFLAGS=-mod=vendor GOPROXY=off GOCACHE=$work/go-cache \
        make WHAT="${wanted[*]/#/cmd/}" GOLDFLAGS="-s -w"
) >>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "the build failed, see $log"; }

for program in "${wanted[@]}"; do
    install -m 755 "$work/source/_output/local/bin/linux/amd64/$program" "$cache/$program.new"
    mv "$cache/$program.new" "$cache/$program"
done
ln -sf "$(command -v etcd)" "$cache/etcd"
echo "$stamp" >"$cache/stamp"
say "built in $((SECONDS - started)) s"
echo "$folder"
