"""The rules of a pod's network namespace, as the text of one nftables transaction.

    from outside ──► prerouting ──► redirected to the inbound port ──► input ──► engine
                       └─ engine's own ports, excluded ports ────────► input ──► as addressed
    netcheck ──────► output ─────── loopback:19003 → inbound port ─────────────► netcheck itself
    engine ────────► output ─────── untouched ─────────────────────────────────► application

Only what comes from outside is redirected. A connection that starts inside the namespace, to loopback or
to the pod's own address, is translated once, in output; prerouting is not asked again when the packet
arrives on `lo`. So the engine reaches the application, and nothing outbound is touched.

Redirecting is one half; the other is that nothing gets in around it. Our chains run before those of
others (`_PRIORITY`), and `input` drops every new connection from outside that is not addressed to the
engine or an excluded port by then: one that someone else's rule translated first, or one that connection
tracking calls invalid and therefore never translates.

IPv4 and IPv6 share the table (family inet), and the text is one transaction: both are in force or neither.
UDP is not redirected.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

TABLE = "inet microgateway"

#: Where engines listen in every pod.
INBOUND_PORT = 13378

#: Before the usual destination NAT (-100, NF_IP_PRI_NAT_DST), where kube-proxy, service meshes and
#: container runtimes have theirs: the first translation of a connection is the only one.
_PRIORITY = -101


class Redirect(NamedTuple):
    """What to redirect; ports are TCP, in 1..65535.

    inbound_port    where the engine listens
    check_port      on loopback, leads to the inbound port so that netcheck can see the redirect work
    engine_ports    the pod's own ports that kubelet and Prometheus reach directly: ready and probes, metrics
    excluded_ports  stay as they are, unprotected (annotations `excludeInboundPorts` and `serviceMesh`)
    engine_uid      user whose own connections are never redirected, not even to the check port: an engine
                    told to use that port as its upstream cannot reach itself. None where netcheck runs
                    as the same user as the engine
    """

    inbound_port: int = INBOUND_PORT
    check_port: int = 19003
    engine_ports: frozenset[int] = frozenset({19001, 19002})
    excluded_ports: frozenset[int] = frozenset()
    engine_uid: int | None = None


def install(redirect: Redirect) -> str:
    """The transaction that puts the rules in force and replaces what an earlier one left."""
    return "\n".join(
        [
            remove().rstrip(),
            f"table {TABLE} {{",
            *_chain("prerouting", f"nat hook prerouting priority {_PRIORITY}", _prerouting(redirect)),
            "",
            *_chain("output", f"nat hook output priority {_PRIORITY}", _output(redirect)),
            "",
            *_chain("input", "filter hook input priority 0", _input(redirect)),
            "}",
            "",
        ]
    )


def remove() -> str:
    """The transaction that takes the rules away; succeeds, too, where there are none.

    `add` first, because deleting a table that does not exist fails and `destroy` is newer than our nft.
    """
    return f"add table {TABLE}\ndelete table {TABLE}\n"


def _prerouting(redirect: Redirect) -> list[str]:
    return [
        *_ports(redirect.engine_ports, "accept", "engine: ready and probes, metrics"),
        *_ports(redirect.excluded_ports, "accept", "excluded: reaches the application unprotected"),
        _rule("meta l4proto tcp", f"redirect to :{redirect.inbound_port}", "inbound TCP to the engine"),
    ]


def _output(redirect: Redirect) -> list[str]:
    check, target = f"tcp dport {redirect.check_port}", f"redirect to :{redirect.inbound_port}"
    rules = [
        _rule(f"ip daddr 127.0.0.1 {check}", target, "netcheck over IPv4"),
        _rule(f"ip6 daddr ::1 {check}", target, "netcheck over IPv6"),
    ]
    if redirect.engine_uid is not None:
        rules.insert(0, _rule(f"meta skuid {redirect.engine_uid}", "accept", "from the engine: untouched"))
    return rules


def _input(redirect: Redirect) -> list[str]:
    open_ports = {redirect.inbound_port} | redirect.engine_ports | redirect.excluded_ports
    return [
        _rule('iifname "lo"', "accept", "inside the pod"),
        _rule("ct state established", "accept", "connections that were let in or go out"),
        *_ports(open_ports, "accept", "engine and excluded ports"),
        _rule("meta l4proto tcp counter", "drop", "nothing gets in around the engine"),
    ]


def _chain(name: str, hook: str, rules: Iterable[str]) -> list[str]:
    return [
        f"\tchain {name} {{",
        f"\t\ttype {hook}; policy accept;",
        *(f"\t\t{rule}" for rule in rules),
        "\t}",
    ]


def _ports(ports: Iterable[int], verdict: str, comment: str) -> list[str]:
    """One rule for all the ports; none without ports, as nft knows no empty set."""
    listed = ", ".join(map(str, sorted(ports)))
    return [_rule(f"tcp dport {{ {listed} }}", verdict, comment)] if listed else []


def _rule(match: str, verdict: str, comment: str) -> str:
    return f'{match} {verdict} comment "{comment}"'
