-- SPDX-License-Identifier: Apache-2.0
-- Made by `python -m legato.adapters.sql.postgres.compile`. Do not edit.
-- accounts.claim: ["user_id"]
INSERT INTO setup (id, user_id, at) VALUES (1, $1::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT DO NOTHING RETURNING setup.id;
-- accounts.default_leave: ["user_id", "workspace"]
UPDATE users SET default_workspace=(SELECT members.workspace FROM members WHERE members.user_id = $1::VARCHAR COLLATE "C" ORDER BY members.since, members.workspace LIMIT 1), version=(users.version + 1) WHERE users.id = $1::VARCHAR COLLATE "C" AND users.default_workspace = $2::VARCHAR COLLATE "C";
-- accounts.default_set: ["workspace", "user_id"]
UPDATE users SET default_workspace=$1::VARCHAR COLLATE "C", version=(users.version + 1) WHERE users.id = $2::VARCHAR COLLATE "C" AND (users.default_workspace IS NULL OR NOT (EXISTS (SELECT * FROM members WHERE members.user_id = users.id AND members.workspace = users.default_workspace)));
-- accounts.identity_add: ["issuer", "subject", "user_id"]
INSERT INTO identities (issuer, subject, user_id, added_at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT DO NOTHING RETURNING identities.user_id;
-- accounts.identity_drop: ["issuer", "subject"]
DELETE FROM identities WHERE identities.issuer = $1::VARCHAR COLLATE "C" AND identities.subject = $2::VARCHAR COLLATE "C" RETURNING identities.user_id;
-- accounts.instance_admins_lock: []
SELECT users.id FROM users WHERE users.is_instance_admin AND NOT users.is_disabled ORDER BY users.id FOR UPDATE;
-- accounts.invitation: ["token"]
SELECT one_time_tokens.hash, one_time_tokens.kind, one_time_tokens.user_id, one_time_tokens.workspace, one_time_tokens.role, one_time_tokens.email, one_time_tokens.made_by, one_time_tokens.expires_at, one_time_tokens.tries, one_time_tokens.sealed, one_time_tokens.used_at, one_time_tokens.id FROM one_time_tokens WHERE one_time_tokens.kind = 'invitation' AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND one_time_tokens.hash = $1::BYTEA;
-- accounts.invitation_add: ["hash", "workspace", "role", "email", "made_by", "ttl_ms", "id"]
INSERT INTO one_time_tokens (hash, kind, workspace, role, email, made_by, expires_at, tries, id) VALUES ($1::BYTEA, 'invitation', $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR, $5::VARCHAR COLLATE "C", (CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $6::BIGINT), 0, $7::VARCHAR COLLATE "C") RETURNING one_time_tokens.expires_at;
-- accounts.invitation_revoke: ["workspace", "id"]
UPDATE one_time_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE one_time_tokens.kind = 'invitation' AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND one_time_tokens.workspace = $1::VARCHAR COLLATE "C" AND one_time_tokens.id = $2::VARCHAR COLLATE "C" RETURNING one_time_tokens.id;
-- accounts.invitations: ["workspace"]
SELECT one_time_tokens.hash, one_time_tokens.kind, one_time_tokens.user_id, one_time_tokens.workspace, one_time_tokens.role, one_time_tokens.email, one_time_tokens.made_by, one_time_tokens.expires_at, one_time_tokens.tries, one_time_tokens.sealed, one_time_tokens.used_at, one_time_tokens.id FROM one_time_tokens WHERE one_time_tokens.kind = 'invitation' AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND one_time_tokens.workspace = $1::VARCHAR COLLATE "C" ORDER BY one_time_tokens.id DESC;
-- accounts.invitations_void: ["workspace", "email"]
UPDATE one_time_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE one_time_tokens.kind = 'invitation' AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND one_time_tokens.workspace = $1::VARCHAR COLLATE "C" AND one_time_tokens.email = $2::VARCHAR;
-- accounts.is_set_up: []
SELECT setup.id FROM setup;
-- accounts.key_add: ["id", "secret_hash", "workspace", "user_id", "name", "scopes", "expires_at"]
INSERT INTO api_keys (id, secret_hash, workspace, user_id, name, scopes, created_at, expires_at) VALUES ($1::VARCHAR COLLATE "C", $2::BYTEA, $3::VARCHAR COLLATE "C", $4::VARCHAR COLLATE "C", $5::VARCHAR, $6::VARCHAR, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), $7::BIGINT) RETURNING api_keys.created_at;
-- accounts.key_enable: ["id"]
UPDATE api_keys SET disabled_at=NULL WHERE api_keys.id = $1::VARCHAR COLLATE "C" AND api_keys.disabled_at IS NOT NULL AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) RETURNING api_keys.id;
-- accounts.key_revoke: ["id", "user_id", "workspace"]
UPDATE api_keys SET revoked_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE api_keys.id = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR IS NULL OR api_keys.user_id = $2::VARCHAR COLLATE "C") AND ($3::VARCHAR IS NULL OR api_keys.workspace = $3::VARCHAR COLLATE "C") AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) RETURNING api_keys.id;
-- accounts.key_used: ["id", "pause_ms"]
UPDATE api_keys SET last_used=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE api_keys.id = $1::VARCHAR COLLATE "C" AND (api_keys.last_used IS NULL OR api_keys.last_used < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $2::BIGINT);
-- accounts.keys: ["user_id", "workspace"]
SELECT api_keys.id, api_keys.secret_hash, api_keys.workspace, api_keys.user_id, api_keys.name, api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.last_used, api_keys.revoked_at, api_keys.disabled_at FROM api_keys WHERE api_keys.user_id = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR IS NULL OR api_keys.workspace = $2::VARCHAR COLLATE "C") AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ORDER BY api_keys.created_at DESC, api_keys.id DESC;
-- accounts.keys_clean: [[86400000]]
DELETE FROM api_keys WHERE api_keys.revoked_at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT OR api_keys.expires_at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT RETURNING 1;
-- accounts.keys_live: ["user_id"]
SELECT count(*) AS count FROM api_keys WHERE api_keys.user_id = $1::VARCHAR COLLATE "C" AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT));
-- accounts.keys_of_workspace: ["workspace", "after", "limit"]
SELECT api_keys.id, api_keys.secret_hash, api_keys.workspace, api_keys.user_id, api_keys.name, api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.last_used, api_keys.revoked_at, api_keys.disabled_at FROM api_keys WHERE api_keys.workspace = $1::VARCHAR COLLATE "C" AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) AND ($2::VARCHAR IS NULL OR api_keys.id < $2::VARCHAR COLLATE "C") ORDER BY api_keys.id DESC LIMIT $3::INTEGER;
-- accounts.keys_revoke: ["user_id", "workspace"]
UPDATE api_keys SET revoked_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE api_keys.user_id = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR IS NULL OR api_keys.workspace = $2::VARCHAR COLLATE "C") AND api_keys.revoked_at IS NULL;
-- accounts.member: ["workspace", "user_id"]
SELECT members.workspace, members.user_id, members.role, members.since, users.email, users.display_name FROM members JOIN users ON users.id = members.user_id WHERE members.workspace = $1::VARCHAR COLLATE "C" AND members.user_id = $2::VARCHAR COLLATE "C";
-- accounts.member_drop: ["workspace", "user_id"]
DELETE FROM members WHERE members.workspace = $1::VARCHAR COLLATE "C" AND members.user_id = $2::VARCHAR COLLATE "C";
-- accounts.member_put: ["workspace", "user_id", "role"]
INSERT INTO members (workspace, user_id, role, since) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT (workspace, user_id) DO UPDATE SET role = excluded.role;
-- accounts.member_role: ["workspace", "user_id"]
SELECT members.role FROM members WHERE members.workspace = $1::VARCHAR COLLATE "C" AND members.user_id = $2::VARCHAR COLLATE "C";
-- accounts.members: ["workspace", "after", "limit"]
SELECT members.workspace, members.user_id, members.role, members.since, users.email, users.display_name FROM members JOIN users ON users.id = members.user_id WHERE members.workspace = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR IS NULL OR members.user_id < $2::VARCHAR COLLATE "C") ORDER BY members.user_id DESC LIMIT $3::INTEGER;
-- accounts.memberships: ["user_id"]
SELECT workspaces.id, workspaces.slug, workspaces.name, workspaces.created_at, members.role FROM workspaces JOIN members ON members.workspace = workspaces.id WHERE members.user_id = $1::VARCHAR COLLATE "C" ORDER BY workspaces.slug;
-- accounts.other_owner: ["workspace", "user_id"]
SELECT members.user_id FROM members JOIN users ON users.id = members.user_id WHERE members.workspace = $1::VARCHAR COLLATE "C" AND members.role = 'owner' AND members.user_id != $2::VARCHAR COLLATE "C" AND NOT users.is_disabled LIMIT 1;
-- accounts.presence_add: ["id", "idle_ms"]
INSERT INTO presence (session_id, last_active, idle_at) VALUES ($1::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), (CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $2::BIGINT));
-- accounts.presence_clean: []
DELETE FROM presence WHERE NOT (EXISTS (SELECT * FROM sessions WHERE sessions.id = presence.session_id)) RETURNING 1;
-- accounts.principal_of_identity: ["workspace", "issuer", "subject"]
SELECT users.id AS u_id, users.email AS u_email, users.display_name AS u_display_name, users.password_hash AS u_password_hash, users.is_disabled AS u_is_disabled, users.is_instance_admin AS u_is_instance_admin, users.totp AS u_totp, users.totp_step AS u_totp_step, users.recovery AS u_recovery, users.default_workspace AS u_default_workspace, users.created_at AS u_created_at, users.version AS u_version, workspaces.id AS w_id, workspaces.slug AS w_slug, workspaces.name AS w_name, workspaces.created_at AS w_created_at, members.role, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AS at FROM identities JOIN users ON users.id = identities.user_id LEFT OUTER JOIN workspaces ON workspaces.id = coalesce($1::VARCHAR COLLATE "C", users.default_workspace) OR workspaces.slug = $1::VARCHAR COLLATE "C" LEFT OUTER JOIN members ON members.workspace = workspaces.id AND members.user_id = users.id WHERE identities.issuer = $2::VARCHAR COLLATE "C" AND identities.subject = $3::VARCHAR COLLATE "C" AND NOT users.is_disabled ORDER BY workspaces.id = coalesce($1::VARCHAR COLLATE "C", users.default_workspace) DESC LIMIT 1;
-- accounts.principal_of_key: ["pause_ms", "id", "secret_hash"]
SELECT users.id AS u_id, users.email AS u_email, users.display_name AS u_display_name, users.password_hash AS u_password_hash, users.is_disabled AS u_is_disabled, users.is_instance_admin AS u_is_instance_admin, users.totp AS u_totp, users.totp_step AS u_totp_step, users.recovery AS u_recovery, users.default_workspace AS u_default_workspace, users.created_at AS u_created_at, users.version AS u_version, workspaces.id AS w_id, workspaces.slug AS w_slug, workspaces.name AS w_name, workspaces.created_at AS w_created_at, api_keys.scopes, members.role, api_keys.last_used IS NULL OR api_keys.last_used < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT AS is_unnoted FROM api_keys JOIN users ON users.id = api_keys.user_id JOIN workspaces ON workspaces.id = api_keys.workspace LEFT OUTER JOIN members ON members.workspace = api_keys.workspace AND members.user_id = api_keys.user_id WHERE api_keys.id = $2::VARCHAR COLLATE "C" AND api_keys.secret_hash = $3::BYTEA AND NOT users.is_disabled AND api_keys.disabled_at IS NULL AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT));
-- accounts.principal_of_session: ["workspace", "sid_hash"]
SELECT sessions.id AS s_id, sessions.sid_hash AS s_sid_hash, sessions.user_id AS s_user_id, sessions.created_at AS s_created_at, sessions.authenticated_at AS s_authenticated_at, sessions.expires_at AS s_expires_at, sessions.ended_at AS s_ended_at, sessions.ip AS s_ip, sessions.user_agent AS s_user_agent, sessions.version AS s_version, presence.last_active AS s_last_active, users.id AS u_id, users.email AS u_email, users.display_name AS u_display_name, users.password_hash AS u_password_hash, users.is_disabled AS u_is_disabled, users.is_instance_admin AS u_is_instance_admin, users.totp AS u_totp, users.totp_step AS u_totp_step, users.recovery AS u_recovery, users.default_workspace AS u_default_workspace, users.created_at AS u_created_at, users.version AS u_version, workspaces.id AS w_id, workspaces.slug AS w_slug, workspaces.name AS w_name, workspaces.created_at AS w_created_at, members.role, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AS at FROM sessions JOIN presence ON presence.session_id = sessions.id JOIN users ON users.id = sessions.user_id LEFT OUTER JOIN workspaces ON workspaces.id = coalesce($1::VARCHAR COLLATE "C", users.default_workspace) OR workspaces.slug = $1::VARCHAR COLLATE "C" LEFT OUTER JOIN members ON members.workspace = workspaces.id AND members.user_id = users.id WHERE sessions.sid_hash = $2::BYTEA AND NOT users.is_disabled AND sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) ORDER BY workspaces.id = coalesce($1::VARCHAR COLLATE "C", users.default_workspace) DESC LIMIT 1;
-- accounts.principal_of_session.many: ["sid_hash", "workspace"]
SELECT asked.n, found.s_id, found.s_sid_hash, found.s_user_id, found.s_created_at, found.s_authenticated_at, found.s_expires_at, found.s_ended_at, found.s_ip, found.s_user_agent, found.s_version, found.s_last_active, found.u_id, found.u_email, found.u_display_name, found.u_password_hash, found.u_is_disabled, found.u_is_instance_admin, found.u_totp, found.u_totp_step, found.u_recovery, found.u_default_workspace, found.u_created_at, found.u_version, found.w_id, found.w_slug, found.w_name, found.w_created_at, found.role, found.at FROM unnest($1::BYTEA[], $2::TEXT[]) WITH ORDINALITY AS asked(sid_hash, workspace, n) JOIN LATERAL (SELECT sessions.id AS s_id, sessions.sid_hash AS s_sid_hash, sessions.user_id AS s_user_id, sessions.created_at AS s_created_at, sessions.authenticated_at AS s_authenticated_at, sessions.expires_at AS s_expires_at, sessions.ended_at AS s_ended_at, sessions.ip AS s_ip, sessions.user_agent AS s_user_agent, sessions.version AS s_version, presence.last_active AS s_last_active, users.id AS u_id, users.email AS u_email, users.display_name AS u_display_name, users.password_hash AS u_password_hash, users.is_disabled AS u_is_disabled, users.is_instance_admin AS u_is_instance_admin, users.totp AS u_totp, users.totp_step AS u_totp_step, users.recovery AS u_recovery, users.default_workspace AS u_default_workspace, users.created_at AS u_created_at, users.version AS u_version, workspaces.id AS w_id, workspaces.slug AS w_slug, workspaces.name AS w_name, workspaces.created_at AS w_created_at, members.role AS role, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AS at FROM sessions JOIN presence ON presence.session_id = sessions.id JOIN users ON users.id = sessions.user_id LEFT OUTER JOIN workspaces ON workspaces.id = coalesce(asked.workspace, users.default_workspace) OR workspaces.slug = asked.workspace LEFT OUTER JOIN members ON members.workspace = workspaces.id AND members.user_id = users.id WHERE sessions.sid_hash = asked.sid_hash AND NOT users.is_disabled AND sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) ORDER BY workspaces.id = coalesce(asked.workspace, users.default_workspace) DESC LIMIT 1) AS found ON true;
-- accounts.refresh_add: ["hash", "id", "number"]
INSERT INTO refresh_tokens (hash, session_id, number) VALUES ($1::BYTEA, $2::VARCHAR COLLATE "C", $3::INTEGER);
-- accounts.refresh_again: ["hash", "grace_ms", "child"]
SELECT child.number FROM refresh_tokens AS child JOIN refresh_tokens ON refresh_tokens.session_id = child.session_id AND refresh_tokens.number = child.number - 1 WHERE refresh_tokens.hash = $1::BYTEA AND refresh_tokens.used_at >= CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $2::BIGINT AND child.hash = $3::BYTEA AND child.used_at IS NULL;
-- accounts.refresh_clean: []
DELETE FROM refresh_tokens WHERE NOT (EXISTS (SELECT * FROM sessions WHERE sessions.id = refresh_tokens.session_id)) RETURNING 1;
-- accounts.refresh_drop: ["id"]
DELETE FROM refresh_tokens WHERE refresh_tokens.session_id = $1::VARCHAR COLLATE "C";
-- accounts.refresh_lock: ["hash"]
SELECT sessions.id FROM sessions WHERE sessions.id = (SELECT refresh_tokens.session_id FROM refresh_tokens WHERE refresh_tokens.hash = $1::BYTEA) AND sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT))) AND (EXISTS (SELECT * FROM users WHERE users.id = sessions.user_id AND NOT users.is_disabled)) FOR UPDATE;
-- accounts.refresh_session: ["hash"]
SELECT sessions.id FROM sessions WHERE sessions.id = (SELECT refresh_tokens.session_id FROM refresh_tokens WHERE refresh_tokens.hash = $1::BYTEA) AND sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT))) AND (EXISTS (SELECT * FROM users WHERE users.id = sessions.user_id AND NOT users.is_disabled));
-- accounts.refresh_use: ["hash"]
UPDATE refresh_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE refresh_tokens.hash = $1::BYTEA AND refresh_tokens.used_at IS NULL RETURNING refresh_tokens.number;
-- accounts.session: ["id"]
SELECT sessions.id, sessions.sid_hash, sessions.user_id, sessions.created_at, sessions.authenticated_at, sessions.expires_at, sessions.ended_at, sessions.ip, sessions.user_agent, sessions.version, presence.last_active FROM sessions JOIN presence ON presence.session_id = sessions.id WHERE sessions.id = $1::VARCHAR COLLATE "C";
-- accounts.session_add: ["id", "sid_hash", "user_id", "ttl_ms", "ip", "user_agent"]
INSERT INTO sessions (id, sid_hash, user_id, created_at, authenticated_at, expires_at, ip, user_agent, version) VALUES ($1::VARCHAR COLLATE "C", $2::BYTEA, $3::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), (CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $4::BIGINT), $5::VARCHAR, $6::VARCHAR, 1);
-- accounts.session_end: ["id"]
UPDATE sessions SET ended_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), version=(sessions.version + 1) WHERE sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT))) AND sessions.id = $1::VARCHAR COLLATE "C" RETURNING sessions.id;
-- accounts.session_renew: ["sid_hash", "authenticated", "id"]
UPDATE sessions SET sid_hash=$1::BYTEA, authenticated_at=CASE WHEN $2 THEN CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) ELSE sessions.authenticated_at END, version=(sessions.version + 1) WHERE sessions.id = $3::VARCHAR COLLATE "C" AND sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT))) RETURNING sessions.id;
-- accounts.sessions: ["user_id"]
SELECT sessions.id, sessions.sid_hash, sessions.user_id, sessions.created_at, sessions.authenticated_at, sessions.expires_at, sessions.ended_at, sessions.ip, sessions.user_agent, sessions.version, presence.last_active FROM sessions JOIN presence ON presence.session_id = sessions.id WHERE sessions.user_id = $1::VARCHAR COLLATE "C" AND sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) ORDER BY sessions.created_at DESC, sessions.id DESC;
-- accounts.sessions_clean: [[86400000]]
DELETE FROM sessions WHERE sessions.ended_at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT OR sessions.expires_at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT OR (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT)) RETURNING 1;
-- accounts.sessions_end: ["user_id", "only", "but"]
UPDATE sessions SET ended_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), version=(sessions.version + 1) WHERE sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT))) AND sessions.user_id = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR IS NULL OR sessions.id = $2::VARCHAR COLLATE "C") AND ($3::VARCHAR IS NULL OR sessions.id != $3::VARCHAR COLLATE "C") RETURNING sessions.id;
-- accounts.setup_token_state: ["token"]
SELECT one_time_tokens.used_at IS NOT NULL AS is_used FROM one_time_tokens WHERE one_time_tokens.hash = $1::BYTEA AND one_time_tokens.kind = 'setup';
-- accounts.setup_token_use: ["token"]
UPDATE one_time_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE one_time_tokens.hash = $1::BYTEA AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND one_time_tokens.kind = 'setup' RETURNING one_time_tokens.hash;
-- accounts.token: ["token", "kind"]
SELECT one_time_tokens.hash, one_time_tokens.kind, one_time_tokens.user_id, one_time_tokens.workspace, one_time_tokens.role, one_time_tokens.email, one_time_tokens.made_by, one_time_tokens.expires_at, one_time_tokens.tries, one_time_tokens.sealed, one_time_tokens.used_at, one_time_tokens.id FROM one_time_tokens WHERE one_time_tokens.hash = $1::BYTEA AND one_time_tokens.kind = $2::VARCHAR COLLATE "C" AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT);
-- accounts.token_add: ["hash", "kind", "user_id", "email", "ttl_ms", "sealed"]
INSERT INTO one_time_tokens (hash, kind, user_id, email, expires_at, tries, sealed) VALUES ($1::BYTEA, $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR, (CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $5::BIGINT), 0, $6::BYTEA);
-- accounts.token_of: ["user_id", "kind"]
SELECT one_time_tokens.hash, one_time_tokens.kind, one_time_tokens.user_id, one_time_tokens.workspace, one_time_tokens.role, one_time_tokens.email, one_time_tokens.made_by, one_time_tokens.expires_at, one_time_tokens.tries, one_time_tokens.sealed, one_time_tokens.used_at, one_time_tokens.id FROM one_time_tokens WHERE one_time_tokens.user_id = $1::VARCHAR COLLATE "C" AND one_time_tokens.kind = $2::VARCHAR COLLATE "C" AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT);
-- accounts.token_try: ["token", "kind", "tries_max"]
UPDATE one_time_tokens SET tries=(one_time_tokens.tries + 1) WHERE one_time_tokens.hash = $1::BYTEA AND one_time_tokens.kind = $2::VARCHAR COLLATE "C" AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND one_time_tokens.tries < $3::INTEGER RETURNING one_time_tokens.hash;
-- accounts.token_use: ["token", "user_id", "workspace"]
UPDATE one_time_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE one_time_tokens.hash = $1::BYTEA AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND one_time_tokens.kind != 'setup' AND ($2::VARCHAR IS NULL OR one_time_tokens.user_id IS NULL OR one_time_tokens.user_id = $2::VARCHAR COLLATE "C") AND ($3::VARCHAR IS NULL OR one_time_tokens.workspace IS NULL OR one_time_tokens.workspace = $3::VARCHAR COLLATE "C") RETURNING one_time_tokens.hash;
-- accounts.tokens_clean: [[86400000]]
DELETE FROM one_time_tokens WHERE one_time_tokens.used_at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT OR one_time_tokens.expires_at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT RETURNING 1;
-- accounts.tokens_end: ["user_id"]
UPDATE one_time_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE one_time_tokens.used_at IS NULL AND (one_time_tokens.user_id = $1::VARCHAR COLLATE "C" OR one_time_tokens.made_by = $1::VARCHAR COLLATE "C");
-- accounts.tokens_of_user_void: ["user_id"]
UPDATE one_time_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE one_time_tokens.user_id = $1::VARCHAR COLLATE "C" AND one_time_tokens.used_at IS NULL AND (one_time_tokens.kind = 'link' OR one_time_tokens.kind = 'reset' OR one_time_tokens.kind = 'mfa' OR one_time_tokens.kind = 'totp');
-- accounts.tokens_void: ["kind", "user_id"]
UPDATE one_time_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE one_time_tokens.kind = $1::VARCHAR COLLATE "C" AND one_time_tokens.used_at IS NULL AND (one_time_tokens.kind = 'setup' OR one_time_tokens.user_id = $2::VARCHAR COLLATE "C");
-- accounts.touch: ["idle_ms", "id"]
UPDATE presence SET last_active=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), idle_at=(CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $1::BIGINT) WHERE presence.session_id = $2::VARCHAR COLLATE "C" AND presence.idle_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AND (EXISTS (SELECT * FROM sessions WHERE sessions.id = presence.session_id AND sessions.ended_at IS NULL AND sessions.expires_at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)));
-- accounts.user: ["id"]
SELECT users.id, users.email, users.display_name, users.password_hash, users.is_disabled, users.is_instance_admin, users.totp, users.totp_step, users.recovery, users.default_workspace, users.created_at, users.version FROM users WHERE users.id = $1::VARCHAR COLLATE "C";
-- accounts.user_add: ["id", "email", "display_name", "password_hash", "is_disabled", "is_instance_admin", "totp", "totp_step", "recovery", "default_workspace"]
INSERT INTO users (id, email, display_name, password_hash, is_disabled, is_instance_admin, totp, totp_step, recovery, default_workspace, created_at, version) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR, $4::VARCHAR, $5::BOOLEAN, $6::BOOLEAN, $7::BYTEA, $8::BIGINT, $9::VARCHAR, $10::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), 1) ON CONFLICT DO NOTHING RETURNING users.id;
-- accounts.user_by_email: ["email"]
SELECT users.id, users.email, users.display_name, users.password_hash, users.is_disabled, users.is_instance_admin, users.totp, users.totp_step, users.recovery, users.default_workspace, users.created_at, users.version FROM users WHERE users.email = $1::VARCHAR COLLATE "C";
-- accounts.user_change: ["email", "display_name", "password_hash", "is_disabled", "is_instance_admin", "totp", "totp_step", "recovery", "default_workspace", "id", "was"]
UPDATE users SET email=$1::VARCHAR COLLATE "C", display_name=$2::VARCHAR, password_hash=$3::VARCHAR, is_disabled=$4::BOOLEAN, is_instance_admin=$5::BOOLEAN, totp=$6::BYTEA, totp_step=$7::BIGINT, recovery=$8::VARCHAR, default_workspace=$9::VARCHAR COLLATE "C", version=(users.version + 1) WHERE users.id = $10::VARCHAR COLLATE "C" AND users.version = $11::BIGINT AND NOT (EXISTS (SELECT * FROM users AS other WHERE other.email = $1::VARCHAR COLLATE "C" AND other.id != $10::VARCHAR COLLATE "C")) RETURNING users.id;
-- accounts.user_disable: ["is_disabled", "user_id"]
UPDATE users SET is_disabled=$1::BOOLEAN, version=(users.version + 1) WHERE users.id = $2::VARCHAR COLLATE "C" AND users.is_disabled != $1::BOOLEAN RETURNING users.id;
-- accounts.user_lock: ["id"]
SELECT users.version FROM users WHERE users.id = $1::VARCHAR COLLATE "C" AND NOT users.is_disabled FOR UPDATE;
-- accounts.user_of_identity: ["issuer", "subject"]
SELECT users.id, users.email, users.display_name, users.password_hash, users.is_disabled, users.is_instance_admin, users.totp, users.totp_step, users.recovery, users.default_workspace, users.created_at, users.version FROM identities JOIN users ON users.id = identities.user_id WHERE identities.issuer = $1::VARCHAR COLLATE "C" AND identities.subject = $2::VARCHAR COLLATE "C";
-- accounts.users: ["after", "limit"]
SELECT users.id, users.email, users.display_name, users.password_hash, users.is_disabled, users.is_instance_admin, users.totp, users.totp_step, users.recovery, users.default_workspace, users.created_at, users.version FROM users WHERE $1::VARCHAR IS NULL OR users.id < $1::VARCHAR COLLATE "C" ORDER BY users.id DESC LIMIT $2::INTEGER;
-- accounts.workspace: ["named"]
SELECT workspaces.id, workspaces.slug, workspaces.name, workspaces.created_at FROM workspaces WHERE workspaces.id = $1::VARCHAR COLLATE "C" OR workspaces.slug = $1::VARCHAR COLLATE "C" ORDER BY workspaces.id = $1::VARCHAR COLLATE "C" DESC LIMIT 1;
-- accounts.workspace_add: ["id", "slug", "name"]
INSERT INTO workspaces (id, slug, name, created_at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT DO NOTHING RETURNING workspaces.id;
-- accounts.workspace_change: ["slug", "name", "id"]
UPDATE workspaces SET slug=$1::VARCHAR COLLATE "C", name=$2::VARCHAR WHERE workspaces.id = $3::VARCHAR COLLATE "C" AND NOT (EXISTS (SELECT * FROM workspaces AS other WHERE other.slug = $1::VARCHAR COLLATE "C" AND other.id != $3::VARCHAR COLLATE "C")) RETURNING workspaces.id;
-- accounts.workspace_lock: ["workspace"]
SELECT workspaces.id FROM workspaces WHERE workspaces.id = $1::VARCHAR COLLATE "C" FOR UPDATE;
-- admission.answer: ["scope"]
SELECT answers.scope, answers.request, answers.status, answers.headers, answers.body, answers.at FROM answers WHERE answers.scope = $1::VARCHAR COLLATE "C" AND answers.at > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - 86400000;
-- admission.answer_add: ["scope", "request", "status", "headers", "body"]
INSERT INTO answers (scope, request, status, headers, body, at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::INTEGER, $4::VARCHAR, $5::BYTEA, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT (scope) DO UPDATE SET request = excluded.request, status = excluded.status, headers = excluded.headers, body = excluded.body, at = excluded.at WHERE answers.at <= CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - 86400000 RETURNING answers.scope;
-- admission.answer_change: ["status", "headers", "body", "scope_is", "request_is"]
UPDATE answers SET status=$1::INTEGER, headers=$2::VARCHAR, body=$3::BYTEA WHERE answers.scope = $4::VARCHAR COLLATE "C" AND answers.request = $5::VARCHAR COLLATE "C";
-- admission.answer_drop: ["scope_is"]
DELETE FROM answers WHERE answers.scope = $1::VARCHAR COLLATE "C";
-- admission.answers_drop: ["limit"]
DELETE FROM answers WHERE answers.scope IN (SELECT answers.scope FROM answers WHERE answers.at <= CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - 86400000 ORDER BY answers.at LIMIT $1) RETURNING answers.scope;
-- admission.execution_add: ["id", "workspace", "workflow", "version", "owner", "fence", "nodes_total", "created_at", "parent", "root", "forked_from", "trigger", "start", "workflow_id", "number", "is_test", "trigger_id", "scheduled_at", "held_below"]
INSERT INTO executions (id, workspace, workflow, version, status, owner, fence, head_seq, is_busy, nodes_done, nodes_total, created_at, parent, root, forked_from, trigger, start, workflow_id, number, is_test, trigger_id, scheduled_at, held_below) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR COLLATE "C", 'queued', $5::VARCHAR COLLATE "C", $6::BIGINT, 0, false, 0, $7::INTEGER, $8::BIGINT, $9::VARCHAR COLLATE "C", $10::VARCHAR COLLATE "C", $11::VARCHAR COLLATE "C", $12::VARCHAR, $13::BYTEA, $14::VARCHAR COLLATE "C", $15::INTEGER, $16::BOOLEAN, $17::VARCHAR COLLATE "C", $18::BIGINT, $19::INTEGER) ON CONFLICT DO NOTHING RETURNING executions.id;
-- admission.held: ["workflow_id", "limit"]
SELECT count(*) AS count FROM (SELECT 1 FROM executions WHERE executions.held_below IS NOT NULL AND executions.workflow_id = $1::VARCHAR COLLATE "C" LIMIT $2) AS anon_1;
-- admission.held_first: ["workflow_id", "limit"]
SELECT executions.id, executions.held_below FROM executions WHERE executions.held_below IS NOT NULL AND executions.workflow_id = $1::VARCHAR COLLATE "C" ORDER BY executions.id LIMIT $2;
-- admission.held_workflows: ["limit"]
SELECT executions.workflow_id, min(executions.id) AS first FROM executions WHERE executions.held_below IS NOT NULL GROUP BY executions.workflow_id LIMIT $1;
-- admission.inbox: ["execution_id", "dedupe_key"]
SELECT executions.status, (SELECT count(*) AS count_1 FROM inbox WHERE inbox.execution_id = $1::VARCHAR COLLATE "C" AND NOT inbox.consumed) AS waiting, (SELECT count(*) AS count_2 FROM inbox WHERE inbox.execution_id = $1::VARCHAR COLLATE "C" AND inbox.dedupe_key = $2::VARCHAR COLLATE "C") AS known FROM executions WHERE executions.id = $1::VARCHAR COLLATE "C";
-- admission.inherit: ["id", "source", "workspace"]
INSERT INTO blobs (workspace, hash, execution_id, size) SELECT source.workspace, source.hash, $1 AS anon_1, source.size FROM blobs AS source WHERE source.execution_id = $2::VARCHAR COLLATE "C" AND source.workspace = $3::VARCHAR COLLATE "C" ON CONFLICT DO NOTHING;
-- admission.lock: ["workflow_id"]
SELECT pg_advisory_xact_lock(hashtextextended($1, 0)) AS is_locked;
-- admission.open: ["workflow_id", "limit"]
SELECT count(*) AS count FROM (SELECT 1 FROM executions WHERE workflow_id IS NOT NULL AND parent IS NULL AND held_below IS NULL AND NOT is_test AND status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') AND executions.workflow_id = $1::VARCHAR COLLATE "C" LIMIT $2) AS anon_1;
-- admission.place: ["trigger", "key"]
SELECT places.execution_id FROM places WHERE places.trigger = $1::VARCHAR COLLATE "C" AND places.key = $2::VARCHAR COLLATE "C";
-- admission.place_add: ["trigger", "key", "kind", "at", "execution_id"]
INSERT INTO places (trigger, key, kind, at, execution_id) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::BIGINT, $5::VARCHAR COLLATE "C") ON CONFLICT DO NOTHING RETURNING places.key;
-- admission.place_skip: [[null], "trigger_is", "key_is"]
UPDATE places SET execution_id=$1::VARCHAR COLLATE "C" WHERE places.trigger = $2::VARCHAR COLLATE "C" AND places.key = $3::VARCHAR COLLATE "C";
-- admission.queued: ["limit"]
SELECT count(*) AS count FROM (SELECT 1 FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL LIMIT $1) AS anon_1;
-- admission.release: [[null], "id_is"]
UPDATE executions SET held_below=$1::INTEGER WHERE executions.id = $2::VARCHAR COLLATE "C";
-- admission.signal_add: ["execution_id", "dedupe_key", "body"]
INSERT INTO inbox (execution_id, dedupe_key, body, at, consumed) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::BYTEA, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), false) ON CONFLICT (execution_id, dedupe_key) DO NOTHING RETURNING inbox.id;
-- anything: [[1000], "engine"]
WITH RECURSIVE owners(owner) AS (SELECT min(executions.owner) AS owner FROM executions WHERE executions.owner IS NOT NULL UNION ALL SELECT (SELECT min(following.owner) AS min_1 FROM executions AS following WHERE following.owner IS NOT NULL AND following.owner > owners.owner) AS anon_6 FROM owners WHERE owners.owner IS NOT NULL) SELECT (EXISTS (SELECT anon_2.id FROM (SELECT DISTINCT inbox.execution_id AS id FROM inbox WHERE NOT inbox.consumed AND (SELECT executions.owner IS NULL AS anon_3 FROM executions WHERE executions.id = inbox.execution_id AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out')) LIMIT 1) AS anon_2 UNION SELECT anon_4.id FROM (SELECT executions.id AS id FROM executions WHERE executions.owner IS NULL AND executions.wake_at IS NOT NULL AND executions.wake_at <= CAST(EXTRACT(epoch FROM clock_timestamp()) * $1::INTEGER AS BIGINT) LIMIT 1) AS anon_4 UNION SELECT anon_5.id FROM (SELECT executions.id AS id FROM executions WHERE executions.owner IS NULL AND executions.is_busy LIMIT 1) AS anon_5)) OR (EXISTS (SELECT owners.owner FROM owners WHERE owners.owner IS NOT NULL AND (owners.owner NOT IN (SELECT engines.id FROM engines)))) OR (SELECT executions.id FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL AND executions.owner IS NULL ORDER BY executions.workspace, executions.created_at, executions.id LIMIT 1) IS NOT NULL OR (EXISTS (SELECT * FROM engines WHERE engines.id != $2::VARCHAR COLLATE "C" AND engines.lease_until <= CAST(EXTRACT(epoch FROM clock_timestamp()) * $1::INTEGER AS BIGINT))) AS anon_1;
-- audit.add: ["workspace", "actor_kind", "actor", "action", "target_kind", "target", "result", "ip", "request_id", "data"]
INSERT INTO audit (at, workspace, actor_kind, actor, action, target_kind, target, result, ip, request_id, data) VALUES (CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), $1::VARCHAR COLLATE "C", $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::VARCHAR, $7::VARCHAR, $8::VARCHAR, $9::VARCHAR, $10::VARCHAR) RETURNING audit.id;
-- audit.floor: ["before", "looked_at"]
SELECT audit.seq FROM audit WHERE audit.seq < $1::BIGINT ORDER BY audit.seq DESC LIMIT 1 OFFSET $2;
-- audit.floor_of: ["before", "workspace", "looked_at"]
SELECT audit.seq FROM audit WHERE audit.seq < $1::BIGINT AND audit.workspace = $2::VARCHAR COLLATE "C" ORDER BY audit.seq DESC LIMIT 1 OFFSET $3;
-- audit.head: []
SELECT audit.seq, audit.hash FROM audit WHERE audit.seq IS NOT NULL ORDER BY audit.seq DESC LIMIT 1;
-- audit.lock: []
SELECT CAST(pg_try_advisory_xact_lock(30510792175871092) AS INTEGER) AS is_mine;
-- audit.newest: ["before", "looked_at", "action", "action_group", [1], "actor", "since", "until", "limit"]
SELECT anon_1.id, anon_1.at, anon_1.workspace, anon_1.actor_kind, anon_1.actor, anon_1.action, anon_1.target_kind, anon_1.target, anon_1.result, anon_1.ip, anon_1.request_id, anon_1.data, anon_1.seq, anon_1.hash FROM (SELECT audit.id AS id, audit.at AS at, audit.workspace AS workspace, audit.actor_kind AS actor_kind, audit.actor AS actor, audit.action AS action, audit.target_kind AS target_kind, audit.target AS target, audit.result AS result, audit.ip AS ip, audit.request_id AS request_id, audit.data AS data, audit.seq AS seq, audit.hash AS hash FROM audit WHERE audit.seq < $1::BIGINT ORDER BY audit.seq DESC LIMIT $2) AS anon_1 WHERE ($3::VARCHAR IS NULL OR anon_1.action = $3::VARCHAR) AND ($4::VARCHAR IS NULL OR substr(anon_1.action, $5::INTEGER, length($4::VARCHAR)) = $4::VARCHAR) AND ($6::VARCHAR IS NULL OR anon_1.actor = $6::VARCHAR) AND anon_1.at >= $7::BIGINT AND anon_1.at < $8::BIGINT ORDER BY anon_1.seq DESC LIMIT $9;
-- audit.newest_of: ["before", "workspace", "looked_at", "action", "action_group", [1], "actor", "since", "until", "limit"]
SELECT anon_1.id, anon_1.at, anon_1.workspace, anon_1.actor_kind, anon_1.actor, anon_1.action, anon_1.target_kind, anon_1.target, anon_1.result, anon_1.ip, anon_1.request_id, anon_1.data, anon_1.seq, anon_1.hash FROM (SELECT audit.id AS id, audit.at AS at, audit.workspace AS workspace, audit.actor_kind AS actor_kind, audit.actor AS actor, audit.action AS action, audit.target_kind AS target_kind, audit.target AS target, audit.result AS result, audit.ip AS ip, audit.request_id AS request_id, audit.data AS data, audit.seq AS seq, audit.hash AS hash FROM audit WHERE audit.seq < $1::BIGINT AND audit.workspace = $2::VARCHAR COLLATE "C" ORDER BY audit.seq DESC LIMIT $3) AS anon_1 WHERE ($4::VARCHAR IS NULL OR anon_1.action = $4::VARCHAR) AND ($5::VARCHAR IS NULL OR substr(anon_1.action, $6::INTEGER, length($5::VARCHAR)) = $5::VARCHAR) AND ($7::VARCHAR IS NULL OR anon_1.actor = $7::VARCHAR) AND anon_1.at >= $8::BIGINT AND anon_1.at < $9::BIGINT ORDER BY anon_1.seq DESC LIMIT $10;
-- audit.read: ["after", "limit"]
SELECT audit.id, audit.at, audit.workspace, audit.actor_kind, audit.actor, audit.action, audit.target_kind, audit.target, audit.result, audit.ip, audit.request_id, audit.data, audit.seq, audit.hash FROM audit WHERE audit.seq > $1::BIGINT ORDER BY audit.seq LIMIT $2;
-- audit.read_of: ["after", "workspace", "limit"]
SELECT audit.id, audit.at, audit.workspace, audit.actor_kind, audit.actor, audit.action, audit.target_kind, audit.target, audit.result, audit.ip, audit.request_id, audit.data, audit.seq, audit.hash FROM audit WHERE audit.seq > $1::BIGINT AND audit.workspace = $2::VARCHAR COLLATE "C" ORDER BY audit.seq LIMIT $3;
-- audit.seal: ["seq", "hash", "row"]
UPDATE audit SET seq=$1::BIGINT, hash=$2::VARCHAR WHERE audit.id = $3::BIGINT;
-- audit.unsealed: ["limit"]
SELECT audit.id, audit.at, audit.workspace, audit.actor_kind, audit.actor, audit.action, audit.target_kind, audit.target, audit.result, audit.ip, audit.request_id, audit.data, audit.seq, audit.hash FROM audit WHERE audit.seq IS NULL ORDER BY audit.id LIMIT $1;
-- audit.unsealed_count: ["limit"]
SELECT count(*) AS count FROM (SELECT 1 FROM audit WHERE audit.seq IS NULL LIMIT $1) AS anon_1;
-- blobs_of: ["execution_id"]
SELECT blobs.hash, blobs.size FROM blobs WHERE blobs.execution_id = $1::VARCHAR COLLATE "C" ORDER BY blobs.hash;
-- by_prefix: ["workspace", "first", "beyond", [10]]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.id >= $2::VARCHAR COLLATE "C" AND executions.id < $3::VARCHAR COLLATE "C" ORDER BY executions.id LIMIT $4::INTEGER;
-- claim_row: ["execution_id"]
SELECT executions.id AS execution_id, executions.workspace, executions.version, executions.workflow, executions.fence, executions.head_seq, executions.status, executions.created_at, executions.owner, executions.is_busy, executions.start FROM executions WHERE executions.id = $1::VARCHAR COLLATE "C" FOR UPDATE;
-- counts: ["workspace"]
SELECT executions.status, count(*) AS count_1 FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" GROUP BY executions.status;
-- created_at: ["execution_id"]
SELECT executions.created_at FROM executions WHERE executions.id = $1::VARCHAR COLLATE "C";
-- credentials.add: ["id", "workspace", "name", "type", "hosts", "version", "key_id", "sealed", "by"]
INSERT INTO credentials (id, workspace, name, type, hosts, version, key_id, sealed, created_at, created_by, updated_at, updated_by) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR COLLATE "C", $5::VARCHAR, $6::BIGINT, $7::VARCHAR COLLATE "C", $8::BYTEA, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), $9::VARCHAR, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), $9::VARCHAR) ON CONFLICT DO NOTHING RETURNING credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by;
-- credentials.count: ["workspace"]
SELECT count(*) AS count FROM credentials WHERE credentials.workspace = $1::VARCHAR COLLATE "C";
-- credentials.every: ["after", "limit"]
SELECT credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by FROM credentials WHERE $1::VARCHAR COLLATE "C" IS NULL OR credentials.id > $1::VARCHAR COLLATE "C" ORDER BY credentials.id LIMIT $2;
-- credentials.find: ["workspace", "id"]
SELECT credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by FROM credentials WHERE credentials.workspace = $1::VARCHAR COLLATE "C" AND credentials.id = $2::VARCHAR COLLATE "C";
-- credentials.has_used: ["execution_id", "credential_id"]
SELECT credential_uses.at FROM credential_uses WHERE credential_uses.execution_id = $1::VARCHAR COLLATE "C" AND credential_uses.credential_id = $2::VARCHAR COLLATE "C";
-- credentials.hold: ["workspace", "name"]
SELECT credentials.id FROM credentials WHERE credentials.workspace = $1::VARCHAR COLLATE "C" AND credentials.name = $2::VARCHAR COLLATE "C" FOR SHARE;
-- credentials.keys: []
SELECT credentials.key_id, count(*) AS count FROM credentials GROUP BY credentials.key_id;
-- credentials.lock: ["workspace", "id"]
SELECT credentials.name, credentials.version FROM credentials WHERE credentials.workspace = $1::VARCHAR COLLATE "C" AND credentials.id = $2::VARCHAR COLLATE "C" FOR UPDATE;
-- credentials.named: ["workspace", "name"]
SELECT credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by FROM credentials WHERE credentials.workspace = $1::VARCHAR COLLATE "C" AND credentials.name = $2::VARCHAR COLLATE "C";
-- credentials.names: ["workspace"]
SELECT credentials.name FROM credentials WHERE credentials.workspace = $1::VARCHAR COLLATE "C";
-- credentials.page: ["workspace", "after", "limit"]
SELECT credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by FROM credentials WHERE credentials.workspace = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR COLLATE "C" IS NULL OR credentials.id < $2::VARCHAR COLLATE "C") ORDER BY credentials.id DESC LIMIT $3;
-- credentials.remove: ["workspace", "id"]
DELETE FROM credentials WHERE credentials.workspace = $1::VARCHAR COLLATE "C" AND credentials.id = $2::VARCHAR COLLATE "C" RETURNING credentials.id;
-- credentials.replace: ["name", "type", "hosts", "version", "key_id", "sealed", "by", "workspace", "id"]
UPDATE credentials SET name=$1::VARCHAR COLLATE "C", type=$2::VARCHAR COLLATE "C", hosts=$3::VARCHAR, version=$4::BIGINT, key_id=$5::VARCHAR COLLATE "C", sealed=$6::BYTEA, updated_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), updated_by=$7::VARCHAR WHERE credentials.workspace = $8::VARCHAR COLLATE "C" AND credentials.id = $9::VARCHAR COLLATE "C" RETURNING credentials.id;
-- credentials.reseal: ["key_id", "sealed", "id", "version", "before"]
UPDATE credentials SET key_id=$1::VARCHAR COLLATE "C", sealed=$2::BYTEA WHERE credentials.id = $3::VARCHAR COLLATE "C" AND credentials.version = $4::BIGINT AND credentials.sealed = $5::BYTEA RETURNING credentials.id;
-- credentials.taken: ["workspace", "name", "id"]
SELECT 1 AS one WHERE EXISTS (SELECT * FROM credentials AS other WHERE other.workspace = $1::VARCHAR COLLATE "C" AND other.name = $2::VARCHAR COLLATE "C" AND other.id != $3::VARCHAR COLLATE "C");
-- credentials.use: ["execution_id", "credential_id"]
INSERT INTO credential_uses (execution_id, credential_id, at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT DO NOTHING RETURNING credential_uses.at;
-- credentials.used_by: ["workspace", "name", "after", "limit"]
SELECT credential_workflows.workflow_id, credential_workflows.slug, credential_workflows.number FROM credential_workflows WHERE credential_workflows.workspace = $1::VARCHAR COLLATE "C" AND credential_workflows.name = $2::VARCHAR COLLATE "C" AND ($3::VARCHAR COLLATE "C" IS NULL OR credential_workflows.workflow_id < $3::VARCHAR COLLATE "C") ORDER BY credential_workflows.workflow_id DESC LIMIT $4;
-- credentials.workflow_add: ["workspace", "name", "workflow_id", "slug", "number"]
INSERT INTO credential_workflows (workspace, name, workflow_id, slug, number) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR COLLATE "C", $5::INTEGER);
-- credentials.workflow_drop: ["workspace", "workflow_id"]
DELETE FROM credential_workflows WHERE credential_workflows.workspace = $1::VARCHAR COLLATE "C" AND credential_workflows.workflow_id = $2::VARCHAR COLLATE "C";
-- credentials.workflow_slug: ["slug", "workflow_id"]
UPDATE credential_workflows SET slug=$1::VARCHAR COLLATE "C" WHERE credential_workflows.workflow_id = $2::VARCHAR COLLATE "C";
-- descendants: ["execution_id", "limit"]
WITH RECURSIVE tree(id) AS (SELECT executions.id AS id FROM executions WHERE executions.parent = $1::VARCHAR COLLATE "C" UNION SELECT below.id AS id FROM executions AS below, tree WHERE below.parent = tree.id) SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.id IN (SELECT tree.id FROM tree) ORDER BY executions.created_at, executions.id LIMIT $2;
-- engine_drop: ["engine"]
DELETE FROM engines WHERE engines.id = $1::VARCHAR COLLATE "C";
-- engine_known: ["engine"]
SELECT 1 FROM engines WHERE engines.id = $1::VARCHAR COLLATE "C";
-- engine_put: ["engine", "host", "pid", [""], [0], [1000], "lease_ms", "adopts"]
INSERT INTO engines (id, host, pid, machine, lease_steady, lease_until, adopts, registered_at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR, $3::INTEGER, $4::VARCHAR, $5::BIGINT, (CAST(EXTRACT(epoch FROM clock_timestamp()) * $6::INTEGER AS BIGINT) + $7::BIGINT), $8::BOOLEAN, CAST(EXTRACT(epoch FROM clock_timestamp()) * $6::INTEGER AS BIGINT)) ON CONFLICT (id) DO UPDATE SET host = excluded.host, pid = excluded.pid, lease_until = excluded.lease_until, adopts = excluded.adopts, registered_at = excluded.registered_at;
-- engine_renew: [[1000], "lease_ms", "engine"]
UPDATE engines SET lease_until=(CAST(EXTRACT(epoch FROM clock_timestamp()) * $1::INTEGER AS BIGINT) + $2::BIGINT) WHERE engines.id = $3::VARCHAR COLLATE "C";
-- engines: [[1000]]
SELECT engines.id, engines.host, engines.pid, engines.lease_until - CAST(EXTRACT(epoch FROM clock_timestamp()) * $1::INTEGER AS BIGINT) AS lease_left_ms, engines.adopts FROM engines ORDER BY engines.id;
-- engines_reap: ["engine", [1000]]
DELETE FROM engines WHERE engines.id != $1::VARCHAR COLLATE "C" AND engines.lease_until <= CAST(EXTRACT(epoch FROM clock_timestamp()) * $2::INTEGER AS BIGINT);
-- execution: ["execution_id"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.id = $1::VARCHAR COLLATE "C";
-- files.add: ["id", "workspace", "name", "content_type", "size", "hash", "by", "created_at"]
INSERT INTO files (id, workspace, name, content_type, size, hash, by, created_at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR, $5::BIGINT, $6::VARCHAR COLLATE "C", $7::VARCHAR COLLATE "C", $8::BIGINT);
-- files.find: ["workspace", "above", "below", "created_after", "created_before", "limit"]
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files.by, files.created_at FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR IS NULL OR files.id >= $2::VARCHAR COLLATE "C") AND ($3::VARCHAR IS NULL OR files.id < $3::VARCHAR COLLATE "C") AND files.created_at >= $4::BIGINT AND files.created_at < $5::BIGINT ORDER BY files.id DESC LIMIT $6;
-- files.find_hash: ["workspace", "above", "below", "created_after", "created_before", "hash", "name", "limit"]
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files.by, files.created_at FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR IS NULL OR files.id >= $2::VARCHAR COLLATE "C") AND ($3::VARCHAR IS NULL OR files.id < $3::VARCHAR COLLATE "C") AND files.created_at >= $4::BIGINT AND files.created_at < $5::BIGINT AND files.hash = $6::VARCHAR COLLATE "C" AND ($7::VARCHAR IS NULL OR files.name = $7::VARCHAR COLLATE "C") ORDER BY files.id DESC LIMIT $8;
-- files.find_name: ["workspace", "above", "below", "created_after", "created_before", "name", "limit"]
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files.by, files.created_at FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND ($2::VARCHAR IS NULL OR files.id >= $2::VARCHAR COLLATE "C") AND ($3::VARCHAR IS NULL OR files.id < $3::VARCHAR COLLATE "C") AND files.created_at >= $4::BIGINT AND files.created_at < $5::BIGINT AND files.name = $6::VARCHAR COLLATE "C" ORDER BY files.id DESC LIMIT $7;
-- files.get: ["workspace", "id"]
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files.by, files.created_at FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND files.id = $2::VARCHAR COLLATE "C";
-- files.has_content: ["workspace", "hash"]
SELECT files.id FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND files.hash = $2::VARCHAR COLLATE "C" LIMIT 1;
-- files.hold: ["holder", "ttl_ms"]
INSERT INTO blob_holds (holder, until) VALUES ($1::VARCHAR COLLATE "C", (CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $2::BIGINT)) ON CONFLICT (holder) DO UPDATE SET until = excluded.until;
-- files.holds: []
SELECT blob_holds.holder FROM blob_holds WHERE blob_holds.until > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) LIMIT 1;
-- files.holds_drop: []
DELETE FROM blob_holds WHERE blob_holds.until <= CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT);
-- files.let_go: ["holder"]
DELETE FROM blob_holds WHERE blob_holds.holder = $1::VARCHAR COLLATE "C";
-- files.lock: ["workspace", "id"]
SELECT files.hash, files.size FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND files.id = $2::VARCHAR COLLATE "C" FOR SHARE;
-- files.named: ["workspace", "ids"]
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files.by, files.created_at FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND files.id IN (SELECT anon_1.value FROM json_array_elements_text(CAST($2 AS json)) AS anon_1);
-- files.old: ["age_ms", "limit"]
SELECT files.id, files.workspace FROM files WHERE files.created_at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT ORDER BY files.created_at, files.id LIMIT $2;
-- files.oldest_work: ["workspace"]
SELECT min(executions.created_at) AS at FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.status IN ('needs_attention', 'paused', 'queued', 'running', 'waiting') AND (executions.is_busy OR executions.head_seq = 0);
-- files.refer: ["workspace", "hash", "execution_id", "size"]
INSERT INTO blobs (workspace, hash, execution_id, size) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::BIGINT) ON CONFLICT DO NOTHING;
-- files.referred: ["workspace", "hashes"]
SELECT blobs.hash FROM blobs WHERE blobs.workspace = $1::VARCHAR COLLATE "C" AND blobs.hash IN (SELECT anon_1.value FROM json_array_elements_text(CAST($2 AS json)) AS anon_1) UNION SELECT files.hash FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND files.hash IN (SELECT anon_2.value FROM json_array_elements_text(CAST($2 AS json)) AS anon_2);
-- files.remove: ["workspace", "id"]
DELETE FROM files WHERE files.workspace = $1::VARCHAR COLLATE "C" AND files.id = $2::VARCHAR COLLATE "C" RETURNING files.hash, files.size;
-- files.space: ["workspace"]
SELECT file_spaces.used, file_spaces.own FROM file_spaces WHERE file_spaces.workspace = $1::VARCHAR COLLATE "C";
-- files.space_change: ["bytes", "workspace_is"]
UPDATE file_spaces SET used=(file_spaces.used + $1::BIGINT) WHERE file_spaces.workspace = $2::VARCHAR COLLATE "C";
-- files.space_lock: ["workspace"]
INSERT INTO file_spaces (workspace, used) VALUES ($1::VARCHAR COLLATE "C", 0) ON CONFLICT (workspace) DO UPDATE SET used = file_spaces.used RETURNING file_spaces.used, file_spaces.own;
-- files.space_own: ["workspace", "own"]
INSERT INTO file_spaces (workspace, used, own) VALUES ($1::VARCHAR COLLATE "C", 0, $2::BIGINT) ON CONFLICT (workspace) DO UPDATE SET own = excluded.own RETURNING file_spaces.used, file_spaces.own;
-- find_: ["workspace", "before", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.id < $2::VARCHAR AND executions.parent IS NULL ORDER BY executions.id DESC LIMIT $3;
-- find_c: ["workspace", "before_at", "before", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND (executions.created_at, executions.id) < ($2::BIGINT, $3::VARCHAR) ORDER BY executions.created_at DESC, executions.id DESC LIMIT $4;
-- find_ct: ["workspace", "before_at", "before", "words", "fresh", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND (executions.created_at, executions.id) < ($2::BIGINT, $3::VARCHAR) AND (executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = $1::VARCHAR COLLATE "C" AND (search_texts.words @@ CAST($4::VARCHAR AS TSQUERY)) AND search_texts.text IS NULL) OR executions.id = any($5::TEXT[])) ORDER BY executions.created_at DESC, executions.id DESC LIMIT $6;
-- find_s: ["workspace", "before_at", "before", "statuses", "children", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND (executions.created_at, executions.id) < ($2::BIGINT, $3::VARCHAR) AND executions.status = any($4::TEXT[]) AND ($5::BOOLEAN OR executions.parent IS NULL) ORDER BY executions.created_at DESC, executions.id DESC LIMIT $6;
-- find_st: ["workspace", "before_at", "before", "statuses", "words", "fresh", "children", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND (executions.created_at, executions.id) < ($2::BIGINT, $3::VARCHAR) AND executions.status = any($4::TEXT[]) AND (executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = $1::VARCHAR COLLATE "C" AND (search_texts.words @@ CAST($5::VARCHAR AS TSQUERY)) AND search_texts.text IS NULL) OR executions.id = any($6::TEXT[])) AND ($7::BOOLEAN OR executions.parent IS NULL) ORDER BY executions.created_at DESC, executions.id DESC LIMIT $8;
-- find_stw: ["workspace", "before_at", "before", "workflow", "statuses", "words", "fresh", "children", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND (executions.created_at, executions.id) < ($2::BIGINT, $3::VARCHAR) AND executions.workflow = $4::VARCHAR COLLATE "C" AND executions.status = any($5::TEXT[]) AND (executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = $1::VARCHAR COLLATE "C" AND (search_texts.words @@ CAST($6::VARCHAR AS TSQUERY)) AND search_texts.text IS NULL) OR executions.id = any($7::TEXT[])) AND ($8::BOOLEAN OR executions.parent IS NULL) ORDER BY executions.created_at DESC, executions.id DESC LIMIT $9;
-- find_sw: ["workspace", "before_at", "before", "workflow", "statuses", "children", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND (executions.created_at, executions.id) < ($2::BIGINT, $3::VARCHAR) AND executions.workflow = $4::VARCHAR COLLATE "C" AND executions.status = any($5::TEXT[]) AND ($6::BOOLEAN OR executions.parent IS NULL) ORDER BY executions.created_at DESC, executions.id DESC LIMIT $7;
-- find_t: ["workspace", "before", "words", "fresh", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.id < $2::VARCHAR AND (executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = $1::VARCHAR COLLATE "C" AND (search_texts.words @@ CAST($3::VARCHAR AS TSQUERY)) AND search_texts.text IS NULL) OR executions.id = any($4::TEXT[])) AND executions.parent IS NULL ORDER BY executions.id DESC LIMIT $5;
-- find_tw: ["workspace", "before_at", "before", "workflow", "words", "fresh", "children", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND (executions.created_at, executions.id) < ($2::BIGINT, $3::VARCHAR) AND executions.workflow = $4::VARCHAR COLLATE "C" AND (executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = $1::VARCHAR COLLATE "C" AND (search_texts.words @@ CAST($5::VARCHAR AS TSQUERY)) AND search_texts.text IS NULL) OR executions.id = any($6::TEXT[])) AND ($7::BOOLEAN OR executions.parent IS NULL) ORDER BY executions.created_at DESC, executions.id DESC LIMIT $8;
-- find_w: ["workspace", "before_at", "before", "workflow", "children", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND (executions.created_at, executions.id) < ($2::BIGINT, $3::VARCHAR) AND executions.workflow = $4::VARCHAR COLLATE "C" AND ($5::BOOLEAN OR executions.parent IS NULL) ORDER BY executions.created_at DESC, executions.id DESC LIMIT $6;
-- fresh_texts: ["workspace", "limit"]
SELECT search_texts.execution_id, search_texts.text FROM search_texts WHERE search_texts.text IS NOT NULL AND search_texts.workspace = $1::VARCHAR COLLATE "C" ORDER BY search_texts.id DESC LIMIT $2;
-- heads: ["ids"]
SELECT executions.id, executions.head_seq FROM executions WHERE executions.id = any($1::TEXT[]);
-- inbox_tidy: []
DELETE FROM inbox WHERE NOT inbox.consumed AND (EXISTS (SELECT * FROM executions WHERE executions.id = inbox.execution_id AND executions.status IN ('cancelled', 'completed', 'failed', 'timed_out')));
-- index.events: ["execution_id", "after", "limit"]
SELECT events.seq, events.body FROM events WHERE events.execution_id = $1::VARCHAR COLLATE "C" AND events.seq > $2::BIGINT ORDER BY events.seq LIMIT $3;
-- index.last: ["execution_id", [1]]
SELECT events.seq, events.body FROM events WHERE events.execution_id = $1::VARCHAR COLLATE "C" ORDER BY events.seq DESC LIMIT $2::INTEGER;
-- index.value_add: ["key", "text_id"]
INSERT INTO search_values (key, text_id) VALUES ($1::BYTEA, $2::BIGINT) ON CONFLICT DO NOTHING;
-- index.waiting: ["limit"]
SELECT search_texts.id, search_texts.execution_id, search_texts.workspace, search_texts.text FROM search_texts WHERE search_texts.text IS NOT NULL ORDER BY search_texts.id DESC LIMIT $1;
-- index.words: [[null], "words", [" "], "row_id", "was"]
UPDATE search_texts SET text=$1::VARCHAR, words=array_to_tsvector(string_to_array($2::VARCHAR, $3::VARCHAR)) WHERE search_texts.id = $4::BIGINT AND search_texts.text = $5::VARCHAR RETURNING search_texts.id;
-- keeping.engines_drop: []
DELETE FROM engines;
-- keeping.epoch_up: []
UPDATE meta SET value=CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT) WHERE meta.key = 'epoch' RETURNING meta.value;
-- keeping.expired: ["status", "before", "limit"]
SELECT executions.workspace, executions.id FROM executions WHERE executions.ended_at IS NOT NULL AND executions.parent IS NULL AND executions.status = $1::VARCHAR COLLATE "C" AND executions.ended_at < $2::BIGINT ORDER BY executions.ended_at LIMIT $3;
-- keeping.keys_disable: []
UPDATE api_keys SET disabled_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE api_keys.revoked_at IS NULL AND api_keys.disabled_at IS NULL RETURNING api_keys.id;
-- keeping.log_drop: ["row"]
DELETE FROM attempt_logs WHERE attempt_logs.id = $1::BIGINT;
-- keeping.logs_page: ["after", "limit"]
SELECT attempt_logs.id, attempt_logs.at, executions.ended_at FROM attempt_logs JOIN executions ON executions.id = attempt_logs.execution_id WHERE attempt_logs.id > $1::BIGINT ORDER BY attempt_logs.id LIMIT $2;
-- keeping.note: ["key"]
SELECT meta.value FROM meta WHERE meta.key = $1::VARCHAR COLLATE "C";
-- keeping.note_drop: ["key"]
DELETE FROM meta WHERE meta.key = $1::VARCHAR COLLATE "C";
-- keeping.note_set: ["key", "value"]
INSERT INTO meta (key, value) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
-- keeping.now: []
SELECT CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AS now;
-- keeping.open: ["limit"]
SELECT executions.id FROM executions WHERE executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') ORDER BY executions.id LIMIT $1;
-- keeping.open_after: ["after", "limit"]
SELECT executions.id FROM executions WHERE executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') AND executions.id > $1::VARCHAR COLLATE "C" ORDER BY executions.id LIMIT $2;
-- keeping.owners_drop: []
UPDATE executions SET owner=NULL, fence=(executions.fence + 1) WHERE executions.owner IS NOT NULL;
-- keeping.piece_blobs: ["id", "limit"]
DELETE FROM blobs WHERE blobs.execution_id = $1::VARCHAR COLLATE "C" AND (blobs.workspace, blobs.hash) IN (SELECT blobs.workspace, blobs.hash FROM blobs WHERE blobs.execution_id = $1::VARCHAR COLLATE "C" LIMIT $2) RETURNING blobs.execution_id AS gone;
-- keeping.piece_events: ["id", "limit"]
DELETE FROM events WHERE events.execution_id = $1::VARCHAR COLLATE "C" AND events.seq IN (SELECT events.seq FROM events WHERE events.execution_id = $1::VARCHAR COLLATE "C" LIMIT $2) RETURNING events.execution_id AS gone;
-- keeping.piece_inbox: ["id", "limit"]
DELETE FROM inbox WHERE inbox.execution_id = $1::VARCHAR COLLATE "C" AND inbox.id IN (SELECT inbox.id FROM inbox WHERE inbox.execution_id = $1::VARCHAR COLLATE "C" LIMIT $2) RETURNING inbox.execution_id AS gone;
-- keeping.piece_logs: ["id", "limit"]
DELETE FROM attempt_logs WHERE attempt_logs.execution_id = $1::VARCHAR COLLATE "C" AND attempt_logs.id IN (SELECT attempt_logs.id FROM attempt_logs WHERE attempt_logs.execution_id = $1::VARCHAR COLLATE "C" LIMIT $2) RETURNING attempt_logs.execution_id AS gone;
-- keeping.piece_steps: ["id", "limit"]
DELETE FROM node_steps WHERE node_steps.execution_id = $1::VARCHAR COLLATE "C" AND (node_steps.node, node_steps.item, node_steps.name, node_steps.ordinal) IN (SELECT node_steps.node, node_steps.item, node_steps.name, node_steps.ordinal FROM node_steps WHERE node_steps.execution_id = $1::VARCHAR COLLATE "C" LIMIT $2) RETURNING node_steps.execution_id AS gone;
-- keeping.purge_done: ["id"]
DELETE FROM purges WHERE purges.execution_id = $1::VARCHAR COLLATE "C";
-- keeping.purge_look: ["id", "workspace"]
SELECT executions.status, executions.parent, executions.ended_at FROM executions WHERE executions.id = $1::VARCHAR COLLATE "C" AND executions.workspace = $2::VARCHAR COLLATE "C" FOR UPDATE;
-- keeping.purge_note: ["id"]
INSERT INTO purges (execution_id, at) VALUES ($1::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT DO NOTHING;
-- keeping.purge_open: ["id"]
WITH RECURSIVE tree(id, depth) AS (SELECT executions.id AS id, 0 AS depth FROM executions WHERE executions.id = $1::VARCHAR COLLATE "C" UNION ALL SELECT called.id AS id, tree.depth + 1 AS anon_1 FROM executions AS called, tree WHERE called.parent = tree.id) SELECT 1 FROM tree JOIN executions ON executions.id = tree.id WHERE executions.ended_at IS NULL LIMIT 1;
-- keeping.purge_row: ["id"]
DELETE FROM executions WHERE executions.id = $1::VARCHAR COLLATE "C";
-- keeping.purge_text: ["id"]
DELETE FROM search_texts WHERE search_texts.execution_id = $1::VARCHAR COLLATE "C";
-- keeping.purge_texts: ["id"]
SELECT search_texts.id FROM search_texts WHERE search_texts.execution_id = $1::VARCHAR COLLATE "C";
-- keeping.purge_tree: ["id", "limit"]
WITH RECURSIVE tree(id, depth) AS (SELECT executions.id AS id, 0 AS depth FROM executions WHERE executions.id = $1::VARCHAR COLLATE "C" UNION ALL SELECT called.id AS id, tree.depth + 1 AS anon_1 FROM executions AS called, tree WHERE called.parent = tree.id) SELECT tree.id, executions.ended_at FROM tree JOIN executions ON executions.id = tree.id ORDER BY tree.depth DESC LIMIT $2;
-- keeping.purge_values: ["row_id"]
DELETE FROM search_values WHERE search_values.text_id = $1::BIGINT;
-- keeping.purges: []
SELECT purges.execution_id FROM purges ORDER BY purges.at, purges.execution_id LIMIT 1;
-- keeping.sessions_end: []
UPDATE sessions SET ended_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), version=(sessions.version + 1) WHERE sessions.ended_at IS NULL RETURNING sessions.id;
-- keeping.signal_drop: ["row"]
UPDATE inbox SET consumed=true WHERE inbox.id = $1::BIGINT;
-- keeping.signals_waiting: ["after", "limit"]
SELECT inbox.id, inbox.body FROM inbox WHERE NOT inbox.consumed AND inbox.id > $1::BIGINT ORDER BY inbox.id LIMIT $2;
-- keeping.tokens_void: []
UPDATE one_time_tokens SET used_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE one_time_tokens.used_at IS NULL RETURNING one_time_tokens.kind;
-- let_go: [[null], [1], "engine"]
UPDATE executions SET owner=$1::VARCHAR COLLATE "C", fence=(executions.fence + $2::BIGINT) WHERE executions.owner = $3::VARCHAR COLLATE "C";
-- list.asking: ["workspace", "before", "limit"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.waiting_for IS NOT NULL AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') AND executions.id < $2::VARCHAR ORDER BY executions.id DESC LIMIT $3;
-- list.by_all: ["workspace", "before", "first", "limit"]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.parent IS NULL AND executions.id < $2::VARCHAR AND executions.id >= $3::VARCHAR ORDER BY executions.id DESC LIMIT $4;
-- list.by_number: ["workspace", "value", "before", "first", "limit"]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.parent IS NULL AND executions.number = $2::INTEGER AND executions.id < $3::VARCHAR AND executions.id >= $4::VARCHAR ORDER BY executions.id DESC LIMIT $5;
-- list.by_parent: ["workspace", "value", "before", "first", "limit"]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.parent = $2::VARCHAR COLLATE "C" AND executions.id < $3::VARCHAR AND executions.id >= $4::VARCHAR ORDER BY executions.id DESC LIMIT $5;
-- list.by_status: ["workspace", "value", "before", "first", "limit"]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.parent IS NULL AND executions.status = $2::VARCHAR COLLATE "C" AND executions.id < $3::VARCHAR AND executions.id >= $4::VARCHAR ORDER BY executions.id DESC LIMIT $5;
-- list.by_trigger: ["workspace", "value", "before", "first", "limit"]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.parent IS NULL AND executions.trigger = $2::VARCHAR AND executions.id < $3::VARCHAR AND executions.id >= $4::VARCHAR ORDER BY executions.id DESC LIMIT $5;
-- list.by_value: ["key", "below", "first", "limit"]
SELECT search_values.text_id AS id FROM search_values WHERE search_values.key = $1::BYTEA AND search_values.text_id < $2::BIGINT AND search_values.text_id >= $3::BIGINT ORDER BY search_values.text_id DESC LIMIT $4;
-- list.by_words: ["words", "below", "first", "limit"]
SELECT search_texts.id FROM search_texts WHERE (search_texts.words @@ CAST($1::VARCHAR AS TSQUERY)) AND search_texts.id < $2::BIGINT AND search_texts.id >= $3::BIGINT ORDER BY search_texts.id DESC LIMIT $4;
-- list.by_workflow: ["workspace", "value", "before", "first", "limit"]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.parent IS NULL AND executions.workflow = $2::VARCHAR COLLATE "C" AND executions.id < $3::VARCHAR AND executions.id >= $4::VARCHAR ORDER BY executions.id DESC LIMIT $5;
-- list.by_workflow_id: ["workspace", "value", "before", "first", "limit"]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.parent IS NULL AND executions.workflow_id = $2::VARCHAR COLLATE "C" AND executions.id < $3::VARCHAR AND executions.id >= $4::VARCHAR ORDER BY executions.id DESC LIMIT $5;
-- list.count_asking: ["workspace", "limit"]
SELECT count(*) AS count FROM (SELECT 1 AS one FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.waiting_for IS NOT NULL AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') LIMIT $2) AS anon_1;
-- list.look: ["execution_id"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below, first.body AS first_body, last.body AS last_body, executions.start FROM executions LEFT OUTER JOIN events AS first ON first.execution_id = executions.id AND first.seq = 1 LEFT OUTER JOIN events AS last ON last.execution_id = executions.id AND last.seq = executions.head_seq AND executions.status IN ('cancelled', 'completed', 'failed', 'timed_out') WHERE executions.id = $1::VARCHAR COLLATE "C";
-- list.look.many: ["execution_id"]
SELECT wanted.n, looked.execution_id, looked.workspace, looked.workflow, looked.version, looked.status, looked.head_seq, looked.nodes_done, looked.nodes_total, looked.created_at, looked.started_at, looked.ended_at, looked.error, looked.waiting_for, looked.parent, looked.forked_from, looked.owner, looked.trigger, looked.workflow_id, looked.number, looked.is_test, looked.trigger_id, looked.scheduled_at, looked.held_below, looked.first_body, looked.last_body, looked.start FROM unnest($1::TEXT[]) WITH ORDINALITY AS wanted(execution_id, n) JOIN LATERAL (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions.trigger AS trigger, executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below, first.body AS first_body, last.body AS last_body, executions.start AS start FROM executions LEFT OUTER JOIN events AS first ON first.execution_id = executions.id AND first.seq = 1 LEFT OUTER JOIN events AS last ON last.execution_id = executions.id AND last.seq = executions.head_seq AND executions.status IN ('cancelled', 'completed', 'failed', 'timed_out') WHERE executions.id = wanted.execution_id) AS looked ON true;
-- list.of_texts: ["ids"]
SELECT search_texts.execution_id FROM search_texts WHERE search_texts.id = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST($1::VARCHAR AS json)) AS bigint)));
-- list.rows: ["ids", "workspace", "parent", "statuses", "workflow", "workflow_id", "trigger", "number", "created_from", "created_to"]
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions.trigger, executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.id = ANY (ARRAY(SELECT json_array_elements_text(CAST($1::VARCHAR AS json)))) AND executions.workspace = $2::VARCHAR AND ($3::VARCHAR IS NULL AND executions.parent IS NULL OR executions.parent = $3::VARCHAR) AND ($4::VARCHAR IS NULL OR executions.status = ANY (ARRAY(SELECT json_array_elements_text(CAST($4::VARCHAR AS json))))) AND ($5::VARCHAR IS NULL OR executions.workflow = $5::VARCHAR COLLATE "C") AND ($6::VARCHAR IS NULL OR executions.workflow_id = $6::VARCHAR COLLATE "C") AND ($7::VARCHAR IS NULL OR executions.trigger = $7::VARCHAR) AND ($8::INTEGER IS NULL OR executions.number = $8::INTEGER) AND ($9::BIGINT IS NULL OR executions.created_at >= $9::BIGINT) AND ($10::BIGINT IS NULL OR executions.created_at < $10::BIGINT);
-- list.with_value: ["key", "ids"]
SELECT search_values.text_id AS id FROM search_values WHERE search_values.key = $1::BYTEA AND search_values.text_id = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST($2::VARCHAR AS json)) AS bigint)));
-- list.with_words: ["words", "ids"]
SELECT search_texts.id FROM search_texts WHERE (search_texts.words @@ CAST($1::VARCHAR AS TSQUERY)) AND search_texts.id = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST($2::VARCHAR AS json)) AS bigint)));
-- list.words_near: ["words", "below", "first", "limit"]
SELECT look.id, coalesce(look.words @@ CAST($1::VARCHAR AS TSQUERY), false) AS is_found FROM (SELECT search_texts.id AS id, search_texts.words AS words FROM search_texts WHERE search_texts.id < $2::BIGINT AND search_texts.id >= $3::BIGINT ORDER BY search_texts.id DESC LIMIT $4) AS look;
-- logs: ["execution_id", "after", "limit"]
SELECT attempt_logs.id, attempt_logs.execution_id, attempt_logs.node, attempt_logs.item, attempt_logs.attempt, attempt_logs."offset", attempt_logs.at, attempt_logs.level, attempt_logs.text, attempt_logs.progress FROM attempt_logs WHERE attempt_logs.execution_id = $1::VARCHAR COLLATE "C" AND attempt_logs.id > $2::BIGINT ORDER BY attempt_logs.id LIMIT $3;
-- logs_add: ["execution_ids", "nodes", "items", "attempts", "offsets", "ats", "levels", "texts", "progresss"]
INSERT INTO attempt_logs (execution_id, node, item, attempt, "offset", at, level, text, progress) SELECT anon_1.execution_id, anon_1.node, anon_1.item, anon_1.attempt, anon_1."offset", anon_1.at, anon_1.level, anon_1.text, anon_1.progress FROM unnest($1::TEXT[], $2::TEXT[], $3::INTEGER[], $4::INTEGER[], $5::INTEGER[], $6::BIGINT[], $7::TEXT[], $8::TEXT[], $9::FLOAT[]) AS anon_1(execution_id, node, item, attempt, "offset", at, level, text, progress) ON CONFLICT DO NOTHING;
-- logs_of_node: ["execution_id", "after", "node", "limit"]
SELECT attempt_logs.id, attempt_logs.execution_id, attempt_logs.node, attempt_logs.item, attempt_logs.attempt, attempt_logs."offset", attempt_logs.at, attempt_logs.level, attempt_logs.text, attempt_logs.progress FROM attempt_logs WHERE attempt_logs.execution_id = $1::VARCHAR COLLATE "C" AND attempt_logs.id > $2::BIGINT AND attempt_logs.node = $3::VARCHAR COLLATE "C" ORDER BY attempt_logs.id LIMIT $4;
-- meta: ["key"]
SELECT meta.value FROM meta WHERE meta.key = $1::VARCHAR COLLATE "C";
-- open_counts: []
SELECT anon_1.status, count(*) AS count FROM (SELECT executions.status AS status FROM executions WHERE executions.workspace IN (SELECT workspaces.id FROM workspaces UNION SELECT '01900000-0000-7000-8000-000000000001') AND executions.status IN ('needs_attention', 'paused', 'queued', 'running', 'waiting') LIMIT 100000) AS anon_1 GROUP BY anon_1.status;
-- orphaned: ["limit"]
WITH RECURSIVE owners(owner) AS (SELECT min(executions.owner) AS owner FROM executions WHERE executions.owner IS NOT NULL UNION ALL SELECT (SELECT min(following.owner) AS min_1 FROM executions AS following WHERE following.owner IS NOT NULL AND following.owner > owners.owner) AS anon_1 FROM owners WHERE owners.owner IS NOT NULL) SELECT executions.id AS execution_id, executions.workspace, executions.version, executions.workflow, executions.fence, executions.head_seq, executions.status, executions.created_at, executions.owner, executions.is_busy, executions.start FROM executions WHERE executions.owner IN (SELECT owners.owner FROM owners WHERE owners.owner IS NOT NULL AND (owners.owner NOT IN (SELECT engines.id FROM engines))) ORDER BY executions.created_at, executions.id LIMIT $1 FOR UPDATE OF executions SKIP LOCKED;
-- owner_of: [[1000], "execution_id"]
SELECT engines.id, engines.host, engines.pid, engines.lease_until - CAST(EXTRACT(epoch FROM clock_timestamp()) * $1::INTEGER AS BIGINT) AS lease_left_ms, engines.adopts FROM engines JOIN executions ON executions.owner = engines.id WHERE executions.id = $2::VARCHAR COLLATE "C";
-- pending: ["engine", "limit"]
SELECT inbox.id, inbox.execution_id, inbox.body FROM inbox WHERE NOT inbox.consumed AND (SELECT executions.owner FROM executions WHERE executions.id = inbox.execution_id AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out')) = $1::VARCHAR COLLATE "C" ORDER BY inbox.id LIMIT $2;
-- pending_for: ["ids"]
SELECT inbox.id, inbox.execution_id, inbox.body FROM inbox WHERE NOT inbox.consumed AND inbox.execution_id = any($1::TEXT[]) AND (SELECT true FROM executions WHERE executions.id = inbox.execution_id AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out')) ORDER BY inbox.id;
-- queued: ["limit", "last_workspace"]
WITH RECURSIVE spaces(workspace) AS (SELECT min(executions.workspace) AS workspace FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL UNION ALL SELECT (SELECT min(executions.workspace) AS min_1 FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL AND executions.workspace > spaces.workspace) AS anon_1 FROM spaces WHERE spaces.workspace IS NOT NULL) SELECT executions.id AS execution_id, executions.workspace, executions.version, executions.workflow, executions.fence, executions.head_seq, executions.status, executions.created_at, executions.owner, executions.is_busy, executions.start FROM executions JOIN (SELECT line.id AS id, line.place AS place, spaces.workspace AS workspace FROM spaces JOIN LATERAL (SELECT executions.id AS id, row_number() OVER (ORDER BY executions.created_at, executions.id) AS place FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL AND executions.workspace = spaces.workspace AND executions.owner IS NULL ORDER BY executions.created_at, executions.id LIMIT $1) AS line ON true) AS queue ON queue.id = executions.id WHERE executions.owner IS NULL AND executions.status = 'queued' AND executions.held_below IS NULL ORDER BY queue.place, queue.workspace <= $2::VARCHAR COLLATE "C", queue.workspace LIMIT $1 FOR UPDATE OF executions SKIP LOCKED;
-- queued_count: []
SELECT count(*) AS count_1 FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL;
-- read_log: ["execution_id", "after", "limit"]
SELECT events.seq, events.at, events.body, events.crc FROM events WHERE events.execution_id = $1::VARCHAR COLLATE "C" AND events.seq > $2::BIGINT ORDER BY events.seq LIMIT $3;
-- read_logs: ["ids"]
SELECT events.execution_id, events.seq, events.at, events.body, events.crc FROM events WHERE events.execution_id = any($1::TEXT[]) ORDER BY events.execution_id, events.seq;
-- release: [[null], [1], "ids", "fences", "engine"]
UPDATE executions SET owner=$1::VARCHAR COLLATE "C", fence=(executions.fence + $2::BIGINT) FROM unnest($3::TEXT[], $4::BIGINT[]) AS anon_1(id, fence) WHERE executions.owner = $5::VARCHAR COLLATE "C" AND executions.id = anon_1.id AND executions.fence = anon_1.fence;
-- step: ["execution_id", "node", "item", "name", "ordinal"]
SELECT node_steps.attempt, node_steps.input_hash, node_steps.output FROM node_steps WHERE node_steps.execution_id = $1::VARCHAR COLLATE "C" AND node_steps.node = $2::VARCHAR COLLATE "C" AND node_steps.item = $3::INTEGER AND node_steps.name = $4::VARCHAR COLLATE "C" AND node_steps.ordinal = $5::INTEGER;
-- step_begin: ["execution_id", "node", "item", "name", "ordinal", "attempt", "input_hash", "output"]
INSERT INTO node_steps (execution_id, node, item, name, ordinal, attempt, input_hash, output) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::INTEGER, $4::VARCHAR COLLATE "C", $5::INTEGER, $6::INTEGER, $7::VARCHAR COLLATE "C", $8::BYTEA) ON CONFLICT (execution_id, node, item, name, ordinal) DO UPDATE SET attempt = excluded.attempt, input_hash = excluded.input_hash, output = excluded.output WHERE node_steps.attempt <= excluded.attempt AND node_steps.output IS NULL;
-- step_finish: ["execution_id", "node", "item", "name", "ordinal", "attempt", "input_hash", "output"]
INSERT INTO node_steps (execution_id, node, item, name, ordinal, attempt, input_hash, output) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::INTEGER, $4::VARCHAR COLLATE "C", $5::INTEGER, $6::INTEGER, $7::VARCHAR COLLATE "C", $8::BYTEA) ON CONFLICT (execution_id, node, item, name, ordinal) DO UPDATE SET attempt = excluded.attempt, input_hash = excluded.input_hash, output = excluded.output WHERE node_steps.attempt <= excluded.attempt;
-- take: ["engine", [1], [null], "ids"]
UPDATE executions SET owner=$1::VARCHAR COLLATE "C", fence=(executions.fence + $2::BIGINT), held_below=$3::INTEGER WHERE executions.id = any($4::TEXT[]);
-- triggers.add: ["id", "workspace", "workflow", "name", "kind", "config", "next_at"]
INSERT INTO triggers (id, workspace, workflow, name, kind, config, is_live, paused_by, next_at, created_at, changed_at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR COLLATE "C", $5::VARCHAR COLLATE "C", $6::VARCHAR, true, '', $7::BIGINT, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT));
-- triggers.advance: ["next_at", [null], "id_is", "next_is"]
UPDATE triggers SET next_at=$1::BIGINT, claimed_until=$2::BIGINT WHERE triggers.id = $3::VARCHAR COLLATE "C" AND triggers.next_at = $4::BIGINT RETURNING triggers.id;
-- triggers.by_token: ["token_hash"]
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at, workflows.slug FROM triggers JOIN workflows ON workflows.id = triggers.workflow WHERE triggers.is_live AND workflows.archived_at IS NULL AND triggers.token_hash = $1::BYTEA;
-- triggers.change: ["kind", "config", "next_at", [null], "id_is"]
UPDATE triggers SET kind=$1::VARCHAR COLLATE "C", config=$2::VARCHAR, is_live=true, next_at=$3::BIGINT, claimed_until=$4::BIGINT, changed_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE triggers.id = $5::VARCHAR COLLATE "C";
-- triggers.claim: ["claim_ms", "id_is", "next_is"]
UPDATE triggers SET claimed_until=(CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $1::BIGINT) WHERE triggers.id = $2::VARCHAR COLLATE "C" AND triggers.next_at = $3::BIGINT AND (triggers.claimed_until IS NULL OR triggers.claimed_until <= CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) OR triggers.claimed_until > CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $1::BIGINT) RETURNING triggers.id;
-- triggers.due: ["now", "limit"]
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at, workflows.slug FROM triggers JOIN workflows ON workflows.id = triggers.workflow WHERE triggers.is_live AND workflows.archived_at IS NULL AND triggers.next_at <= $1::BIGINT ORDER BY triggers.next_at LIMIT $2;
-- triggers.firings: ["trigger", "before", "key", "limit"]
SELECT places.key, places.at, places.execution_id FROM places WHERE places.trigger = $1::VARCHAR COLLATE "C" AND places.at <= $2::BIGINT AND (places.at < $2::BIGINT OR places.key < $3::VARCHAR COLLATE "C") ORDER BY places.at DESC, places.key DESC LIMIT $4;
-- triggers.get: ["workspace", "kind", "id"]
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at, workflows.slug FROM triggers JOIN workflows ON workflows.id = triggers.workflow WHERE triggers.is_live AND workflows.archived_at IS NULL AND triggers.workspace = $1::VARCHAR COLLATE "C" AND triggers.kind = $2::VARCHAR COLLATE "C" AND triggers.id = $3::VARCHAR COLLATE "C";
-- triggers.known: ["workspace", "id"]
SELECT triggers.paused_at FROM triggers WHERE triggers.workspace = $1::VARCHAR COLLATE "C" AND triggers.id = $2::VARCHAR COLLATE "C" AND triggers.is_live;
-- triggers.missed: ["trigger", "limit"]
SELECT missed_ticks.id, missed_ticks.trigger_id, missed_ticks.at, missed_ticks.count, missed_ticks.first, missed_ticks.last, missed_ticks.made_good FROM missed_ticks WHERE missed_ticks.trigger_id = $1::VARCHAR COLLATE "C" ORDER BY missed_ticks.id DESC LIMIT $2;
-- triggers.missed_add: ["trigger_id", "count", "first", "last", "made_good"]
INSERT INTO missed_ticks (trigger_id, at, count, first, last, made_good) VALUES ($1::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), $2::INTEGER, $3::BIGINT, $4::BIGINT, $5::INTEGER) RETURNING missed_ticks.id;
-- triggers.missed_clean: [[2592000000]]
DELETE FROM missed_ticks WHERE missed_ticks.at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT;
-- triggers.missed_purge: ["workflow"]
DELETE FROM missed_ticks WHERE missed_ticks.trigger_id IN (SELECT triggers.id FROM triggers WHERE triggers.workflow = $1::VARCHAR COLLATE "C");
-- triggers.next_ticks: ["workspace", "low", "high"]
SELECT triggers.workflow, min(triggers.next_at) AS next_at FROM triggers WHERE triggers.workspace = $1::VARCHAR COLLATE "C" AND triggers.next_at IS NOT NULL AND triggers.workflow >= $2::VARCHAR COLLATE "C" AND triggers.workflow <= $3::VARCHAR COLLATE "C" GROUP BY triggers.workflow;
-- triggers.notice_add: ["kind", "workspace", "workflow", "data"]
INSERT INTO notices (kind, workspace, workflow, seq, at, data, tries, due_at) VALUES ($1::VARCHAR, $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", 0, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), $4::VARCHAR, 0, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) RETURNING notices.id;
-- triggers.notice_done: ["id"]
DELETE FROM notices WHERE notices.id = $1::BIGINT;
-- triggers.notice_postpone: ["delay_ms", "id_is"]
UPDATE notices SET tries=(notices.tries + 1), due_at=(CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $1::BIGINT) WHERE notices.id = $2::BIGINT;
-- triggers.notice_take: ["claim_ms", "id_is", "due_is"]
UPDATE notices SET due_at=(CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $1::BIGINT) WHERE notices.id = $2::BIGINT AND notices.due_at = $3::BIGINT RETURNING notices.id;
-- triggers.notices_drop: []
DELETE FROM notices;
-- triggers.notices_due: ["limit"]
SELECT notices.id, notices.kind, notices.workspace, notices.workflow, notices.root, notices.execution_id, notices.seq, notices.at, notices.data, notices.tries, notices.due_at, coalesce(notices.workflow, root.workflow_id) AS "of", root.is_test AS of_test, root.workflow AS of_slug FROM notices LEFT OUTER JOIN executions AS root ON root.id = notices.root WHERE notices.due_at <= CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) ORDER BY notices.due_at LIMIT $1;
-- triggers.notices_waiting: []
SELECT count(*) AS count FROM (SELECT 1 FROM notices LIMIT 10000) AS anon_1;
-- triggers.of_workflow: ["workflow"]
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at FROM triggers WHERE triggers.workflow = $1::VARCHAR COLLATE "C" FOR UPDATE;
-- triggers.page: ["workspace", "kind", "workflow", "after", "limit"]
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at, workflows.slug FROM triggers JOIN workflows ON workflows.id = triggers.workflow WHERE triggers.is_live AND workflows.archived_at IS NULL AND triggers.workspace = $1::VARCHAR COLLATE "C" AND triggers.kind = $2::VARCHAR COLLATE "C" AND ($3::VARCHAR IS NULL OR triggers.workflow = $3::VARCHAR COLLATE "C") AND ($4::VARCHAR IS NULL OR triggers.id < $4::VARCHAR COLLATE "C") ORDER BY triggers.id DESC LIMIT $5;
-- triggers.pause: ["by", [null], [null], "workspace_is", "id_is"]
UPDATE triggers SET paused_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), paused_by=$1::VARCHAR, next_at=$2::BIGINT, claimed_until=$3::BIGINT WHERE triggers.workspace = $4::VARCHAR COLLATE "C" AND triggers.id = $5::VARCHAR COLLATE "C" AND triggers.is_live AND triggers.paused_at IS NULL RETURNING triggers.id;
-- triggers.pause_all: ["by", [null], [null]]
UPDATE triggers SET paused_at=coalesce(triggers.paused_at, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)), paused_by=CASE WHEN (triggers.paused_at IS NULL) THEN $1 ELSE triggers.paused_by END, next_at=$2::BIGINT, claimed_until=$3::BIGINT RETURNING triggers.id;
-- triggers.places_clean: [[2592000000], [86400000]]
DELETE FROM places WHERE places.kind = 'tick' AND places.at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $1::BIGINT OR places.kind = 'delivery' AND places.at < CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) - $2::BIGINT;
-- triggers.places_purge: ["workflow"]
DELETE FROM places WHERE places.trigger IN (SELECT triggers.id FROM triggers WHERE triggers.workflow = $1::VARCHAR COLLATE "C");
-- triggers.purge: ["workflow"]
DELETE FROM triggers WHERE triggers.workflow = $1::VARCHAR COLLATE "C";
-- triggers.reseal: ["token", "secret", "old_secret", "id_is", "token_was", "secret_was"]
UPDATE triggers SET token=$1::BYTEA, secret=$2::BYTEA, old_secret=$3::BYTEA WHERE triggers.id = $4::VARCHAR COLLATE "C" AND triggers.token IS NOT DISTINCT FROM $5::BYTEA AND triggers.secret IS NOT DISTINCT FROM $6::BYTEA RETURNING triggers.id;
-- triggers.resume: [[null], "next_at", [null], "workspace_is", "id_is"]
UPDATE triggers SET paused_at=$1::BIGINT, paused_by='', next_at=$2::BIGINT, claimed_until=$3::BIGINT WHERE triggers.workspace = $4::VARCHAR COLLATE "C" AND triggers.id = $5::VARCHAR COLLATE "C" AND triggers.is_live AND triggers.paused_at IS NOT NULL RETURNING triggers.id;
-- triggers.retire: [[null], [null], "id_is"]
UPDATE triggers SET is_live=false, next_at=$1::BIGINT, claimed_until=$2::BIGINT, changed_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE triggers.id = $3::VARCHAR COLLATE "C";
-- triggers.retire_all: [[null], [null], "workflow_is"]
UPDATE triggers SET is_live=false, next_at=$1::BIGINT, claimed_until=$2::BIGINT, changed_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE triggers.workflow = $3::VARCHAR COLLATE "C" AND triggers.is_live;
-- triggers.rotate: ["secret", "overlap_ms", "workspace_is", "id_is"]
UPDATE triggers SET secret=$1::BYTEA, old_secret=triggers.secret, old_until=(CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $2::BIGINT), changed_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) WHERE triggers.workspace = $3::VARCHAR COLLATE "C" AND triggers.id = $4::VARCHAR COLLATE "C" AND triggers.is_live AND triggers.kind = 'webhook' RETURNING triggers.id;
-- triggers.sealed: ["after", "limit"]
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.token, triggers.secret, triggers.old_secret FROM triggers WHERE (triggers.token IS NOT NULL OR triggers.secret IS NOT NULL) AND ($1::VARCHAR IS NULL OR triggers.id > $1::VARCHAR COLLATE "C") ORDER BY triggers.id LIMIT $2;
-- triggers.set_token: ["token_hash", "token", "id_is"]
UPDATE triggers SET token_hash=$1::BYTEA, token=$2::BYTEA WHERE triggers.id = $3::VARCHAR COLLATE "C" AND triggers.token_hash IS NULL RETURNING triggers.id;
-- triggers.target: ["workspace"]
SELECT notice_targets.workspace, notice_targets.url, notice_targets.kinds, notice_targets.secret, notice_targets.old_secret, notice_targets.old_until, notice_targets.changed_at FROM notice_targets WHERE notice_targets.workspace = $1::VARCHAR COLLATE "C";
-- triggers.target_put: ["workspace", "url", "kinds", "secret", "overlap_ms"]
INSERT INTO notice_targets (workspace, url, kinds, secret, changed_at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR, $3::VARCHAR, $4::BYTEA, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT (workspace) DO UPDATE SET url = excluded.url, kinds = excluded.kinds, secret = excluded.secret, old_secret = CASE WHEN (excluded.secret != notice_targets.secret) THEN notice_targets.secret ELSE notice_targets.old_secret END, old_until = CASE WHEN (excluded.secret != notice_targets.secret) THEN CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) + $5::BIGINT ELSE notice_targets.old_until END, changed_at = excluded.changed_at;
-- triggers.target_reseal: ["secret", "old_secret", "workspace_is", "secret_was"]
UPDATE notice_targets SET secret=$1::BYTEA, old_secret=$2::BYTEA WHERE notice_targets.workspace = $3::VARCHAR COLLATE "C" AND notice_targets.secret = $4::BYTEA RETURNING notice_targets.workspace;
-- triggers.targets: []
SELECT notice_targets.workspace, notice_targets.url, notice_targets.kinds, notice_targets.secret, notice_targets.old_secret, notice_targets.old_until, notice_targets.changed_at FROM notice_targets ORDER BY notice_targets.workspace;
-- turn_end: ["execution_id", "seq", [1]]
SELECT events.seq FROM events WHERE events.execution_id = $1::VARCHAR COLLATE "C" AND events.seq <= $2::BIGINT AND events.crc IS NOT NULL ORDER BY events.seq DESC LIMIT $3::INTEGER;
-- version: ["version"]
SELECT versions.workspace, versions.name, versions.compiled, versions.source, versions.created_at FROM versions WHERE versions.version = $1::VARCHAR COLLATE "C" LIMIT 1;
-- version_known: ["version", "workspace"]
SELECT 1 FROM versions WHERE versions.version = $1::VARCHAR COLLATE "C" AND versions.workspace = $2::VARCHAR COLLATE "C";
-- version_put: ["workspace", "version", "name", "compiled", "source", "created_at"]
INSERT INTO versions (workspace, version, name, compiled, source, created_at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::BYTEA, $5::BYTEA, $6::BIGINT) ON CONFLICT DO NOTHING;
-- wanted: ["limit", [1000]]
SELECT executions.id AS execution_id, executions.workspace, executions.version, executions.workflow, executions.fence, executions.head_seq, executions.status, executions.created_at, executions.owner, executions.is_busy, executions.start FROM executions WHERE executions.owner IS NULL AND executions.id IN (SELECT anon_1.id FROM (SELECT DISTINCT inbox.execution_id AS id FROM inbox WHERE NOT inbox.consumed AND (SELECT executions.owner IS NULL AS anon_2 FROM executions WHERE executions.id = inbox.execution_id AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out')) LIMIT $1) AS anon_1 UNION SELECT anon_3.id FROM (SELECT executions.id AS id FROM executions WHERE executions.owner IS NULL AND executions.wake_at IS NOT NULL AND executions.wake_at <= CAST(EXTRACT(epoch FROM clock_timestamp()) * $2::INTEGER AS BIGINT) LIMIT $1) AS anon_3 UNION SELECT anon_4.id FROM (SELECT executions.id AS id FROM executions WHERE executions.owner IS NULL AND executions.is_busy LIMIT $1) AS anon_4) ORDER BY executions.created_at, executions.id LIMIT $1 FOR UPDATE OF executions SKIP LOCKED;
-- workflows.add: ["id", "workspace", "slug", "title", "folded", "at", [null], "created_by", "published", "draft"]
INSERT INTO workflows (id, workspace, slug, title, folded, created_at, updated_at, archived_at, created_by, published, draft, stamp) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR, $5::VARCHAR, $6::BIGINT, $6::BIGINT, $7::BIGINT, $8::VARCHAR, $9::INTEGER, $10::INTEGER, 1) ON CONFLICT DO NOTHING RETURNING workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp;
-- workflows.alias_add: ["workspace", "alias", "workflow"]
INSERT INTO workflow_aliases (workspace, alias, workflow) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C") ON CONFLICT DO NOTHING RETURNING workflow_aliases.workflow;
-- workflows.archive: ["id"]
UPDATE workflows SET updated_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), archived_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), stamp=(workflows.stamp + 1) WHERE workflows.id = $1::VARCHAR COLLATE "C" RETURNING workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp;
-- workflows.by_alias: ["workspace", "named"]
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, publications.version FROM workflows LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.workspace = $1::VARCHAR COLLATE "C" AND workflows.id IN (SELECT workflow_aliases.workflow FROM workflow_aliases WHERE workflow_aliases.workspace = $1::VARCHAR COLLATE "C" AND workflow_aliases.alias = $2::VARCHAR COLLATE "C") AND workflows.archived_at IS NULL;
-- workflows.by_id: ["named", "workspace"]
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, publications.version FROM workflows LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.id = $1::VARCHAR COLLATE "C" AND workflows.workspace = $2::VARCHAR COLLATE "C";
-- workflows.by_slug: ["workspace", "named"]
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, publications.version FROM workflows LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.workspace = $1::VARCHAR COLLATE "C" AND workflows.slug = $2::VARCHAR COLLATE "C" AND workflows.archived_at IS NULL;
-- workflows.change: ["slug", "title", "folded", "id", "workspace"]
UPDATE workflows SET slug=$1::VARCHAR COLLATE "C", title=$2::VARCHAR, folded=$3::VARCHAR, updated_at=CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT), stamp=(workflows.stamp + 1) WHERE workflows.id = $4::VARCHAR COLLATE "C" AND NOT (EXISTS (SELECT * FROM workflows AS other WHERE other.workspace = $5::VARCHAR COLLATE "C" AND other.slug = $1::VARCHAR COLLATE "C" AND other.archived_at IS NULL AND other.id != $4::VARCHAR COLLATE "C")) RETURNING workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp;
-- workflows.draft: ["workspace", "workflow"]
SELECT drafts.workflow, drafts.revision, drafts.base_version, drafts.source, drafts.by, drafts.at FROM drafts JOIN workflows ON workflows.id = drafts.workflow AND workflows.draft = drafts.revision WHERE drafts.workspace = $1::VARCHAR COLLATE "C" AND drafts.workflow = $2::VARCHAR COLLATE "C";
-- workflows.draft_add: ["workspace", "workflow", "revision", "base_version", "source", "size", "hash", "by", "at"]
INSERT INTO drafts (workspace, workflow, revision, base_version, source, size, hash, by, at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::INTEGER, $4::INTEGER, $5::BYTEA, $6::INTEGER, $7::VARCHAR COLLATE "C", $8::VARCHAR, $9::BIGINT);
-- workflows.draft_base: ["base_version", "workflow", "revision"]
UPDATE drafts SET base_version=$1::INTEGER WHERE drafts.workflow = $2::VARCHAR COLLATE "C" AND drafts.revision = $3::INTEGER;
-- workflows.draft_revision: ["workspace", "workflow", "revision"]
SELECT drafts.workflow, drafts.revision, drafts.base_version, drafts.source, drafts.by, drafts.at FROM drafts WHERE drafts.workspace = $1::VARCHAR COLLATE "C" AND drafts.workflow = $2::VARCHAR COLLATE "C" AND drafts.revision = $3::INTEGER;
-- workflows.draft_set: ["revision", "workflow"]
UPDATE workflows SET draft=$1::INTEGER WHERE workflows.id = $2::VARCHAR COLLATE "C";
-- workflows.drafts_prune: ["workflow", "revision"]
DELETE FROM drafts WHERE drafts.workflow = $1::VARCHAR COLLATE "C" AND drafts.revision < $2::INTEGER AND (drafts.revision <= $2 - 50 OR drafts.revision IN (SELECT anon_1.revision FROM (SELECT drafts.revision AS revision, sum(drafts.size) OVER (ORDER BY drafts.revision DESC) AS total FROM drafts WHERE drafts.workflow = $1::VARCHAR COLLATE "C") AS anon_1 WHERE anon_1.total > 8388608));
-- workflows.edit_told: ["workflow", "by"]
INSERT INTO draft_editors (workflow, by, told_at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT (workflow, by) DO UPDATE SET told_at = excluded.told_at WHERE draft_editors.told_at <= excluded.told_at - 3600000 RETURNING draft_editors.told_at;
-- workflows.last_runs: ["workspace", "workflow"]
SELECT executions.id, executions.status, executions.created_at FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.workflow_id = $2::VARCHAR COLLATE "C" AND executions.parent IS NULL AND NOT executions.is_test ORDER BY executions.created_at DESC, executions.id DESC LIMIT 10;
-- workflows.lock: ["named", "workspace"]
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp FROM workflows WHERE workflows.id = $1::VARCHAR COLLATE "C" AND workflows.workspace = $2::VARCHAR COLLATE "C" FOR UPDATE;
-- workflows.lock_slug: ["workspace", "slug"]
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp FROM workflows WHERE workflows.workspace = $1::VARCHAR COLLATE "C" AND workflows.slug = $2::VARCHAR COLLATE "C" AND workflows.archived_at IS NULL FOR UPDATE;
-- workflows.newest: ["workspace"]
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications.by, publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE workflows.workspace = $1::VARCHAR COLLATE "C" AND workflows.archived_at IS NULL AND publications.number = workflows.published ORDER BY workflows.slug;
-- workflows.now: []
SELECT CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT) AS at;
-- workflows.open_execution: ["workspace", "workflow"]
SELECT executions.id FROM executions WHERE executions.workspace = $1::VARCHAR COLLATE "C" AND executions.status IN ('needs_attention', 'paused', 'queued', 'running', 'waiting') AND executions.workflow_id = $2::VARCHAR COLLATE "C" LIMIT 1;
-- workflows.page: ["workspace", "is_published", "text", "after", "limit"]
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, drafts.at AS draft_at, drafts.by AS draft_by, drafts.hash AS draft_hash, publications.hash AS published_hash FROM workflows JOIN drafts ON drafts.workflow = workflows.id AND drafts.revision = workflows.draft LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.workspace = $1::VARCHAR COLLATE "C" AND ($2::BOOLEAN IS NULL OR $2::BOOLEAN = (workflows.published IS NOT NULL)) AND ($3::VARCHAR IS NULL OR replace(workflows.folded, $3::VARCHAR, '') != workflows.folded) AND ($4::VARCHAR IS NULL OR workflows.id < $4::VARCHAR COLLATE "C") AND workflows.archived_at IS NULL ORDER BY workflows.id DESC LIMIT $5::INTEGER;
-- workflows.page_archived: ["workspace", "is_published", "text", "after", "limit"]
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, drafts.at AS draft_at, drafts.by AS draft_by, drafts.hash AS draft_hash, publications.hash AS published_hash FROM workflows JOIN drafts ON drafts.workflow = workflows.id AND drafts.revision = workflows.draft LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.workspace = $1::VARCHAR COLLATE "C" AND ($2::BOOLEAN IS NULL OR $2::BOOLEAN = (workflows.published IS NOT NULL)) AND ($3::VARCHAR IS NULL OR replace(workflows.folded, $3::VARCHAR, '') != workflows.folded) AND ($4::VARCHAR IS NULL OR workflows.id < $4::VARCHAR COLLATE "C") AND workflows.archived_at IS NOT NULL ORDER BY workflows.id DESC LIMIT $5::INTEGER;
-- workflows.pin: ["workspace", "workflow", "node"]
SELECT pins.workflow, pins.node, pins.output, pins.by, pins.at FROM pins WHERE pins.workspace = $1::VARCHAR COLLATE "C" AND pins.workflow = $2::VARCHAR COLLATE "C" AND pins.node = $3::VARCHAR COLLATE "C";
-- workflows.pin_drop: ["workspace", "workflow", "node"]
DELETE FROM pins WHERE pins.workspace = $1::VARCHAR COLLATE "C" AND pins.workflow = $2::VARCHAR COLLATE "C" AND pins.node = $3::VARCHAR COLLATE "C" RETURNING pins.node;
-- workflows.pin_names: ["workspace", "workflow"]
SELECT pins.workflow, pins.node, pins.by, pins.at, length(pins.output) AS size FROM pins WHERE pins.workspace = $1::VARCHAR COLLATE "C" AND pins.workflow = $2::VARCHAR COLLATE "C" ORDER BY pins.node;
-- workflows.pin_put: ["workspace", "workflow", "node", "output", "by"]
INSERT INTO pins (workspace, workflow, node, output, by, at) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::BYTEA, $5::VARCHAR, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT (workflow, node) DO UPDATE SET output = excluded.output, by = excluded.by, at = excluded.at RETURNING pins.workflow, pins.node, pins.output, pins.by, pins.at;
-- workflows.pins: ["workspace", "workflow"]
SELECT pins.workflow, pins.node, pins.output, pins.by, pins.at FROM pins WHERE pins.workspace = $1::VARCHAR COLLATE "C" AND pins.workflow = $2::VARCHAR COLLATE "C" ORDER BY pins.node;
-- workflows.pins_other: ["workspace", "workflow", "node"]
SELECT count(*) AS count FROM pins WHERE pins.workspace = $1::VARCHAR COLLATE "C" AND pins.workflow = $2::VARCHAR COLLATE "C" AND pins.node != $3::VARCHAR COLLATE "C";
-- workflows.preferences: ["user_id"]
SELECT preferences.value FROM preferences WHERE preferences.user_id = $1::VARCHAR COLLATE "C";
-- workflows.preferences_put: ["user_id", "value"]
INSERT INTO preferences (user_id, value, at) VALUES ($1::VARCHAR COLLATE "C", $2::BYTEA, CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)) ON CONFLICT (user_id) DO UPDATE SET value = excluded.value, at = excluded.at;
-- workflows.publication: ["workspace", "workflow", "number"]
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications.by, publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE publications.workspace = $1::VARCHAR COLLATE "C" AND publications.workflow = $2::VARCHAR COLLATE "C" AND publications.number = $3::INTEGER;
-- workflows.publication_add: ["workspace", "workflow", "number", "version", "source", "hash", "at", "by", "message", "restores"]
INSERT INTO publications (workspace, workflow, number, version, source, hash, at, by, message, restores) VALUES ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::INTEGER, $4::VARCHAR COLLATE "C", $5::BYTEA, $6::VARCHAR COLLATE "C", $7::BIGINT, $8::VARCHAR, $9::VARCHAR, $10::INTEGER);
-- workflows.publication_text: ["workspace", "workflow", "number"]
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications.by, publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id, publications.source, versions.compiled FROM publications JOIN workflows ON workflows.id = publications.workflow JOIN versions ON versions.version = publications.version AND versions.workspace = publications.workspace WHERE publications.workspace = $1::VARCHAR COLLATE "C" AND publications.workflow = $2::VARCHAR COLLATE "C" AND publications.number = $3::INTEGER;
-- workflows.publications: ["workspace", "workflow", "before", "limit"]
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications.by, publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE publications.workspace = $1::VARCHAR COLLATE "C" AND publications.workflow = $2::VARCHAR COLLATE "C" AND ($3::INTEGER IS NULL OR publications.number < $3::INTEGER) ORDER BY publications.number DESC LIMIT $4;
-- workflows.publications_named: ["workspace", "name", "limit"]
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications.by, publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE workflows.workspace = $1::VARCHAR COLLATE "C" AND workflows.slug = $2::VARCHAR COLLATE "C" AND workflows.archived_at IS NULL ORDER BY publications.number DESC LIMIT $3;
-- workflows.published_set: ["title", "folded", "at", "number", "id"]
UPDATE workflows SET title=$1::VARCHAR, folded=$2::VARCHAR, updated_at=$3::BIGINT, published=$4::INTEGER, stamp=(workflows.stamp + 1) WHERE workflows.id = $5::VARCHAR COLLATE "C";
-- workflows.purge: ["workflow"]
DELETE FROM workflows WHERE workflows.id = $1::VARCHAR COLLATE "C" RETURNING workflows.id;
-- workflows.purge_aliases: ["workflow"]
DELETE FROM workflow_aliases WHERE workflow_aliases.workflow = $1::VARCHAR COLLATE "C";
-- workflows.purge_draft_editors: ["workflow"]
DELETE FROM draft_editors WHERE draft_editors.workflow = $1::VARCHAR COLLATE "C";
-- workflows.purge_drafts: ["workflow"]
DELETE FROM drafts WHERE drafts.workflow = $1::VARCHAR COLLATE "C";
-- workflows.purge_pins: ["workflow"]
DELETE FROM pins WHERE pins.workflow = $1::VARCHAR COLLATE "C";
-- workflows.purge_publications: ["workflow"]
DELETE FROM publications WHERE publications.workflow = $1::VARCHAR COLLATE "C";
-- workflows.source_named: ["workspace", "name", "number"]
SELECT publications.source FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE workflows.workspace = $1::VARCHAR COLLATE "C" AND workflows.slug = $2::VARCHAR COLLATE "C" AND workflows.archived_at IS NULL AND publications.number = $3::INTEGER;
