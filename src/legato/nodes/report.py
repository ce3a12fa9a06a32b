# SPDX-License-Identifier: Apache-2.0
"""report.markdown: Markdown and charts to one HTML page that needs nothing else.

Rules: ND69.
"""

import asyncio
import base64
import html
from typing import Any, Final, Literal

from pydantic import Field

from legato.nodes.chart import TITLE_CHARACTERS_MAX, ChartOutput
from legato.nodes.content import kept
from legato.nodes.data_markdown import TEXT_CHARACTERS_MAX, rendered
from legato.nodes.fields import Config, Output, refused
from legato.nodes.report_page import PAGE
from legato.ports.node import Blob, NodeContext, node

CHARTS_MAX: Final = 100
CHART_BYTES_MAX: Final = 4 * 1024 * 1024
_MARKS: Final = {"image/png": b"\x89PNG\r\n\x1a\n", "image/svg+xml": b"<svg"}
_LOOKED_AT: Final = 4_096

Chart = str | Blob | ChartOutput


class ReportConfig(Config):
    """`with` of report.markdown."""

    title: str = Field(
        min_length=1, max_length=TITLE_CHARACTERS_MAX, description="The heading of the page."
    )
    text: str = Field(
        max_length=TEXT_CHARACTERS_MAX,
        description="Markdown; `![](chart:NAME)` is where a chart stands.",
    )
    charts: dict[str, Chart] = Field(
        default_factory=dict,
        max_length=CHARTS_MAX,
        description="By name: SVG text, a payload (SVG or PNG), or the output of chart.render.",
    )
    language: str = Field(
        default="en", pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", description="Of the text."
    )
    to: Literal["blob", "text"] = Field(
        default="blob", description="Where the page goes: a payload, or the output itself."
    )


class ReportOutput(Output):
    """Output of report.markdown."""

    blob: Blob | None = Field(default=None, description="The page, as text/html.")
    text: str | None = Field(default=None, description="The page, with `to: text`.")
    bytes: int = Field(description="How large it is.")


@node(
    "report.markdown",
    title="Make a report",
    group="report",
    icon="file-text",
    effect="pure",
    timeout_ms=120_000,
    example="""\
uses: report.markdown
with:
  title: Weekly report
  text: |
    All is **well**.

    ![](chart:commits)
  charts: {commits: "${{ nodes.chart.output }}"}
""",
)
async def run(ctx: NodeContext, config: ReportConfig) -> ReportOutput:
    """Make one HTML page of Markdown and charts.

    The page holds all it needs: no script, no file, nothing from the network, and a policy that
    forbids browsers to fetch any. It reads well in light and dark, on a phone and on paper. HTML
    inside the Markdown stays text; images other than charts become their description.

    Fails with `unknown_chart` or `invalid_chart`.
    """
    charts = {name: await _embedded(ctx, name, chart) for name, chart in config.charts.items()}
    made = await rendered(ctx, {"text": config.text, "images": "none", "charts": charts})
    for name in charts.keys() - set(made["used"]):
        ctx.log(f"the chart {name} is not placed: write ![](chart:{name})", level="warning")
    page = await asyncio.to_thread(_page, config, made["html"])
    text, blob = await kept(ctx, page, to=config.to, media_type="text/html; charset=utf-8")
    return ReportOutput(blob=blob, text=text, bytes=len(page))


async def _embedded(ctx: NodeContext, name: str, chart: Chart) -> dict[str, Any]:
    """Return a chart as an address that holds it whole.

    As an image: what SVG may hold beside a picture (scripts, links, other files) is dead there.
    """
    alt = chart.alt if isinstance(chart, ChartOutput) else name
    if isinstance(chart, ChartOutput):
        chart = chart.blob if chart.blob is not None else chart.svg or ""
    media_type = chart.type if isinstance(chart, Blob) else "image/svg+xml"
    mark = _MARKS.get(media_type)
    size = chart.size if isinstance(chart, Blob) else len(chart)
    if mark is None or size > CHART_BYTES_MAX:
        message = f"{size} bytes of {media_type:.80}; expected SVG or PNG of 4 MiB at most"
        raise refused("invalid_chart", f"charts.{name:.80}: {message}")
    data = await ctx.blobs.get(chart.ref) if isinstance(chart, Blob) else chart.encode()
    if mark not in data[:_LOOKED_AT]:
        raise refused("invalid_chart", f"charts.{name:.80}: it is no {media_type}")
    return {"uri": f"data:{media_type};base64,{base64.b64encode(data).decode()}", "alt": alt}


def _page(config: ReportConfig, body: str) -> bytes:
    parts = {"language": config.language, "title": html.escape(config.title), "body": body}
    return PAGE.substitute(parts).encode()
