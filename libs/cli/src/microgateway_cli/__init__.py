"""The command microgateway."""
