# SPDX-License-Identifier: Apache-2.0
"""Nodes that only reshape data: the work is done by the expressions in their config.

Rules: ND24, ND25.
"""

from typing import Any

from pydantic import Field

from legato.nodes.fields import Config, Output
from legato.ports.node import NodeContext, node


class TransformConfig(Config):
    """`with` of data.transform."""

    value: Any = Field(description="The result; usually one expression, which keeps its type.")


class TemplateConfig(Config):
    """`with` of data.template."""

    text: str = Field(description="Text with expressions in it.")


class TemplateOutput(Output):
    """Output of data.template."""

    text: str = Field(description="The text with every expression replaced by its value.")


@node(
    "data.transform",
    title="Transform data",
    group="data",
    icon="braces",
    effect="pure",
    passes_on="value",
    example="""\
uses: data.transform
with:
  value: ${{ nodes.fetch.output.json.items.filter(i, i.open).map(i, i.title) }}
""",
)
async def transform(ctx: NodeContext, config: TransformConfig) -> Any:
    """Return a value made by an expression.

    The output is the value itself, with its type: a list stays a list, a number a number. Use it
    to pick, filter or combine what earlier nodes returned.
    """
    return config.value


@node(
    "data.template",
    title="Write text",
    group="data",
    icon="text",
    effect="pure",
    example="""\
uses: data.template
with:
  text: "Dear ${{ inputs.name }}, ${{ size(nodes.find.output) }} things were found."
""",
)
async def template(ctx: NodeContext, config: TemplateConfig) -> TemplateOutput:
    """Return text whose holes are expressions.

    Values are put in as they are and never evaluated again, so text from outside cannot become
    an expression.
    """
    return TemplateOutput(text=config.text)
