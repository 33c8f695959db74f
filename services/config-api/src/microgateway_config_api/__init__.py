"""The config-api: what is configured, live and wrong, what was and what would be, over REST. It never writes.

main       flags, logging, uvicorn
app        create_app(settings): routes, errors, metrics, OpenAPI document
source     Redis, read with a time limit
views/     what goes out, one file a noun: pydantic models with examples, made from what Redis holds
histories  which configurations a gateway had
dry_run/   what manifests would do to gateways
routes/    the endpoints, one file a noun: read, view, answer
problem_details    every error as RFC 9457
metrics    its own requests, and gateways and engines as gauges
"""
