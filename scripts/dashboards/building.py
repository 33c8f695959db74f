"""Panels and boards in the form that all dashboards share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    logs,
    loki,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as board_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

METRICS: Final = board_models.DataSourceRef(type_val="prometheus", uid="${DS_PROMETHEUS}")
LOGS: Final = board_models.DataSourceRef(type_val="loki", uid="${DS_LOKI}")

#: Grafana divides a board into 24 columns.
COLUMNS: Final = 24
HEIGHT: Final = 8
STAT_HEIGHT: Final = 5

#: What a query on metrics of engines is narrowed to by the variables of a board.
POD: Final = 'namespace=~"$namespace",pod=~"$pod"'


@dataclass(frozen=True, slots=True)
class Query:
    """expr: PromQL or LogQL. legend: Grafana's template, `{{pod}}`."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From this value on the panel has this colour."""

    value: float
    color: str


@dataclass(frozen=True, slots=True)
class Series:
    """A graph over time. unit: Grafana's, `reqps`, `percentunit`, `ms`, `bytes`, `s`, `short`."""

    title: str
    description: str
    queries: Sequence[Query]
    unit: str = "short"
    stacked: bool = False
    columns: int = 12


@dataclass(frozen=True, slots=True)
class Stat:
    """One number. thresholds: in rising order; green below the first."""

    title: str
    description: str
    query: Query
    unit: str = "short"
    thresholds: Sequence[Threshold] = ()
    columns: int = 6


@dataclass(frozen=True, slots=True)
class Table:
    """The values of this moment, a row each."""

    title: str
    description: str
    query: Query
    columns: int = 12


@dataclass(frozen=True, slots=True)
class Lines:
    """Log lines."""

    title: str
    description: str
    query: Query
    columns: int = COLUMNS


Panel = Series | Stat | Table | Lines


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """name: in queries `$name`. query: of Prometheus, what may be chosen."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Board:
    """uid: in links, never changes."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()


def build(board: Board) -> board_models.Dashboard:
    builder = (
        dashboard.Dashboard(f"Microgateway / {board.title}")
        .uid(board.uid)
        .description(board.description)
        .tags(["microgateway"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .readonly()
        .link(
            dashboard.DashboardLink("Microgateway")
            .type(board_models.DashboardLinkType.DASHBOARDS)
            .tags(["microgateway"])
            .as_dropdown(True)
        )
    )
    panels = [panel for row in board.rows for panel in row.panels]
    if any(not isinstance(panel, Lines) for panel in panels):
        builder.with_variable(
            dashboard.DatasourceVariable("DS_PROMETHEUS").label("Metrics").type("prometheus")
        )
    if any(isinstance(panel, Lines) for panel in panels):
        builder.with_variable(dashboard.DatasourceVariable("DS_LOKI").label("Logs").type("loki"))
    for variable in board.variables:
        builder.with_variable(_choice(variable))
    for row in board.rows:
        builder.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            builder.with_panel(_panel(panel))
    return builder.build()


def _choice(variable: Variable) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(METRICS)
        .query(variable.query)
        .refresh(board_models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(board_models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _panel(panel: Panel) -> timeseries.Panel | stat.Panel | table.Panel | logs.Panel:
    match panel:
        case Series():
            return _series(panel)
        case Stat():
            return _stat(panel)
        case Table():
            return _table(panel)
        case Lines():
            return _lines(panel)


def _series(panel: Series) -> timeseries.Panel:
    stacking = models.StackingMode.NORMAL if panel.stacked else models.StackingMode.NONE
    builder = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(METRICS)
        .unit(panel.unit)
        .min(0)
        .span(panel.columns)
        .height(HEIGHT)
        .fill_opacity(30 if panel.stacked else 8)
        .line_width(1)
        .stacking(common.StackingConfig().mode(stacking).group("A"))
        .tooltip(
            common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING)
        )
    )
    for query in panel.queries:
        builder.with_target(_metrics(query))
    return builder


def _stat(panel: Stat) -> stat.Panel:
    steps = [board_models.Threshold(color="green", value=None)]
    steps += [board_models.Threshold(color=each.color, value=each.value) for each in panel.thresholds]
    thresholds = dashboard.ThresholdsConfig().mode(board_models.ThresholdsMode.ABSOLUTE).steps(steps)
    return (
        stat.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(METRICS)
        .unit(panel.unit)
        .span(panel.columns)
        .height(STAT_HEIGHT)
        .thresholds(thresholds)
        .color_mode(models.BigValueColorMode.VALUE)
        .graph_mode(models.BigValueGraphMode.AREA)
        .with_target(_metrics(panel.query))
    )


def _table(panel: Table) -> table.Panel:
    shown = prometheus.Dataquery().expr(panel.query.expr).instant().format(PromQueryFormat.TABLE)
    hidden = board_models.DataTransformerConfig(
        id_val="organize",
        options={"excludeByName": {"Time": True}, "renameByName": {"Value": panel.query.legend}},
    )
    return (
        table.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(METRICS)
        .span(panel.columns)
        .height(HEIGHT)
        .with_target(shown)
        .with_transformation(hidden)
    )


def _lines(panel: Lines) -> logs.Panel:
    return (
        logs.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(LOGS)
        .span(panel.columns)
        .height(2 * HEIGHT)
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .with_target(loki.Dataquery().expr(panel.query.expr))
    )


def _metrics(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend)
