# One file, a target per image:
#
#   reconciler  engine  config-api  webhook  cni  netcheck  redirect  demo-application
#
#   docker build --target engine --tag microgateway/engine:dev .      one, packages from pip's index
#   scripts/images.sh                                                 all, packages fetched on the host first
#
#   builder ──► <member>-packages ──┐
#      └─────► members (wheels) ────┴─► /opt/microgateway ──► <target>
#
# Third-party packages are installed by their lock, hashes checked. Wheels in build/wheels, which
# scripts/images.sh puts there, are the only source when there are any: the build then needs no index.
#
# Images run as a user without a name, write nowhere but to what is mounted, and contain no pip.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# ── tools to build with ──────────────────────────────────────────────────────────────────────────────
FROM ${PYTHON_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The pattern may match nothing: a COPY needs one source that exists.
COPY requirements scripts/build-backend.sh build/wheel[s] ./locked/
RUN if ls locked/*.whl >/dev/null 2>&1; then printf '[global]\nno-index = true\nfind-links = /build/locked\n' >/etc/pip.conf; fi \
 && sh locked/build-backend.sh locked/dev.txt >backend.txt \
 && python3 -m pip install --quiet --require-hashes -r backend.txt
# The interpreter is the runtime image's own, which is why both start from one image.
RUN python3 -m venv --without-pip /opt/microgateway

FROM builder AS members
COPY libs libs
COPY services services
RUN python3 -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels \
    libs/common libs/compiler libs/inspection libs/cli \
    services/reconciler services/engine services/config-api services/netcheck services/cni services/webhook

# ── third-party packages, then the members: a change of ours reuses the former layer ───────────────────
FROM builder AS reconciler-build
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --require-hashes -r locked/reconciler.txt
COPY --from=members /build/wheels/microgateway_common-*.whl /build/wheels/microgateway_compiler-*.whl \
    /build/wheels/microgateway_reconciler-*.whl wheels/
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --no-deps --no-index wheels/*

# The public image has Python's headers, one made of Debian's packages may not.
FROM builder AS engine-build
RUN apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends gcc libc6-dev \
 && { python3 -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("include"), "Python.h").stat()' 2>/dev/null \
    || apt-get install --quiet --yes --no-install-recommends python3-dev; }
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --require-hashes -r locked/engine.txt
COPY --from=members /build/wheels/microgateway_common-*.whl /build/wheels/microgateway_inspection-*.whl \
    /build/wheels/microgateway_engine-*.whl wheels/
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --no-deps --no-index wheels/*
COPY scripts/compile_hot_path.py scripts/
RUN python3 scripts/compile_hot_path.py /opt/microgateway/bin/python

FROM builder AS config-api-build
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --require-hashes -r locked/config-api.txt
COPY --from=members /build/wheels/microgateway_common-*.whl /build/wheels/microgateway_compiler-*.whl \
    /build/wheels/microgateway_inspection-*.whl /build/wheels/microgateway_config_api-*.whl wheels/
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --no-deps --no-index wheels/*

FROM builder AS webhook-build
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --require-hashes -r locked/webhook.txt
COPY --from=members /build/wheels/microgateway_common-*.whl /build/wheels/microgateway_compiler-*.whl \
    /build/wheels/microgateway_webhook-*.whl wheels/
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --no-deps --no-index wheels/*

FROM builder AS netcheck-build
COPY --from=members /build/wheels/microgateway_netcheck-*.whl wheels/
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --no-deps --no-index wheels/*

FROM builder AS redirect-build
COPY --from=members /build/wheels/microgateway_cni-*.whl wheels/
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --no-deps --no-index wheels/*

# The agent, and the plugin as a folder that runs on the node, where there is no Python (docs/decisions/0015).
# libpython3.11: PyInstaller needs the shared library, which Debian's python3 lacks and the public image has.
FROM builder AS cni-build
RUN apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends \
    binutils gcc libc6-dev libpython3.11 nftables util-linux
COPY --from=members /build/wheels/microgateway_cni-*.whl wheels/
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --no-deps --no-index wheels/*
COPY scripts/cni-bundle.sh scripts/
COPY services/cni services/cni
RUN PYTHON=python3 bash scripts/cni-bundle.sh /opt/microgateway-cni

# Of the command line only the demo, which needs the standard library alone: no third-party packages.
FROM builder AS demo-application-build
COPY --from=members /build/wheels/microgateway_common-*.whl /build/wheels/microgateway_cli-*.whl wheels/
RUN python3 -m pip --python /opt/microgateway/bin/python install --quiet --no-deps --no-index wheels/*

# ── what runs ────────────────────────────────────────────────────────────────────────────────────────
FROM ${PYTHON_IMAGE} AS runtime
LABEL org.opencontainers.image.title="Microgateway" \
      org.opencontainers.image.description="Web application and API firewall as a sidecar" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN python3 -c 'import pathlib, pip, shutil; shutil.rmtree(pathlib.Path(pip.__file__).parent)'
ENV PATH=/opt/microgateway/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /
# 65532 is the user `nonroot` of the distroless images.
USER 65532:65532

FROM runtime AS reconciler
COPY --from=reconciler-build /opt/microgateway /opt/microgateway
ENTRYPOINT ["microgateway-reconciler"]

FROM runtime AS config-api
COPY --from=config-api-build /opt/microgateway /opt/microgateway
# As in the engine's image: the first explanation takes milliseconds instead of seconds.
ENV MICROGATEWAY_CACHE_DIR=/var/cache/microgateway
USER 0:0
RUN python3 -c 'import pathlib; from microgateway_inspection.rule_set import RuleSet; RuleSet.load(pathlib.Path("/var/cache/microgateway"))' \
 && chmod -R a+rX "$MICROGATEWAY_CACHE_DIR"
USER 65532:65532
ENTRYPOINT ["microgateway-config-api"]

FROM runtime AS webhook
COPY --from=webhook-build /opt/microgateway /opt/microgateway
EXPOSE 9443
ENTRYPOINT ["microgateway-webhook"]

FROM runtime AS netcheck
COPY --from=netcheck-build /opt/microgateway /opt/microgateway
ENTRYPOINT ["microgateway-netcheck"]

# The two images with root: a capability reaches a process only as root, and netfilter needs NET_ADMIN.
FROM runtime AS netfilter
USER 0:0
RUN apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends nftables \
 && rm -rf /var/lib/apt/lists/*

FROM netfilter AS redirect
COPY --from=redirect-build /opt/microgateway /opt/microgateway
ENTRYPOINT ["microgateway-redirect"]

FROM netfilter AS cni
COPY --from=cni-build /opt/microgateway-cni /opt/microgateway-cni
COPY --from=cni-build /opt/microgateway /opt/microgateway
EXPOSE 19010
ENTRYPOINT ["microgateway-cni-agent"]
CMD ["run"]

FROM runtime AS demo-application
COPY --from=demo-application-build /opt/microgateway /opt/microgateway
EXPOSE 8080
ENTRYPOINT ["python3", "-m", "microgateway_cli.demo_application"]

FROM runtime AS engine
COPY --from=engine-build /opt/microgateway /opt/microgateway
# The rules' database is compiled once, here: a start takes milliseconds instead of seconds.
ENV MICROGATEWAY_CACHE_DIR=/var/cache/microgateway
USER 0:0
RUN microgateway-engine warm \
 && chmod -R a+rX "$MICROGATEWAY_CACHE_DIR" \
 && install -d -o 65532 -g 65532 -m 0700 /var/lib/microgateway
USER 65532:65532
EXPOSE 13378 19001 19002
ENTRYPOINT ["microgateway-engine"]
