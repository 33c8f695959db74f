"""The application: every part that answers, put together."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from . import problem_details
from .context import Context
from .routes import health, mutate, validate


def create_app(context: Context) -> FastAPI:
    app = FastAPI(
        title="Microgateway webhook",
        description="Admission of pods and resources, for the Kubernetes API server.",
        version=version("microgateway-webhook"),
        docs_url=None,  # FastAPI's pages load their scripts from a CDN
        redoc_url=None,
    )
    app.state.context = context
    problem_details.install(app)
    for each in (mutate, validate, health):
        app.include_router(each.router)
    context.metrics.install(app, [mutate.PATH, validate.POD_PATH, validate.RESOURCE_PATH])
    return app
