#!/usr/bin/env bash
# Copies images of the Docker daemon into the cluster's containerd, those that it lacks or has another version of.
# Pods need imagePullPolicy Never or IfNotPresent.
#
#   scripts/cluster/load-images.sh NAME:TAG...
set -euo pipefail
# shellcheck source=scripts/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
[ $# -gt 0 ] || die "usage: load-images.sh NAME:TAG..."
pid_of containerd >/dev/null || die "no cluster runs: scripts/cluster/up.sh"

full() { # the name that containerd knows it by
    case $1 in
    */*) case ${1%%/*} in *.* | *:* | localhost) echo "$1" ;; *) echo "docker.io/$1" ;; esac ;;
    *) echo "docker.io/library/$1" ;;
    esac
}

wanted=()
there=$(kctr images ls)
for name; do
    id=$(docker image inspect --format '{{.Id}}' "$name") || die "Docker has no image $name"
    grep "^$(full "$name") " <<<"$there" | grep -q "microgateway.docker-id=$id" || wanted+=("$name")
done
[ ${#wanted[@]} -gt 0 ] || exit 0
docker save "${wanted[@]}" | kctr images import - >/dev/null
for name in "${wanted[@]}"; do
    id=$(docker image inspect --format '{{.Id}}' "$name")
    kctr images label "$(full "$name")" "microgateway.docker-id=$id" >/dev/null
done
say "loaded ${wanted[*]}"
