"""What manifests would do to gateways, without anything being done. No I/O.

posted    manifests that were sent, as documents, and the namespaces they speak of
trial     the mirror of the objects that are live, then the posted ones on top of them, compiled
verdicts  what each gateway would become, beside what its engines are given
"""
