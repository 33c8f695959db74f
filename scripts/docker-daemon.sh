#!/usr/bin/env bash
# Makes a Docker daemon answer on $DOCKER_HOST (unix:///var/run/docker.sock unless set). One that already
# answers is used as it is; otherwise root starts Debian's dockerd with a data root of its own.
#
#   scripts/docker-daemon.sh         start, unless one answers
#   scripts/docker-daemon.sh stop    stop the one this script started; images and layers stay
#
# DOCKER_STATE   folder of the daemon this script starts (default: the user's cache)
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PATH:/usr/sbin:/sbin

export DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}
state=${DOCKER_STATE:-${XDG_CACHE_HOME:-$HOME/.cache}/microgateway/docker}

# Most capable first. A sandbox may lack netfilter, bridges or overlay mounts; each step gives one up.
attempts=(
    "--storage-driver=overlay2"
    "--storage-driver=overlay2 --iptables=false --ip6tables=false"
    "--storage-driver=vfs"
    "--storage-driver=vfs --iptables=false --ip6tables=false"
    "--storage-driver=vfs --iptables=false --ip6tables=false --bridge=none"
)

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# The daemon's pid if it is still the process that this script started: a pid alone may be reused.
running() {
    local pid start
    read -r pid start 2>/dev/null <"$state/started" || return 1
    [ "$(start_time "$pid")" = "$start" ] && echo "$pid"
}
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

stop() {
    local pid
    pid=$(running) || { echo "no daemon started from $state runs"; return 0; }
    kill -TERM "$pid"
    for _ in $(seq 200); do
        [ -d "/proc/$pid" ] || break
        sleep 0.1
    done
    [ ! -d "/proc/$pid" ] || { echo "dockerd, pid $pid, still runs after 20 s; see $state/log" >&2; exit 1; }
    rm -f "$state/started"
    umount "$state/data" 2>/dev/null || true # dockerd mounts it on itself, and then it cannot be removed
    echo "dockerd stopped, its images stay in $state/data"
}

# Starts dockerd with the given options; fails when it ends or is still silent after 30 s.
try() {
    local pid
    echo "--- dockerd $*" >>"$state/log"
    rm -f "$state/pid"
    # shellcheck disable=SC2086 # the options are several words
    setsid nohup dockerd --host "$DOCKER_HOST" --data-root "$state/data" --exec-root "$state/exec" \
        --pidfile "$state/pid" $1 >>"$state/log" 2>&1 </dev/null 9>&- &
    pid=$!
    echo "$pid $(start_time "$pid")" >"$state/started"
    for _ in $(seq 300); do
        [ -d "/proc/$pid" ] || return 1
        answers && return 0
        sleep 0.1
    done
    stop >/dev/null
    return 1
}

if [ "${1:-start}" = stop ]; then
    stop
    exit 0
fi

answers && exit 0
[ "$(id -u)" -eq 0 ] || { echo "no Docker daemon answers on $DOCKER_HOST, and only root can start one" >&2; exit 1; }
case $DOCKER_HOST in
unix://*) ;;
*) echo "no Docker daemon answers on $DOCKER_HOST, and this script starts one on a unix socket only" >&2; exit 1 ;;
esac
command -v dockerd >/dev/null || scripts/system-packages.sh docker.io iptables

mkdir -p "$state" "$(dirname "${DOCKER_HOST#unix://}")"
exec 9>"$state/lock"
flock 9
answers && exit 0
for options in "${attempts[@]}"; do
    if try "$options"; then
        echo "dockerd answers on $DOCKER_HOST ($options), pid $(running); its state is in $state"
        echo "stop it with: scripts/docker-daemon.sh stop"
        exit 0
    fi
done
echo "dockerd does not start here, the last lines of $state/log:" >&2
tail -n 5 "$state/log" >&2
exit 1
