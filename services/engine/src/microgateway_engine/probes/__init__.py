"""The application's own probes, asked on behalf of the kubelet.

    kubelet ── GET :19001/app-health/shop/livez ──► prober ── the original probe ──► application

The application's port belongs to the redirect, so the webhook sends the kubelet here and leaves the
originals in `MICROGATEWAY_APP_PROBES`. Each is tried as the kubelet would: at the pod's address,
uninspected, uncounted.

definitions   the environment variable → HttpProbe | TcpProbe | GrpcProbe
outcomes      Succeeded | Failed
prober        path → outcome; each probe runs once at a time and no longer than it may
page          outcome → what the kubelet gets
http, tcp, grpc
"""
