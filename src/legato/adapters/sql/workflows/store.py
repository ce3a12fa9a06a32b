# SPDX-License-Identifier: Apache-2.0
"""All parts of workflows as one port.

Rules: WF1-WF9.
"""

from legato.adapters.sql.workflows.drafts import Drafts
from legato.adapters.sql.workflows.rows import Rows


class SqlWorkflows(Rows, Drafts):
    """Keeps `ports.workflows.Workflows` on the database of its driver."""
