"""Network validator: proves the redirect before anything else in the pod starts. Standard library only.

    netcheck ── connects to 127.0.0.1:19003 and [::1]:19003
        ▲                    │ the redirect in the pod's network namespace
        └── answers on :13378 ◄┘ the engine's port, which the engine does not have yet

families   IPv4, IPv6: addresses, the original destination of a connection
challenge  one family: connect to the check port, expect ourselves at the inbound port → Finding
verdict    findings → exit code and message
report     the verdict for people and machines: termination log, one ECS line
main       the command `microgateway-netcheck`: the recipe and its exit codes

What it proves: the rules are in force in this namespace, in both families. The check rule is committed in the
same transaction as the rule for inbound traffic, so where one is the other is.

What it cannot prove from inside the pod: that a packet from outside meets the rule for inbound traffic
(prerouting). Whatever a process sends to its own pod, even to the pod's own address, stays on the loopback
interface and is translated in output. The redirect's own tests cover that path from a second namespace.
"""
