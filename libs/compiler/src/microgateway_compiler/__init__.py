"""The compile pipeline: manifests in, engine configurations and statuses out. No I/O and no clock.

    text ─ documents ─► objects ─ store ─► resolve ─► compile ─► ir.GatewayConfig
                                    │ index: which gateways does this object touch
                                    └ selection: which gateway owns which pod

Document         a mapping of a manifest file, with its line
KubernetesObject a document as one of our resources, a Pod, a ConfigMap or a Secret
Store            all objects by reference; the first of duplicates counts
Selection        pods and the gateways that select them; the oldest owns
ResolvedGateway  a SidecarGateway with the objects its references name
Part             the IR of one resource, compiled once however many gateways share it
GatewayOutcome   a gateway's configuration, or that it failed; its problems and pods
redacted_manifest  a manifest without secrets, for whoever may know what was compiled
Pipeline         all of it, incrementally: a change costs what it touches

Reconciler, webhook, config-api and CLI use it; services do not import each other.
"""
