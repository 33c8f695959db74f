"""Pod → pass, refuse or redirect. Pure; each way out says why.

    not a pod, excluded namespace, our own DaemonSet ──────────────► Pass   (nobody is asked)
    known ─ not labelled ──────────────────────────────────────────► Pass
          ─ labelled ─ its UID is another's ───────────────────────► Refuse (the kubelet tries again)
                     ─ no engine ──────────────────────────────────► Refuse
                     ─ annotations unreadable ─────────────────────► Refuse
                     ─ engine ─────────────────────────────────────► RedirectInbound
    nobody knows ─ the runtime gave injection's own annotation ────► RedirectInbound
                 ─ nothing is known ───────────────────────────────► Pass

The last line is why no unlabelled pod ever waits for us. It does not let a labelled pod serve unprotected:
its netcheck finds no redirect and keeps everything behind it from starting, and the agent repairs it.
See docs/decisions/0010.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, assert_never

from microgateway_cni.annotations import AnnotationError, excluded_ports
from microgateway_cni.pods import STATUS_ANNOTATION, Pod
from microgateway_cni.redirect import Redirect

from .errors import CniError, Code
from .request import Attachment
from .settings import Settings


class Pass(NamedTuple):
    """The pod starts as if we were not there."""

    reason: str


class Refuse(NamedTuple):
    """The pod does not start."""

    error: CniError

    @property
    def reason(self) -> str:
        return str(self.error)


class RedirectInbound(NamedTuple):
    """The pod starts with the redirect in force, or not at all."""

    redirect: Redirect
    reason: str


Outcome = Pass | Refuse | RedirectInbound


class Question(NamedTuple):
    """Which pod this is about. uid: empty where the runtime does not tell.

    annotations: the pod's, from runtimes that pass them (capability `io.kubernetes.cri.pod-annotations`)
    """

    namespace: str
    name: str
    uid: str
    annotations: Mapping[str, str]

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.name}"


class Known(NamedTuple):
    pod: Pod


class Missing(NamedTuple):
    """The API server has no pod of that name."""


class NobodyKnows(NamedTuple):
    """Neither agent nor API server answered; the reason says what each one did."""

    reason: str


Answer = Known | Missing | NobodyKnows


def question(
    attachment: Attachment, runtime_annotations: Mapping[str, str], settings: Settings
) -> Question | Pass:
    """What to ask about this attachment; Pass where the answer would make no difference."""
    namespace = attachment.arguments.get("K8S_POD_NAMESPACE", "")
    name = attachment.arguments.get("K8S_POD_NAME", "")
    if not namespace or not name:
        return Pass("not a pod of Kubernetes: CNI_ARGS names none")
    if namespace in settings.exclude_namespaces:
        return Pass(f"namespace {namespace} is excluded")
    own = settings.own_pods
    if namespace == own.namespace and own.name_prefix and name.startswith(own.name_prefix):
        return Pass("this is our own DaemonSet")
    return Question(namespace, name, attachment.arguments.get("K8S_POD_UID", ""), runtime_annotations)


def decide(asked: Question, answer: Answer) -> Outcome:
    match answer:
        case Known(pod):
            return _decide_known(asked, pod)
        case Missing():
            return Pass(f"the API server knows no {asked}")
        case NobodyKnows(reason) if STATUS_ANNOTATION in asked.annotations:
            return _redirect(asked.annotations, f"annotated as injected, though nobody answered: {reason}")
        case NobodyKnows(reason):
            return Pass(f"nobody answered, and netcheck stops a labelled pod: {reason}")
    assert_never(answer)


def _decide_known(asked: Question, pod: Pod) -> Outcome:
    if not pod.is_labelled:
        return Pass("not labelled for injection")
    if not pod.is_known_as(asked.uid):
        expected = f"expected UID {asked.uid}, got {pod.uid}"
        return Refuse(CniError(Code.TRY_AGAIN_LATER, f"{pod} is another one by now", expected))
    if not pod.has_engine:
        return Refuse(
            CniError(
                Code.ENGINE_MISSING,
                f"{pod} is labelled for injection, but has no engine container",
                "recreate it while the webhook is available, or remove the label from its template",
            )
        )
    return _redirect(pod.annotations, "labelled, with an engine")


def _redirect(annotations: Mapping[str, str], reason: str) -> RedirectInbound | Refuse:
    try:
        redirect = Redirect(excluded_ports=excluded_ports(annotations))
    except AnnotationError as error:
        return Refuse(CniError(Code.INVALID_ANNOTATION, "the pod says wrongly what to redirect", str(error)))
    return RedirectInbound(redirect, reason)
