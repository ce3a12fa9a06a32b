# SPDX-License-Identifier: Apache-2.0
"""What is made of the routes is as they are now."""

from codegen.__main__ import stale


def test_the_description_and_the_client_are_up_to_date() -> None:
    """docs/openapi.json and `legato.client.generated` are what `script/openapi` writes [CC6]."""
    assert stale() == [], "run script/openapi"
