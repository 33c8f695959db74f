"""What the engine says about traffic.

access_log      one ECS 8.5 line per request, with the threats that were found
block_reports   blocks and log-only hits as events for people
sink            lines to stdout without ever holding up a request
metrics         counters on the hot path; processes: how many there are
exposition      what of it Prometheus is shown, on demand
certificates    when they end
tracing         spans for a collector, and what the application is told of a trace
"""
