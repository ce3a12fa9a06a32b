# SPDX-License-Identifier: Apache-2.0
"""The description of the API as the text of docs/openapi.json."""

import json
from collections.abc import Mapping
from typing import Any


def document_text(description: Mapping[str, Any]) -> str:
    """Return it as JSON that a diff can show."""
    return json.dumps(description, indent=1, ensure_ascii=False) + "\n"
