"""References to other objects of the same namespace."""

from __future__ import annotations

from pydantic import Field

from .base import Model, ObjectName


class Reference(Model):
    """An object of the same namespace; its kind follows from the field."""

    name: ObjectName = Field(description="Name of the object in the same namespace.")


class SecretSource(Model):
    """A value kept in a Secret."""

    secret_ref: Reference = Field(description="Secret that holds the value.")
