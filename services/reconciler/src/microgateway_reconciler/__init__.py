"""Watches resources and pods, compiles engine configurations and publishes them through Redis."""
