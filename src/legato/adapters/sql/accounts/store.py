# SPDX-License-Identifier: Apache-2.0
"""All parts of accounts as one port.

Rules: AC.
"""

from legato.adapters.sql.accounts.identities import Identities
from legato.adapters.sql.accounts.invitations import Invitations
from legato.adapters.sql.accounts.keys import Keys
from legato.adapters.sql.accounts.members import Members
from legato.adapters.sql.accounts.sessions import Sessions
from legato.adapters.sql.accounts.tokens import Tokens
from legato.adapters.sql.accounts.users import Users


class SqlAccounts(Tokens, Users, Members, Invitations, Sessions, Keys, Identities):
    """Keeps `ports.accounts.Accounts` on the database of its driver."""
