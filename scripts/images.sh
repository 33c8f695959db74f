#!/usr/bin/env bash
# Builds the images microgateway/<target>:dev: all, or the targets named on the command line. Starts a Docker
# daemon and makes base images where there are none.
#
# Python packages are fetched here, by the pip of this machine and its settings, into build/wheels: the
# builds need no package index, and one that only this machine reaches is good enough.
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${TAG:-dev}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(reconciler engine config-api webhook cni netcheck redirect demo-application)
pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet --quiet)

scripts/setup.sh
scripts/docker-daemon.sh
scripts/base-images.sh

# The packages of every lock, for the Python of the images: its patch release is not this machine's, so
# markers are no reason to leave a package out.
fetch_wheels() {
    local wheels=build/wheels wanted lock
    local locks=(requirements/{reconciler,engine,config-api,webhook}.txt)
    wanted=$(cat "${locks[@]}" requirements/dev.txt scripts/build-backend.sh | sha256sum)
    # Wheels of another operating system are of no use in an image; there, the builds ask the index.
    [ "$(uname -s)" = Linux ] || return 0
    [ "$(cat build/wheels.stamp 2>/dev/null)" = "$wanted" ] && return 0
    rm -rf "$wheels" build/locks
    mkdir -p "$wheels" build/locks
    for lock in "${locks[@]}"; do
        sed 's/ ; [^\\]*\\$/ \\/' "$lock" >"build/locks/$(basename "$lock")"
    done
    sh scripts/build-backend.sh requirements/dev.txt >build/locks/backend.txt
    for lock in build/locks/*.txt; do
        "${pip[@]}" download --no-deps --require-hashes --only-binary :all: --python-version 3.11 \
            --dest "$wheels" --requirement "$lock"
    done
    echo "$wanted" >build/wheels.stamp
}

# BuildKit comes with the plugin buildx, which Debian's docker.io lacks.
docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0

mkdir -p build
exec 9>build/images.lock
flock 9
fetch_wheels
for target in "${targets[@]}"; do
    started=$SECONDS
    log=build/image-$target.log
    docker build --force-rm --target "$target" --tag "microgateway/$target:$tag" . >"$log" 2>&1 ||
        { tail -n 30 "$log" >&2; echo "the image $target does not build, see $log" >&2; exit 1; }
    echo "microgateway/$target:$tag ($((SECONDS - started)) s)"
done
