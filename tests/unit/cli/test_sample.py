# SPDX-License-Identifier: Apache-2.0
"""The sample as it is published."""

from legato.app import node_catalogue
from legato.cli.sample import compile_sample
from legato.model.document.validate import load_workflow
from legato.model.policy import Limits
from legato.model.workflow import encode_workflow
from legato.practice.sample import compiled, document


def test_what_is_published_is_what_the_document_says() -> None:
    """At every port; `python -m legato.cli.sample` makes it anew [UP20]."""
    assert compile_sample() == compiled()
    text = document(9_999)
    moved = load_workflow(text, file="x", catalogue=node_catalogue(), limits=Limits())
    assert encode_workflow(moved) == compiled(9_999)
