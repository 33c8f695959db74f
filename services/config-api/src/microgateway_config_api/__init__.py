"""REST view of what is configured, what is live and what is wrong."""
