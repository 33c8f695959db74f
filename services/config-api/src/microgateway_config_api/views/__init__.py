"""What goes out: pydantic models, each with an example, and the pure functions that make them."""
