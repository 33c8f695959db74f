#!/usr/bin/env bash
# Brings up a Kubernetes cluster of one node on this machine: Kubernetes 1.20 built from Debian's source
# package (scripts/kube-apiserver.sh --node), Debian's etcd, containerd, runc and CNI plugins. No registry of
# images is ever asked. What runs already is left alone, what has died is started again.
#
#   scripts/cluster/up.sh            10 s once built; prints how to reach it
#   scripts/cluster/load-images.sh   images of the Docker daemon into the cluster
#   scripts/cluster/down.sh          ends it, and gives back what was changed
#
#   etcd ◄─ kube-apiserver ◄─ controller-manager, scheduler, kube-proxy, dns.py
#                          ◄─ kubelet ─► containerd ─► CNI: bridge, portmap ─► pods 10.244.0.0/24 on mgwpods0
#
# All of it is in $CLUSTER_STATE, CNI directories included. Pods cannot leave the machine: what would go out by
# anything but their bridge is refused, and blackhole routes lie behind the cluster's ranges until it ends.
# To know: 1.20 has no policy/v1, no batch/v1 CronJob, no native sidecars, no CEL.
set -euo pipefail
# shellcheck source=scripts/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || die "needs root"
started=$SECONDS
umask 022

"$ROOT/scripts/system-packages.sh" etcd-server containerd runc containernetworking-plugins iptables iproute2 conntrack \
    curl openssl gcc libc6-dev procps mount
programs=$("$ROOT/scripts/kube-apiserver.sh" --node)

if [ -e "$STATE/boot" ] && [ "$(cat "$STATE/boot")" != "$BOOT" ]; then
    bash "$HERE/down.sh" # left behind by a reboot
fi
mkdir -p "$STATE"/{run,logs,pki,etc,cni/net.d,cni/bin,containerd,kubelet}
exec 9>"$STATE/run/lock"
flock 9
echo "$BOOT" >"$STATE/boot"

# ── certificates ────────────────────────────────────────────────────────────────────────────────────────
pki=$STATE/pki
if ! openssl verify -CAfile "$pki/ca.crt" "$pki/ca.crt" >/dev/null 2>&1; then
    rm -f "$pki"/*
    (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$pki/ca.key")
    openssl req -x509 -new -key "$pki/ca.key" -subj "/CN=microgateway-cluster" -days 365 \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -out "$pki/ca.crt"
    (umask 077 && openssl genrsa -out "$pki/accounts.key" 2048 2>/dev/null)
    openssl rsa -in "$pki/accounts.key" -pubout -out "$pki/accounts.pub" 2>/dev/null
fi
api=kubernetes.default
certificate apiserver "/CN=kube-apiserver" \
    "IP:127.0.0.1,IP:$NODE_IP,IP:$API_SERVICE_IP,DNS:localhost,DNS:kubernetes,DNS:$api,DNS:$api.svc,DNS:$api.svc.$DOMAIN"
certificate kubelet-server "/CN=$NODE_NAME" "IP:$NODE_IP,IP:127.0.0.1,DNS:$NODE_NAME"
certificate apiserver-kubelet "/O=system:masters/CN=kube-apiserver-kubelet"
certificate admin "/O=system:masters/CN=admin"
certificate controller-manager "/CN=system:kube-controller-manager"
certificate scheduler "/CN=system:kube-scheduler"
certificate kubelet "/O=system:nodes/CN=system:node:$NODE_NAME"
certificate proxy "/CN=system:kube-proxy"
certificate dns "/CN=system:serviceaccount:kube-system:kube-dns" # Kubernetes itself binds it to what it needs
kubeconfig "$KUBECONFIG_ADMIN" admin
for user in controller-manager scheduler kubelet proxy; do kubeconfig "$STATE/etc/$user.kubeconfig" $user; done

# ── network: an address for the node, a bridge for the pods ─────────────────────────────────────────────
note_sysctl() { # NAME [VALUE]: notes what it is for down.sh, then sets it
    local now
    now=$(sysctl -n "$1" 2>/dev/null) || return 0
    grep -q "^$1=" "$STATE/etc/sysctl" 2>/dev/null || echo "$1=$now" >>"$STATE/etc/sysctl"
    [ -z "${2:-}" ] || sysctl -qw "$1=$2"
}
for name in vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys \
    kernel.keys.root_maxbytes net.ipv4.conf.all.route_localnet; do
    note_sysctl $name # kubelet and kube-proxy set these
done
note_sysctl net.ipv4.ip_forward 1
note_sysctl net.bridge.bridge-nf-call-iptables 1
note_sysctl fs.inotify.max_user_instances 1024

for range in "$POD_CIDR" "$SERVICE_CIDR" "$NODE_IP/32"; do ip route replace blackhole "$range" metric 9999; done
ip link show "$NODE_DEVICE" >/dev/null 2>&1 || ip link add "$NODE_DEVICE" type bridge
ip address replace "$NODE_IP/32" dev "$NODE_DEVICE"
ip link set "$NODE_DEVICE" up
ip route replace "$SERVICE_CIDR" dev "$NODE_DEVICE" src "$NODE_IP"

# Before what Docker and others put there; pods talk to each other and to the node, to nobody else.
rule() { iptables --wait 10 "$@"; }
rule -N MGW-FORWARD 2>/dev/null || rule -F MGW-FORWARD
rule -A MGW-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
rule -A MGW-FORWARD -s "$POD_CIDR" ! -o "$POD_DEVICE" -j REJECT
rule -A MGW-FORWARD -s "$POD_CIDR" -j ACCEPT
rule -A MGW-FORWARD -d "$POD_CIDR" -j ACCEPT
rule -C FORWARD -j MGW-FORWARD 2>/dev/null || rule -I FORWARD 1 -j MGW-FORWARD

cp --update /usr/lib/cni/* "$STATE/cni/bin/"
conflist=$STATE/cni/net.d/10-pods.conflist
[ -s "$conflist" ] || cat >"$conflist" <<J
{ "cniVersion": "0.4.0", "name": "pods", "plugins": [
  { "type": "bridge", "bridge": "$POD_DEVICE", "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
    "ipam": { "type": "host-local", "dataDir": "$STATE/cni/addresses", "ranges": [[{ "subnet": "$POD_CIDR" }]] } },
  { "type": "portmap", "capabilities": { "portMappings": true }, "snat": true } ] }
J

# ── etcd, API server, containerd, kubelet ───────────────────────────────────────────────────────────────
say "starting etcd, kube-apiserver, containerd, kubelet"
etcd=http://127.0.0.1:$ETCD_PORT peer=http://127.0.0.1:$((ETCD_PORT + 1))
start etcd etcd --name microgateway --data-dir "$STATE/etcd" --log-level warn \
    --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "microgateway=$peer"
start kube-apiserver "$programs/kube-apiserver" \
    --advertise-address="$NODE_IP" --secure-port="$API_PORT" --etcd-servers="$etcd" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-client-certificate="$pki/apiserver-kubelet.crt" \
    --kubelet-client-key="$pki/apiserver-kubelet.key" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer="https://$api.svc.$DOMAIN" --service-account-key-file="$pki/accounts.pub" \
    --service-account-signing-key-file="$pki/accounts.key" --service-cluster-ip-range="$SERVICE_CIDR" \
    --enable-bootstrap-token-auth=false --profiling=false

cat >"$STATE/etc/containerd.toml" <<T
version = 2
root = "$STATE/containerd/root"
state = "$STATE/containerd/state"
[grpc]
  address = "$CONTAINERD"
[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "local/pause:1"
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  restrict_oom_score_adj = true # root may lack CAP_SYS_RESOURCE
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$STATE/cni/bin"
    conf_dir = "$STATE/cni/net.d"
T
start containerd containerd --config "$STATE/etc/containerd.toml"
wait_for 30 containerd kctr version
if ! kctr images ls -q | grep -qx docker.io/local/pause:1; then
    bash "$HERE/pause-image.sh" "$STATE/etc/pause.tar" 9>&-
    kctr images import "$STATE/etc/pause.tar" >/dev/null
fi
cat >"$STATE/etc/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet-server.crt
tlsPrivateKeyFile: $pki/kubelet-server.key
cgroupDriver: cgroupfs
failSwapOn: false
clusterDomain: $DOMAIN
clusterDNS: [$DNS_SERVICE_IP]
volumePluginDir: $STATE/kubelet/volumeplugins
imageGCHighThresholdPercent: 100 # an image that was collected could not be pulled again
nodeStatusUpdateFrequency: 2s
evictionHard: {memory.available: 100Mi, nodefs.available: 1Gi, imagefs.available: 1Gi, nodefs.inodesFree: 1%}
Y
# Without the variable this kubelet asks a cloud's metadata address for credentials.
start kubelet env AWS_EC2_METADATA_DISABLED=true "$programs/kubelet" --config="$STATE/etc/kubelet.yaml" \
    --kubeconfig="$STATE/etc/kubelet.kubeconfig" --root-dir="$STATE/kubelet" --cert-dir="$STATE/kubelet/pki" \
    --hostname-override="$NODE_NAME" --node-ip="$NODE_IP" \
    --container-runtime=remote --container-runtime-endpoint="unix://$CONTAINERD"
wait_for 60 kube-apiserver k get --raw /readyz

# ── the rest ────────────────────────────────────────────────────────────────────────────────────────────
say "starting controller-manager, scheduler, kube-proxy, dns"
start kube-controller-manager "$programs/kube-controller-manager" \
    --kubeconfig="$STATE/etc/controller-manager.kubeconfig" --leader-elect=false \
    --use-service-account-credentials=true --service-account-private-key-file="$pki/accounts.key" \
    --root-ca-file="$pki/ca.crt" --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --flex-volume-plugin-dir="$STATE/kubelet/volumeplugins" --bind-address=127.0.0.1 --port=0
start kube-scheduler "$programs/kube-scheduler" --kubeconfig="$STATE/etc/scheduler.kubeconfig" \
    --leader-elect=false --bind-address=127.0.0.1 --port=0
cat >"$STATE/etc/proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
bindAddress: $NODE_IP
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
nodePortAddresses: [$NODE_IP/32, 127.0.0.0/8]
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
clientConnection: {kubeconfig: $STATE/etc/proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
Y
start kube-proxy "$programs/kube-proxy" --config="$STATE/etc/proxy.yaml"
start dns "$PYTHON" "$HERE/dns.py" --api "https://127.0.0.1:$API_PORT" --authority "$pki/ca.crt" \
    --certificate "$pki/dns.crt" --key "$pki/dns.key" --listen "$NODE_IP" --domain "$DOMAIN"
k apply --validate=false --filename - >/dev/null <<Y
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  clusterIP: $DNS_SERVICE_IP
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: kube-dns, namespace: kube-system}
subsets:
- addresses: [{ip: $NODE_IP}]
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
Y

node() { k get node "$NODE_NAME" --output "jsonpath=$1"; }
node_is_ready() { node '{.status.conditions[?(@.type=="Ready")].status}' | grep -qx True; }
is_untainted() { ! node '{.spec.taints[*].key}' | grep -q not-ready; }
wait_for 60 kubelet curl --silent --fail http://127.0.0.1:10248/healthz
wait_for 30 kubelet node '{.metadata.name}'
# The controller-manager would do it after a sleep of 10 s.
[ -n "$(node '{.spec.podCIDR}')" ] ||
    k patch node "$NODE_NAME" --patch "{\"spec\":{\"podCIDR\":\"$POD_CIDR\",\"podCIDRs\":[\"$POD_CIDR\"]}}" >/dev/null
wait_for 90 kubelet node_is_ready
wait_for 60 kube-controller-manager k --namespace default get serviceaccount default
wait_for 30 kube-controller-manager is_untainted
wait_for 30 kube-proxy curl --silent --fail http://127.0.0.1:10256/healthz
wait_for 30 dns "$PYTHON" "$HERE/dns.py" --query "kubernetes.default.svc.$DOMAIN" --listen "$NODE_IP"
say "up in $((SECONDS - started)) s: export KUBECONFIG=$KUBECONFIG_ADMIN"
