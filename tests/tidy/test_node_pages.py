# SPDX-License-Identifier: Apache-2.0
"""The pages of node types say what the node types say."""

from legato.app import node_catalogue
from legato.cli.nodes_docs import FOLDER, pages_of, stale_pages
from tests.tidy import places


def test_the_committed_pages_are_current() -> None:
    """Every built-in type has its page, none is out of date or left over: `legato nodes docs`
    writes them [CL48].
    """
    pages = pages_of(node_catalogue(with_packages=False), with_index=True)
    assert len(pages) > 5
    assert stale_pages(places.ROOT / FOLDER, pages) == []
