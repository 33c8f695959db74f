"""Write the Grafana dashboards from scripts/dashboards, for the kustomize component `dashboards`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from scripts.dashboards.boards import BOARDS
from scripts.dashboards.building import build

from microgateway_common.generated import write_or_check

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "deploy/kustomize/components/dashboards"


def main() -> int:
    files = {
        FOLDER / f"{board.uid}.json": JSONEncoder(sort_keys=True, indent=2).encode(build(board)) + "\n"
        for board in BOARDS
    }
    files[FOLDER / "kustomization.yaml"] = _kustomization([path.name for path in files])
    return write_or_check(files, __doc__ or "", ROOT)


def _kustomization(names: list[str]) -> str:
    """A ConfigMap a board, with the label that Grafana's sidecar looks for."""
    lines = [
        "# Written by `make generate` from scripts/dashboards.",
        "apiVersion: kustomize.config.k8s.io/v1alpha1",
        "kind: Component",
        "",
        "generatorOptions:",
        "  disableNameSuffixHash: true # a changed board replaces the old one",
        "  labels:",
        '    grafana_dashboard: "1"',
        "  annotations:",
        "    grafana_folder: Microgateway",
        "",
        "configMapGenerator:",
    ]
    for name in names:
        lines += [
            f"  - name: {name.removesuffix('.json')}-dashboard",
            "    namespace: microgateway-system",
            f"    files: [{json.dumps(name)}]",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
