"""Is the installation healthy, and what to do where it is not.

finding      one line of the answer
reading      I/O: everything that is asked of the API server, at once
snapshot     what it answered
expected     the rights that each service account needs
definitions  workloads  webhooks  rights  pods    the checks: a snapshot in, findings out; no I/O
before       the checks of `--pre`, where nothing is installed yet
"""
