# SPDX-License-Identifier: Apache-2.0
"""Operations: auth. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call, segment
from legato.client.generated import models


class AuthOperations(Caller):
    """Operations: auth."""

    async def change_password(
        self, body: models.NewPassword, *, workspace: str | None = None
    ) -> models.LogIn:
        """Change the password; every other log-in ends, and this one gets a new id.

        An account without a password, such as the owner of `legato up`, gets its first one from who
        logged in by a link not long ago: there is no current one to know.

        Needs the right `account:password`.
        """
        call = Call(
            method="POST",
            path="/api/v1/auth/password",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.LogIn)

    async def list_sessions(self, *, workspace: str | None = None) -> models.OwnSessions:
        """Return the own log-ins that live.

        Needs the right `account:sessions`.
        """
        call = Call(
            method="GET", path="/api/v1/auth/sessions", headers={"Legato-Workspace": workspace}
        )
        return await self._answer(call, models.OwnSessions)

    async def end_session(self, session_id: str, *, workspace: str | None = None) -> None:
        """End a log-in of one's own; one of somebody else is not there.

        Needs the right `account:sessions`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/auth/sessions/{segment(session_id)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)

    async def forgot_password(self, body: models.Forgotten) -> None:
        """Ask for a new password. The answer and its time are the same for who is not known.

        Anybody may: who forgot the password cannot log in; the answer tells nothing.
        """
        call = Call(
            method="POST",
            path="/api/v1/auth/password/forgot",
            body=body,
            content_type="application/json",
        )
        await self._nothing(call)

    async def reset_password(self, body: models.Reset) -> None:
        """Set a password by a printed link; every log-in ends, and none begins.

        A second factor stays: the link stands for the password alone.

        Anybody may: the token of a printed link is what is shown.
        """
        call = Call(
            method="POST",
            path="/api/v1/auth/password/reset",
            body=body,
            content_type="application/json",
        )
        await self._nothing(call)

    async def read_me(self, *, workspace: str | None = None) -> models.Me:
        """Return who asks, and their role in the workspace that is asked for.

        Needs the right `account:me`.
        """
        call = Call(method="GET", path="/api/v1/auth/me", headers={"Legato-Workspace": workspace})
        return await self._answer(call, models.Me)

    async def change_profile(
        self, body: models.Profile, *, workspace: str | None = None
    ) -> models.Me:
        """Change the own name or default workspace.

        Needs the right `account:profile`.
        """
        call = Call(
            method="PATCH",
            path="/api/v1/auth/me",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.Me)

    async def register_account(self, body: models.Registration) -> models.LogIn:
        """Make an account and log in. 403 unless the setting `auth.registration` is `open`.

        Anybody may: it is how one becomes somebody, where a setting opens it.
        """
        call = Call(
            method="POST", path="/api/v1/auth/register", body=body, content_type="application/json"
        )
        return await self._answer(call, models.LogIn)

    async def log_in_with_code(self, body: models.SecondStep) -> models.LogIn:
        """Finish a log-in with a code of the second factor, or with a recovery code.

        Anybody may: the token of a log-in that a code is owed for is what is shown.
        """
        call = Call(
            method="POST", path="/api/v1/auth/login/mfa", body=body, content_type="application/json"
        )
        return await self._answer(call, models.LogIn)

    async def begin_factor(
        self, body: models.NewFactor, *, workspace: str | None = None
    ) -> models.FactorSecret:
        """Return a secret for an authenticator app. Nothing changes before a code confirms it.

        The secret waits sealed, for 10 minutes, as a token that is good once: a second call, a new
        password and the confirmation itself make it void.

        Needs the right `account:mfa`. The log-in must be recent, else 403 `reauth_required`.
        """
        call = Call(
            method="POST",
            path="/api/v1/auth/mfa/totp",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.FactorSecret)

    async def end_factor(
        self, body: models.NoFactor, *, workspace: str | None = None
    ) -> models.LogIn | None:
        """End the second factor with the password and a code of it, or a recovery code.

        The password that is left stands alone, so it must be one that may: else a new one is
        needed, which ends all other log-ins and gives this one a new id.

        Needs the right `account:mfa`. The log-in must be recent, else 403 `reauth_required`.
        """
        call = Call(
            method="DELETE",
            path="/api/v1/auth/mfa/totp",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        found: models.LogIn | None = await self._either(call, {200: models.LogIn, 204: None})
        return found

    async def confirm_factor(
        self, body: models.FactorCode, *, workspace: str | None = None
    ) -> models.RecoveryCodes:
        """Make the second factor active with a code of the app; log-ins that live go on.

        Needs the right `account:mfa`. The log-in must be recent, else 403 `reauth_required`.
        """
        call = Call(
            method="POST",
            path="/api/v1/auth/mfa/totp/confirm",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.RecoveryCodes)

    async def log_in(self, body: models.ByPassword | models.ByLink) -> models.LogIn:
        """Log in with a password or a printed link. Where a second factor is active a code is owed.

        Anybody may: it is how one becomes somebody.
        """
        call = Call(
            method="POST", path="/api/v1/auth/login", body=body, content_type="application/json"
        )
        return await self._answer(call, models.LogIn)

    async def refresh_log_in(self) -> models.LogIn:
        """Exchange the refresh token in the cookie for its child and an access token.

        Anybody may: the refresh token in the cookie is what is shown.
        """
        call = Call(method="POST", path="/api/v1/auth/refresh")
        return await self._answer(call, models.LogIn)

    async def log_out(self) -> None:
        """End the log-in of the cookie and of the access token, if there are any.

        Anybody may: whoever has a credential may end it.
        """
        call = Call(method="POST", path="/api/v1/auth/logout")
        await self._nothing(call)

    async def log_out_everywhere(self, *, workspace: str | None = None) -> None:
        """End every log-in of who asks.

        Needs the right `account:sessions`.
        """
        call = Call(
            method="POST", path="/api/v1/auth/logout-all", headers={"Legato-Workspace": workspace}
        )
        await self._nothing(call)
