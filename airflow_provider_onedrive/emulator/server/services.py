"""The composition root: both origins of one state."""

from __future__ import annotations

from airflow_provider_onedrive.emulator.server.batch import Batch
from airflow_provider_onedrive.emulator.server.handlers import Handlers
from airflow_provider_onedrive.emulator.server.origins import ControlPath, GraphOrigin, Service, StoreOrigin
from airflow_provider_onedrive.emulator.server.pipeline import RequestPipeline
from airflow_provider_onedrive.emulator.server.refusals import Refusals
from airflow_provider_onedrive.emulator.server.repeating_listings import RepeatingListings
from airflow_provider_onedrive.emulator.server.router import Router
from airflow_provider_onedrive.emulator.server.routes import drive_routes, item_routes
from airflow_provider_onedrive.emulator.server.sharepoint import QuirkEffects
from airflow_provider_onedrive.emulator.server.state import ServerState


def services(state: ServerState, control: ControlPath) -> tuple[Service, Service]:
    """Return the Graph origin and the second one."""
    handlers = Handlers(state)
    # Both origins share the pipeline: one log, one budget and one order of faults for all requests.
    pipeline = _pipeline(state, handlers)
    router = _router(state, handlers, Batch(pipeline, state.options))
    graph = GraphOrigin(control, handlers.entra, router, state.store, state.authority, state.graph_url)
    store = StoreOrigin(handlers.pages, state.monitors, handlers.fragments, handlers.downloads, state.options)
    return Service(graph, pipeline), Service(store, pipeline)


def _pipeline(state: ServerState, handlers: Handlers) -> RequestPipeline:
    effects = QuirkEffects(
        state.tenant,
        state.tokens,
        handlers.drives,
        handlers.special_folders,
        state.quirks,
        Refusals(state.quirks),
        RepeatingListings(state.quirks, state.options),
        state.options,
    )
    return RequestPipeline(
        state.throttling, state.faults, state.fault_context, state.quirks, effects, state.requests, state.leaks
    )


def _router(state: ServerState, handlers: Handlers, batch: Batch) -> Router:
    return Router(
        state.tokens,
        state.monitors,
        handlers.authorization,
        handlers.site_permissions,
        batch,
        handlers.search_query,
        handlers.site_router,
        handlers.drives,
        handlers.list_items,
        handlers.special_folders,
        item_routes(handlers),
        drive_routes(handlers),
        state.options,
    )
