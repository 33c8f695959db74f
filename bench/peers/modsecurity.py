"""nginx with ModSecurity and the OWASP Core Rule Set, as Debian packages and configures them.

Changed from the packages' files: the engine is on, bodies without files may have 2 MiB, logs and temporary
files go to our folder, and nothing calls home. Paranoia level (1), other limits and audit settings (relevant
transactions) are theirs.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench import Void
from microgateway_common.settings import Address

from . import MODSECURITY, Peer
from .nginx import proxy

PACKAGES = ("libnginx-mod-http-modsecurity", "modsecurity-crs")

MODULE = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
RECOMMENDED = Path("/usr/share/nginx/docs/modsecurity/modsecurity.conf")
UNICODE_MAP = Path("/usr/share/nginx/docs/modsecurity/unicode.mapping")
CRS_SETUP = Path("/etc/modsecurity/crs")
CRS_RULES = Path("/usr/share/modsecurity-crs/rules")


@contextlib.contextmanager
def modsecurity(folder: Path, cpu: int, upstream: Address) -> Iterator[Peer]:
    """Raises Void when the packages are absent or somebody changed their files."""
    _as_packaged()
    rules, audit_log = folder / "modsecurity.conf", folder / "audit.log"
    rules.write_text(_engine(folder, audit_log) + _rule_set())
    inspection = f"        modsecurity on;\n        modsecurity_rules_file {rules};"
    with proxy(
        MODSECURITY,
        folder,
        cpu,
        upstream,
        attack_status=403,
        modules=f"load_module {MODULE};",
        inspection=inspection,
        alarms=(audit_log,),
    ) as peer:
        yield peer


def _as_packaged() -> None:
    for path in (MODULE, RECOMMENDED, UNICODE_MAP, CRS_SETUP / "crs-setup.conf", CRS_RULES):
        if not path.exists():
            raise Void(f"{MODSECURITY}: expected {path} of the Debian packages {', '.join(PACKAGES)}")
    found = subprocess.run(["dpkg", "--verify", *PACKAGES], capture_output=True, text=True, check=False)
    # Documentation is often left out of small installations.
    changed = [line for line in found.stdout.splitlines() if "/usr/share/doc/" not in line]
    if changed:
        raise Void(
            f"{MODSECURITY}: expected the packages' own files, got changed ones:\n" + "\n".join(changed)
        )


def _engine(folder: Path, audit_log: Path) -> str:
    text = RECOMMENDED.read_text()
    for directive, value in (
        ("SecRuleEngine", "On"),
        ("SecRequestBodyNoFilesLimit", str(2 << 20)),
        ("SecTmpDir", str(folder)),
        ("SecDataDir", str(folder)),
        ("SecAuditLog", str(audit_log)),
        ("SecUnicodeMapFile", f"{UNICODE_MAP} 20127"),
        ("SecStatusEngine", "Off"),
    ):
        text, count = re.subn(rf"^{directive} .*$", f"{directive} {value}", text, flags=re.MULTILINE)
        if count != 1:
            raise Void(f"{RECOMMENDED}: expected one directive {directive}, got {count}")
    return text


def _rule_set() -> str:
    """What owasp-crs.load includes; libmodsecurity does not know its IncludeOptional."""
    files = (
        CRS_SETUP / "crs-setup.conf",
        CRS_SETUP / "REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf",
        CRS_RULES / "*.conf",
        CRS_SETUP / "RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf",
    )
    return "".join(f"Include {file}\n" for file in files)
