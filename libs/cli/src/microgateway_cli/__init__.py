"""The command `microgateway`.

validate          what is wrong with manifests
compile           what manifests compile to
inject            the gateway in the pods of manifests
explain_injection why pods get it or not
dev               the whole chain on this machine, as separate processes
  processes       children whose lines are read and that never outlive us
  redis_server    a Redis of our own
  readable        log lines for people
demo_application  something to protect
status            every engine, and whether it serves what is published
check_command     is the installation healthy (check)
history           which configurations a gateway had, and who changed what
diff              what is different between two of them, or what manifests would change
  differences_text  differences for people
config_api        how commands ask the config-api
  tokens          as whom
  kubeconfig      what a kubeconfig says
  port_forward    the way there, for the kubectl plugin
output            what commands that query print
"""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("microgateway-cli")
