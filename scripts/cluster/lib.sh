# shellcheck shell=bash disable=SC2034 # the settings are for whoever sources it
# Settings and helpers of the cluster's scripts; sourced, never run. CLUSTER_… can come from the environment.
export HOME=${HOME:-/root} PATH=$PATH:/usr/sbin:/sbin
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)

# Sockets lie in it, whose paths may have 107 characters.
STATE=${CLUSTER_STATE:-${XDG_CACHE_HOME:-$HOME/.cache}/microgateway/cluster}
NODE_NAME=microgateway-node
NODE_IP=10.245.0.1
API_PORT=${CLUSTER_API_PORT:-16443}
ETCD_PORT=${CLUSTER_ETCD_PORT:-23790} # its peer port is the next
POD_CIDR=10.244.0.0/24
SERVICE_CIDR=10.96.0.0/16
API_SERVICE_IP=10.96.0.1
DNS_SERVICE_IP=10.96.0.10
DOMAIN=cluster.local
NODE_DEVICE=mgwnode0 # carries NODE_IP
POD_DEVICE=mgwpods0  # the CNI bridge
KUBECONFIG_ADMIN=$STATE/kubeconfig
CONTAINERD=$STATE/containerd/containerd.sock
PYTHON=$ROOT/.venv/bin/python
BOOT=$(cat /proc/sys/kernel/random/boot_id)

say() { printf 'cluster: %s\n' "$*"; }
die() { printf 'cluster: %s\n' "$*" >&2; exit 1; }
k() { kubectl --kubeconfig "$KUBECONFIG_ADMIN" "$@"; }
kctr() { ctr --address "$CONTAINERD" --namespace k8s.io "$@"; }

# ── processes: a pid is ours only with the start time and the boot that were noted ──────────────────────

start_time() { sed 's/.*) //; /^[ZX]/d' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; } # empty: ended
pid_of() { # NAME: prints its pid, fails when it does not run
    local pid start boot
    read -r pid start boot 2>/dev/null <"$STATE/run/$1.pid" || return 1
    [ "$boot" = "$BOOT" ] && [ -n "$start" ] && [ "$(start_time "$pid")" = "$start" ] && echo "$pid"
}
start() { # NAME COMMAND...: nothing when it runs already
    local name=$1 pid
    shift
    if pid_of "$name" >/dev/null; then return 0; fi
    setsid nohup "$@" >>"$STATE/logs/$name.log" 2>&1 </dev/null 9>&- &
    pid=$!
    echo "$pid $(start_time "$pid") $BOOT" >"$STATE/run/$name.pid"
}
stop_pid() { # PID SECONDS
    local n
    kill -TERM "$1" 2>/dev/null || return 0
    for ((n = 0; n < $2 * 10; n++)); do
        [ -n "$(start_time "$1")" ] || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
}
stop() { # NAME
    local pid
    if pid=$(pid_of "$1"); then stop_pid "$pid" 10; fi
    rm -f "$STATE/run/$1.pid"
}
wait_for() { # SECONDS NAME COMMAND...: until the command succeeds; the end of NAME ends the wait
    local limit=$((SECONDS + $1)) name=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ -e "$STATE/run/$name.pid" ] && ! pid_of "$name" >/dev/null; then
            tail -n 5 "$STATE/logs/$name.log" >&2
            die "$name has ended, see $STATE/logs/$name.log"
        fi
        [ $SECONDS -lt $limit ] || die "$name: expected \`$*\` to succeed in time, see $STATE/logs/$name.log"
        sleep 0.2
    done
}

# ── certificates ────────────────────────────────────────────────────────────────────────────────────────

certificate() { # NAME SUBJECT [SAN,SAN...]: $STATE/pki/NAME.crt and .key by the cluster's CA; kept while good
    local at=$STATE/pki/$1 subject=$2 names=${3:-}
    if [ -s "$at.key" ] && openssl verify -CAfile "$STATE/pki/ca.crt" "$at.crt" >/dev/null 2>&1; then return 0; fi
    {
        echo "basicConstraints=CA:FALSE"
        echo "keyUsage=digitalSignature,keyEncipherment"
        echo "extendedKeyUsage=serverAuth,clientAuth"
        [ -z "$names" ] || echo "subjectAltName=$names"
    } >"$at.extensions"
    (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$at.key")
    openssl req -new -key "$at.key" -subj "$subject" -out "$at.csr"
    openssl x509 -req -in "$at.csr" -CA "$STATE/pki/ca.crt" -CAkey "$STATE/pki/ca.key" \
        -set_serial "0x$(openssl rand -hex 8)" -days 365 -extfile "$at.extensions" -out "$at.crt" 2>/dev/null
    rm -f "$at.csr" "$at.extensions"
}
kubeconfig() { # FILE NAME: for the certificate of that name
    local authority certificate key
    authority=$(base64 -w0 <"$STATE/pki/ca.crt")
    certificate=$(base64 -w0 <"$STATE/pki/$2.crt")
    key=$(base64 -w0 <"$STATE/pki/$2.key")
    (umask 077 && cat >"$1") <<Y
apiVersion: v1
kind: Config
current-context: microgateway
clusters: [{name: microgateway, cluster: {server: "https://127.0.0.1:$API_PORT", certificate-authority-data: $authority}}]
users: [{name: $2, user: {client-certificate-data: $certificate, client-key-data: $key}}]
contexts: [{name: microgateway, context: {cluster: microgateway, user: $2}}]
Y
}
