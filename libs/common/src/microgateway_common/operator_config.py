"""The OperatorConfig (`config.airlock.com/v1alpha1`): what an installation watches and what it injects.

    apiVersion: config.airlock.com/v1alpha1
    kind: OperatorConfig
    metadata: {name: microgateway}
    spec:
      watchNamespaces: [shop, billing]     # or watchNamespaceSelector; with neither, all
      logLevel: info                       # of the reconciler and the webhook
      sidecar:
        mode: Auto                         # Native and Container insist
        redisURL: rediss://redis.example:6379/0
        bootstrapSecret: {name: microgateway-bootstrap, optional: false}
        excludedNamespaces: [kube-system]
        logLevel: info
        drainSeconds: 20
        tracing:                           # off without an endpoint
          endpoint: http://collector.observability.svc:4318
          sampleRatio: 0.1                 # of traces that begin at the gateway
        masking:                           # in logs, block events and traces
          words: [customerno]              # a name with one of these is a secret's, as one with "password" is
          exceptions: [passenger]          # names that only sound like it
        engine:
          image: registry.example/microgateway/engine:1
          imagePullPolicy: IfNotPresent
          resources: {requests: {cpu: 100m}, limits: {memory: 512Mi}}
        networkValidator: {image: registry.example/microgateway/netcheck:1, timeoutSeconds: 20}

A file, usually of a mounted ConfigMap, which reconciler and webhook read when they start and never again.
Whatever it does not say has a default; flags and variables of a service win over it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from microgateway_common.resources.amount import parse_amount
from microgateway_common.resources.base import Items, Keyword, Maybe, Model, ObjectName, violation
from microgateway_common.resources.metadata import LABEL

API_VERSION: Literal["config.airlock.com/v1alpha1"] = "config.airlock.com/v1alpha1"

Level = Literal["trace", "debug", "info", "warn", "error", "critical", "off"]

NamespaceName = Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL)]

#: Kubernetes documentation, "Labels and Selectors", syntax and character set.
LabelKey = Annotated[
    str,
    Field(
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    ),
]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")]


def _amount(text: str) -> str:
    try:
        return parse_amount(text).text
    except ValueError:
        raise violation("a quantity such as 500m or 128Mi", repr(text[:64])) from None


class Operator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelExpression(Model):
    """`str()` is what `kubectl --selector` takes."""

    key: LabelKey
    operator: Keyword[Operator]
    values: Items[LabelValue] = ()

    @model_validator(mode="after")
    def _needs_values(self) -> Self:
        if (self.operator in (Operator.IN, Operator.NOT_IN)) != bool(self.values):
            expected = "no values" if self.values else "at least one value"
            raise violation(f"{expected} with {self.operator}", str(len(self.values)))
        return self

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN | Operator.NOT_IN as operator:
                return f"{self.key} {operator.lower()} ({','.join(self.values)})"
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"


class LabelSelector(Model):
    """All must hold; an empty one holds for everything. `str()` is what `kubectl --selector` takes."""

    match_labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    match_expressions: Items[LabelExpression] = ()

    def __str__(self) -> str:
        labels = (f"{key}={value}" for key, value in self.match_labels.items())
        return ",".join((*labels, *map(str, self.match_expressions)))


class Amounts(Model):
    cpu: Maybe[Annotated[str, AfterValidator(_amount)]] = None
    memory: Maybe[Annotated[str, AfterValidator(_amount)]] = None


class Resources(Model):
    requests: Amounts = Amounts()
    limits: Amounts = Amounts()


class Container(Model):
    image: Maybe[Annotated[str, Field(min_length=1)]] = None
    image_pull_policy: Maybe[Literal["Always", "IfNotPresent", "Never"]] = None
    resources: Resources = Resources()


class NetworkValidator(Container):
    timeout_seconds: Maybe[Annotated[int, Field(ge=1, le=3600)]] = None


class BootstrapSecret(Model):
    name: Maybe[ObjectName] = None
    optional: Maybe[bool] = None


class SidecarMode(StrEnum):
    """AUTO: native where the server has native sidecars (1.29), else an ordinary container."""

    AUTO = "Auto"
    NATIVE = "Native"
    CONTAINER = "Container"


def _collector(text: str) -> str:
    """An address that is no secret: it stands in every pod."""
    expected = "a URL such as http://collector:4318, without user, query and fragment"
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        plain = False
    if not plain or "@" in parts.netloc or parts.query or parts.fragment:
        raise violation(expected, "something else")
    return text


class Tracing(Model):
    """endpoint: of a collector that takes OTLP over HTTP, without `/v1/traces`."""

    endpoint: Maybe[Annotated[str, AfterValidator(_collector)]] = None
    sample_ratio: Maybe[Annotated[float, Field(ge=0, le=1)]] = None


#: A name, or a part of one, of parameters, headers, cookies and members.
MaskedName = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[._-]*[\p{L}\p{N}][\p{L}\p{N}._-]*$")
]


class Masking(Model):
    """words: anywhere in a name. exceptions: whole names."""

    words: Annotated[Items[MaskedName], Field(max_length=128)] = ()
    exceptions: Annotated[Items[MaskedName], Field(max_length=128)] = ()


class Sidecar(Model):
    """What the webhook injects."""

    mode: Maybe[Keyword[SidecarMode]] = None
    redis_url: Annotated[Maybe[str], Field(alias="redisURL")] = None
    bootstrap_secret: BootstrapSecret = BootstrapSecret()
    excluded_namespaces: Maybe[Items[str]] = None
    log_level: Maybe[Level] = None
    drain_seconds: Maybe[Annotated[int, Field(ge=0, le=3600)]] = None
    tracing: Tracing = Tracing()
    masking: Masking = Masking()
    engine: Container = Container()
    network_validator: NetworkValidator = NetworkValidator()


class Spec(Model):
    watch_namespaces: Items[NamespaceName] = ()
    watch_namespace_selector: LabelSelector = LabelSelector()
    log_level: Maybe[Level] = None
    sidecar: Sidecar = Sidecar()

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.watch_namespaces and str(self.watch_namespace_selector):
            raise violation("watchNamespaces or watchNamespaceSelector", "both")
        return self


class OperatorConfig(Model):
    api_version: Literal["config.airlock.com/v1alpha1"]
    kind: Literal["OperatorConfig"]
    metadata: Maybe[dict[str, Any]] = None
    spec: Spec = Spec()


#: Where there is no file: nothing differs from the defaults.
NO_OPERATOR_CONFIG = OperatorConfig(apiVersion=API_VERSION, kind="OperatorConfig")
