"""Several workers on one port, when more than one CPU is given.

    main ── forks, before it has threads or a loop ──► nursery ── forks ──► worker … worker
    main = supervisor: Redis, disk, probes ◄── a socket each ──► worker: traffic, nothing else

    main = supervisor: Redis, disk, probes ◄── a socket each ──► worker: traffic
serves it, so that they differ for no longer than a message takes; one acknowledgement stands for all.
A worker that dies is replaced, after a pause; the others go on.

cpus       how many workers there should be
messages   what supervisor and workers say to each other
channel    messages over a socket
nursery    the process that forks: it has no threads, so it may at any time, and its pages are shared
worker     a worker's process
fleet      the supervisor's view of the workers
store      ConfigStore of the supervisor: has bundles applied by the fleet
memory     what the processes take together
"""
