#!/usr/bin/env bash
# Makes the public images that Dockerfile and docker-compose.yml start from available to the Docker daemon:
# what is there stays, else it is pulled, else (no registry in reach) it is built here from Debian packages
# under the same name, on the mirrors this machine's apt uses.
#
#   python:3.11-slim-bookworm   Debian's python3, with venv and pip
#   redis:7-bookworm            Debian's redis-server
#
# RENEW=1 builds both anew. Building needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PATH:/usr/sbin:/sbin

suite=bookworm
python_image=python:3.11-slim-$suite
redis_image=redis:7-$suite
packages="ca-certificates"

there() { docker image inspect "$1" >/dev/null 2>&1; }
pulled() { timeout 300 docker pull --quiet "$1" >/dev/null 2>&1; }

missing=()
for image in "$python_image" "$redis_image"; do
    if [ "${RENEW:-0}" != 1 ] && { there "$image" || pulled "$image"; }; then continue; fi
    missing+=("$image")
done
[ ${#missing[@]} -eq 0 ] && exit 0

[ "$(id -u)" -eq 0 ] || { echo "no registry gives ${missing[*]}, and building them needs root" >&2; exit 1; }
scripts/system-packages.sh debootstrap debian-archive-keyring

work=$(mktemp -d "${TMPDIR:-/var/tmp}/microgateway-base.XXXXXX")
# debootstrap mounts these two and leaves them when it is interrupted.
clean() {
    umount "$work"/*/proc "$work"/*/sys 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap clean EXIT
log=$work/log

# run WHAT COMMAND...: the command's output is shown only when it fails.
run() {
    local what=$1 started=$SECONDS status
    shift
    set +e # not `||`: bash ignores errexit inside a function called there
    (set -e; "$@") >"$log" 2>&1
    status=$?
    set -e
    [ "$status" -eq 0 ] || { tail -n 30 "$log" >&2; echo "failed: $what" >&2; exit 1; }
    echo "$what ($((SECONDS - started)) s)"
}

# The machine's apt lines for this suite; none on a machine that is not Debian, then debootstrap's default serves.
apt_lines() {
    # shellcheck disable=SC2016 # the variables are apt's
    apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
        grep -E "^deb [^ ]+ $suite(-updates|-security)? " || true
}

bootstrap() {
    local root=$1 mirror
    [ -n "$(apt_lines)" ] || apt-get update # where each line comes from is known from the package lists
    mirror=$(apt_lines | awk -v suite="$suite" '$3 == suite { print $2; exit }')
    debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${mirror:+"$mirror"}
    umount "$root/proc" "$root/sys" 2>/dev/null || true

    # Package installations in docker build go the way they go on this machine.
    if [ -n "$mirror" ]; then apt_lines >"$root/etc/apt/sources.list"; fi
    apt-config dump Acquire >"$root/etc/apt/apt.conf.d/90machine"
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
        chroot "$root" update-ca-certificates
    fi
    # As in the public images: no service starts at installation, no caches, no manuals.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    printf 'Dir::Cache::%s "";\n' pkgcache srcpkgcache >"$root/etc/apt/apt.conf.d/90no-cache"
    printf 'path-exclude /usr/share/%s/*\n' doc man info locale >"$root/etc/dpkg/dpkg.cfg.d/slim"
    rm -rf "$root"/usr/share/{doc,man,info,locale}/*
    chroot "$root" apt-get update
}

install_packages() {
    local root=$1
    shift
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# import ROOT IMAGE CHANGE...: the folder becomes an image with these Dockerfile instructions.
import() {
    local root=$1 image=$2 changes=()
    shift 2
    for change; do changes+=(--change "$change"); done
    find "$root"/var/lib/apt/lists "$root"/var/cache/apt "$root"/var/log "$root"/tmp -type f -delete
    tar --create --numeric-owner --one-file-system --directory "$root" . |
        docker import "${changes[@]}" --change "ENV LANG=C.UTF-8" - "$image"
}

python_base() {
    local root=$1
    install_packages "$root" python3 python3-venv python3-pip
    # The public image is a place to install into, and calls its interpreter `python` as well.
    rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
    ln -s python3 "$root/usr/bin/python"
}

redis_base() {
    local root=$1
    install_packages "$root" redis-server
    install -d -o 999 -g 999 "$root/data"
}

bootstrapped=$work/debian
run "Debian $suite from its packages" bootstrap "$bootstrapped"
for image in "${missing[@]}"; do
    root=$work/image
    rm -rf --one-file-system "$root"
    cp -a --reflink=auto "$bootstrapped" "$root"
    case $image in
    "$python_image")
        run "$image: python3" python_base "$root"
        run "$image: import" import "$root" "$image" 'CMD ["python3"]'
        ;;
    "$redis_image")
        run "$image: redis-server" redis_base "$root"
        run "$image: import" import "$root" "$image" 'WORKDIR /data' 'EXPOSE 6379' 'CMD ["redis-server"]'
        ;;
    esac
done
