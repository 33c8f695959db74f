"""Who an object is (Kubernetes ObjectMeta), and the base of every kind."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from microgateway_common.problems import ObjectRef

from .base import Maybe, Model

GROUP = "microgateway.airlock.com"
VERSION = "v1alpha1"
API_VERSION: Literal["microgateway.airlock.com/v1alpha1"] = "microgateway.airlock.com/v1alpha1"

#: RFC 1123, as Kubernetes applies it to the names of objects and of namespaces.
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


class Identity(Model):
    """What tells an object from the others of its kind; further fields are passed over."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=253, pattern=SUBDOMAIN)]
    namespace: Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL)] = "default"


#: Labels and annotations; tools write `null` when there are none.
Texts = Annotated[dict[str, str], BeforeValidator(lambda texts: {} if texts is None else texts)]


class Metadata(Identity):
    """What we read of ObjectMeta; the API server's other fields are passed over."""

    labels: Texts = Field(default_factory=dict)
    annotations: Texts = Field(default_factory=dict)
    generation: Annotated[int, Field(ge=0)] = 0
    creation_timestamp: Annotated[datetime, Field(strict=False)] | None = None
    uid: Maybe[str] = None


class Object(Model):
    """A custom resource. `status` is not part of it: it is written, never read.

    PLURAL: the resource's name in URLs and in the name of its CustomResourceDefinition.
    """

    PLURAL: ClassVar[str]

    api_version: Literal["microgateway.airlock.com/v1alpha1"]
    kind: str
    metadata: Metadata

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.kind, self.metadata.namespace, self.metadata.name)
