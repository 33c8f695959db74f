#!/usr/bin/env bash
# Ends what up.sh started, by the pids it noted, and takes its network, mounts and control groups away.
#
#   scripts/cluster/down.sh           keeps images, certificates and logs, so that the next start is fast
#   scripts/cluster/down.sh --purge   removes $CLUSTER_STATE
set -euo pipefail
# shellcheck source=scripts/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
case ${1:-} in '' | --purge) ;; *) die "usage: down.sh [--purge]" ;; esac
[ "$(id -u)" -eq 0 ] || die "needs root"
[ -e "$STATE/boot" ] || { say "nothing in $STATE"; exit 0; }
mkdir -p "$STATE/run" "$STATE/logs"
exec 9>"$STATE/run/lock"
flock 9
started=$SECONDS

# Pods first, through the kubelet, so that CNI plugins see their DEL; nobody may make new ones meanwhile.
stop kube-controller-manager
stop kube-scheduler
if pid_of kube-apiserver >/dev/null && pid_of kubelet >/dev/null && pid_of containerd >/dev/null; then
    k delete validatingwebhookconfigurations,mutatingwebhookconfigurations --all --timeout=10s >/dev/null 2>&1 || true
    k delete pods --all --all-namespaces --grace-period=2 --wait=false >/dev/null 2>"$STATE/logs/down.log" || true
    # Not until the API server has forgotten them (10 s), but until containers and addresses are gone.
    for ((n = 0; n < 300; n++)); do
        left=$(kctr tasks ls -q 2>/dev/null; find "$STATE/cni/addresses" -name '[0-9]*.*' 2>/dev/null) || true
        [ -n "$left" ] || break
        sleep 0.1
    done
    [ -z "$left" ] || echo "some pods did not end in time: $left" >>"$STATE/logs/down.log"
fi
stop kubelet
stop kube-proxy
stop dns

# What is left: containers of this containerd, then their shims.
if pid_of containerd >/dev/null; then
    for task in $(kctr tasks ls -q 2>/dev/null); do kctr tasks kill -s KILL "$task" >/dev/null 2>&1 || true; done
    for container in $(kctr containers ls -q 2>/dev/null); do
        kctr tasks rm -f "$container" >/dev/null 2>&1 || true
        kctr containers rm "$container" >/dev/null 2>&1 || true
    done
fi
for process in /proc/[0-9]*; do
    command=$(tr '\0' ' ' 2>/dev/null <"$process/cmdline") || continue
    case $command in *containerd-shim*"-address $CONTAINERD"*) stop_pid "${process#/proc/}" 3 ;; esac
done
stop containerd
stop kube-apiserver
stop etcd

for _ in 1 2 3; do
    awk -v state="$STATE/" 'index($2, state) == 1 { print $2 }' /proc/mounts | sort -r |
        while read -r mount; do umount "$mount" 2>/dev/null || umount -l "$mount" || true; done
done
for group in /sys/fs/cgroup/*/kubepods /sys/fs/cgroup/kubepods; do
    [ -d "$group" ] || continue
    find "$group" -name cgroup.procs -exec cat {} + | sort -u | while read -r pid; do stop_pid "$pid" 1; done
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
done

# Our links; our chains, and those of kube-proxy, kubelet and portmap.
ip link delete "$POD_DEVICE" 2>/dev/null || true
ip link delete "$NODE_DEVICE" 2>/dev/null || true
for table in filter nat mangle; do
    rules=$(iptables --wait 10 -t $table -S 2>/dev/null)
    mine='(KUBE|CNI|MGW)-[A-Za-z0-9_-]+'
    { grep -E "^-A [A-Z]+ .*-j $mine" <<<"$rules" | grep -vE "^-A $mine" || true; } |
        while read -r rule; do eval "iptables --wait 10 -t $table ${rule/#-A/-D}"; done
    mapfile -t chains < <(sed -nE "s/^-N ($mine)$/\1/p" <<<"$rules")
    for chain in "${chains[@]}"; do iptables --wait 10 -t $table -F "$chain"; done
    for chain in "${chains[@]}"; do iptables --wait 10 -t $table -X "$chain"; done
done
if [ -s "$STATE/etc/sysctl" ]; then
    # Forwarding stays: Docker may have begun to need it.
    { grep -v '^net.ipv4.ip_forward=' "$STATE/etc/sysctl" || true; } |
        while read -r setting; do sysctl -qw "$setting" || true; done
    rm -f "$STATE/etc/sysctl"
fi

rm -rf --one-file-system "$STATE/cni" "$STATE/kubelet" "$STATE/etcd"
for range in "$POD_CIDR" "$SERVICE_CIDR" "$NODE_IP/32"; do
    ip route delete blackhole "$range" metric 9999 2>/dev/null || true
done
if [ "${1:-}" = --purge ]; then
    ! grep -q " $STATE/" /proc/mounts || die "something is still mounted below $STATE"
    rm -rf --one-file-system "$STATE"
fi
say "down in $((SECONDS - started)) s"
