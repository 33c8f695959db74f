"""Distributed tracing: what the application is told of a trace, and spans for a collector. Off unless the
environment names one; then nothing here is even imported but `settings`.

settings   the variables of OpenTelemetry
context    W3C Trace Context: what comes in, what goes on
sampling   which traces are recorded
tracer     one trace's part in an exchange, from its first line to its spans
spans      request, inspection, upstream
otlp       spans as protobuf
exporter   to a collector over HTTP, on a thread of its own
"""
