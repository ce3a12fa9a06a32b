-- SPDX-License-Identifier: Apache-2.0
-- Made by `python -m legato.adapters.sql.sqlite.compile`. Do not edit.
-- revision: 0010
-- schema:
CREATE TABLE alembic_version ( version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num) );
-- schema:
CREATE TABLE executions ( id TEXT NOT NULL, workspace TEXT NOT NULL, workflow TEXT NOT NULL, version TEXT NOT NULL, status TEXT NOT NULL, owner TEXT, fence BIGINT NOT NULL, head_seq BIGINT NOT NULL, wake_at BIGINT, is_busy BOOLEAN NOT NULL, nodes_done INTEGER NOT NULL, nodes_total INTEGER NOT NULL, created_at BIGINT NOT NULL, started_at BIGINT, ended_at BIGINT, error TEXT, waiting_for TEXT, parent TEXT, root TEXT, forked_from TEXT, "trigger" TEXT NOT NULL, start BLOB, workflow_id TEXT, number INTEGER, is_test BOOLEAN DEFAULT 0 NOT NULL, trigger_id TEXT, scheduled_at BIGINT, held_below INTEGER, CONSTRAINT pk_executions PRIMARY KEY (id) ) WITHOUT ROWID;
-- schema:
CREATE INDEX ix_executions_all ON executions (workspace, created_at, id);
-- schema:
CREATE INDEX ix_executions_workflow ON executions (workspace, workflow, created_at, id);
-- schema:
CREATE INDEX ix_executions_status ON executions (workspace, status, created_at, id);
-- schema:
CREATE INDEX ix_executions_owner ON executions (owner) WHERE owner IS NOT NULL;
-- schema:
CREATE INDEX ix_executions_wake ON executions (wake_at) WHERE owner IS NULL AND wake_at IS NOT NULL;
-- schema:
CREATE INDEX ix_executions_drained ON executions (created_at) WHERE owner IS NULL AND is_busy;
-- schema:
CREATE INDEX ix_executions_parent ON executions (parent) WHERE parent IS NOT NULL;
-- schema:
CREATE TABLE events ( execution_id TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, body BLOB NOT NULL, crc BIGINT, CONSTRAINT pk_events PRIMARY KEY (execution_id, seq) ) WITHOUT ROWID;
-- schema:
CREATE TABLE inbox ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, execution_id TEXT NOT NULL, dedupe_key TEXT NOT NULL, body BLOB NOT NULL, at BIGINT NOT NULL, consumed BOOLEAN NOT NULL, CONSTRAINT uq_inbox_execution_id_dedupe_key UNIQUE (execution_id, dedupe_key) );
-- schema:
CREATE INDEX ix_inbox_waiting ON inbox (execution_id, id) WHERE NOT consumed;
-- schema:
CREATE TABLE engines ( id TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, machine TEXT NOT NULL, lease_steady BIGINT NOT NULL, lease_until BIGINT NOT NULL, adopts BOOLEAN NOT NULL, registered_at BIGINT NOT NULL, CONSTRAINT pk_engines PRIMARY KEY (id) );
-- schema:
CREATE TABLE versions ( workspace TEXT NOT NULL, version TEXT NOT NULL, name TEXT NOT NULL, compiled BLOB NOT NULL, source BLOB NOT NULL, created_at BIGINT NOT NULL, CONSTRAINT pk_versions PRIMARY KEY (version, workspace) );
-- schema:
CREATE TABLE node_steps ( execution_id TEXT NOT NULL, node TEXT NOT NULL, item INTEGER NOT NULL, name TEXT NOT NULL, ordinal INTEGER NOT NULL, attempt INTEGER NOT NULL, input_hash TEXT NOT NULL, output BLOB, CONSTRAINT pk_node_steps PRIMARY KEY (execution_id, node, item, name, ordinal) );
-- schema:
CREATE TABLE attempt_logs ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, execution_id TEXT NOT NULL, node TEXT NOT NULL, item INTEGER NOT NULL, attempt INTEGER NOT NULL, "offset" INTEGER NOT NULL, at BIGINT NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL, progress FLOAT, CONSTRAINT uq_attempt_logs_execution_id_node_item_attempt_offset UNIQUE (execution_id, node, item, attempt, "offset") );
-- schema:
CREATE INDEX ix_attempt_logs_arrival ON attempt_logs (execution_id, id);
-- schema:
CREATE TABLE blobs ( workspace TEXT NOT NULL, hash TEXT NOT NULL, execution_id TEXT NOT NULL, size BIGINT NOT NULL, CONSTRAINT pk_blobs PRIMARY KEY (workspace, hash, execution_id) ) WITHOUT ROWID;
-- schema:
CREATE INDEX ix_blobs_execution ON blobs (execution_id);
-- schema:
CREATE TABLE search_texts ( id INTEGER NOT NULL, execution_id TEXT NOT NULL, workspace TEXT NOT NULL, text TEXT, words TEXT, CONSTRAINT pk_search_texts PRIMARY KEY (id), CONSTRAINT uq_search_texts_execution_id UNIQUE (execution_id) );
-- schema:
CREATE VIRTUAL TABLE search_index USING fts5(words, tokenize = "ascii tokenchars '_'", detail = 'none');
-- schema:
CREATE TABLE meta ( "key" TEXT NOT NULL, value TEXT NOT NULL, CONSTRAINT pk_meta PRIMARY KEY ("key") );
-- schema:
CREATE TABLE users ( id TEXT NOT NULL, email TEXT NOT NULL, display_name TEXT NOT NULL, password_hash TEXT, is_disabled BOOLEAN NOT NULL, is_instance_admin BOOLEAN NOT NULL, totp BLOB, totp_step BIGINT NOT NULL, recovery TEXT NOT NULL, default_workspace TEXT, created_at BIGINT NOT NULL, version BIGINT NOT NULL, CONSTRAINT pk_users PRIMARY KEY (id), CONSTRAINT uq_users_email UNIQUE (email) );
-- schema:
CREATE TABLE workspaces ( id TEXT NOT NULL, slug TEXT NOT NULL, name TEXT NOT NULL, created_at BIGINT NOT NULL, CONSTRAINT pk_workspaces PRIMARY KEY (id), CONSTRAINT uq_workspaces_slug UNIQUE (slug) );
-- schema:
CREATE TABLE members ( workspace TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL, since BIGINT NOT NULL, CONSTRAINT pk_members PRIMARY KEY (workspace, user_id) ) WITHOUT ROWID;
-- schema:
CREATE INDEX ix_members_user ON members (user_id);
-- schema:
CREATE TABLE identities ( issuer TEXT NOT NULL, subject TEXT NOT NULL, user_id TEXT NOT NULL, added_at BIGINT NOT NULL, CONSTRAINT pk_identities PRIMARY KEY (issuer, subject) ) WITHOUT ROWID;
-- schema:
CREATE TABLE setup ( id INTEGER NOT NULL, user_id TEXT NOT NULL, at BIGINT NOT NULL, CONSTRAINT pk_setup PRIMARY KEY (id) );
-- schema:
CREATE TABLE sessions ( id TEXT NOT NULL, sid_hash BLOB NOT NULL, user_id TEXT NOT NULL, created_at BIGINT NOT NULL, authenticated_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, ended_at BIGINT, ip TEXT NOT NULL, user_agent TEXT NOT NULL, version BIGINT NOT NULL, CONSTRAINT pk_sessions PRIMARY KEY (id), CONSTRAINT uq_sessions_sid_hash UNIQUE (sid_hash) );
-- schema:
CREATE INDEX ix_sessions_user ON sessions (user_id);
-- schema:
CREATE INDEX ix_sessions_expires ON sessions (expires_at);
-- schema:
CREATE TABLE presence ( session_id TEXT NOT NULL, last_active BIGINT NOT NULL, idle_at BIGINT NOT NULL, CONSTRAINT pk_presence PRIMARY KEY (session_id) );
-- schema:
CREATE TABLE refresh_tokens ( hash BLOB NOT NULL, session_id TEXT NOT NULL, number INTEGER NOT NULL, used_at BIGINT, CONSTRAINT pk_refresh_tokens PRIMARY KEY (hash) );
-- schema:
CREATE UNIQUE INDEX ix_refresh_tokens_session ON refresh_tokens (session_id, number);
-- schema:
CREATE TABLE one_time_tokens ( hash BLOB NOT NULL, kind TEXT NOT NULL, user_id TEXT, workspace TEXT, role TEXT, email TEXT NOT NULL, made_by TEXT, expires_at BIGINT NOT NULL, tries INTEGER NOT NULL, sealed BLOB, used_at BIGINT, id TEXT, CONSTRAINT pk_one_time_tokens PRIMARY KEY (hash) );
-- schema:
CREATE UNIQUE INDEX ix_one_time_tokens_open ON one_time_tokens (kind, user_id) WHERE used_at IS NULL AND kind <> 'mfa';
-- schema:
CREATE UNIQUE INDEX ix_one_time_tokens_setup ON one_time_tokens (kind) WHERE used_at IS NULL AND kind = 'setup';
-- schema:
CREATE UNIQUE INDEX ix_one_time_tokens_workspace ON one_time_tokens (workspace, id);
-- schema:
CREATE TABLE api_keys ( id TEXT NOT NULL, secret_hash BLOB NOT NULL, workspace TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT, last_used BIGINT, revoked_at BIGINT, disabled_at BIGINT, CONSTRAINT pk_api_keys PRIMARY KEY (id) );
-- schema:
CREATE INDEX ix_api_keys_user ON api_keys (user_id);
-- schema:
CREATE INDEX ix_api_keys_workspace ON api_keys (workspace, id);
-- schema:
CREATE TABLE audit ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, workspace TEXT, actor_kind TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, target_kind TEXT NOT NULL, target TEXT NOT NULL, result TEXT NOT NULL, ip TEXT NOT NULL, request_id TEXT NOT NULL, data TEXT NOT NULL, seq BIGINT, hash TEXT, CONSTRAINT uq_audit_seq UNIQUE (seq) );
-- schema:
CREATE INDEX ix_audit_workspace ON audit (workspace, seq);
-- schema:
CREATE TRIGGER audit_added BEFORE INSERT ON audit WHEN NEW.seq IS NOT NULL OR NEW.hash IS NOT NULL OR EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- schema:
CREATE TRIGGER audit_changed BEFORE UPDATE ON audit WHEN NOT (OLD.seq IS NULL AND OLD.hash IS NULL AND NEW.seq IS NOT NULL AND NEW.hash IS NOT NULL AND OLD.id IS NEW.id AND OLD.at IS NEW.at AND OLD.workspace IS NEW.workspace AND OLD.actor_kind IS NEW.actor_kind AND OLD.actor IS NEW.actor AND OLD.action IS NEW.action AND OLD.target_kind IS NEW.target_kind AND OLD.target IS NEW.target AND OLD.result IS NEW.result AND OLD.ip IS NEW.ip AND OLD.request_id IS NEW.request_id AND OLD.data IS NEW.data) OR EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- schema:
CREATE TRIGGER audit_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- schema:
CREATE INDEX ix_executions_queued ON executions (workspace, created_at, id) WHERE status = 'queued' AND held_below IS NULL;
-- schema:
CREATE INDEX ix_executions_open ON executions (workflow_id) WHERE workflow_id IS NOT NULL AND parent IS NULL AND held_below IS NULL AND NOT is_test AND status NOT IN ('cancelled', 'completed', 'failed', 'timed_out');
-- schema:
CREATE INDEX ix_executions_held ON executions (workflow_id, id) WHERE held_below IS NOT NULL;
-- schema:
CREATE TABLE answers ( scope TEXT NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, at BIGINT NOT NULL, CONSTRAINT pk_answers PRIMARY KEY (scope) );
-- schema:
CREATE INDEX ix_answers_at ON answers (at);
-- schema:
CREATE TABLE places ( "trigger" TEXT NOT NULL, "key" TEXT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL, execution_id TEXT, CONSTRAINT pk_places PRIMARY KEY ("trigger", "key") );
-- schema:
CREATE INDEX ix_places_at ON places (at);
-- schema:
CREATE TABLE workflows ( id TEXT NOT NULL, workspace TEXT NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL, folded TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, archived_at BIGINT, created_by TEXT NOT NULL, published INTEGER, draft INTEGER NOT NULL, stamp BIGINT NOT NULL, CONSTRAINT pk_workflows PRIMARY KEY (id) );
-- schema:
CREATE INDEX ix_workflows_workspace ON workflows (workspace, id);
-- schema:
CREATE UNIQUE INDEX ix_workflows_slug ON workflows (workspace, slug) WHERE archived_at IS NULL;
-- schema:
CREATE TABLE workflow_aliases ( workspace TEXT NOT NULL, alias TEXT NOT NULL, workflow TEXT NOT NULL, CONSTRAINT pk_workflow_aliases PRIMARY KEY (workspace, alias) ) WITHOUT ROWID;
-- schema:
CREATE INDEX ix_workflow_aliases_workflow ON workflow_aliases (workflow);
-- schema:
CREATE TABLE preferences ( user_id TEXT NOT NULL, value BLOB NOT NULL, at BIGINT NOT NULL, CONSTRAINT pk_preferences PRIMARY KEY (user_id) );
-- schema:
CREATE TABLE publications ( workspace TEXT NOT NULL, workflow TEXT NOT NULL, number INTEGER NOT NULL, version TEXT NOT NULL, source BLOB NOT NULL, hash TEXT NOT NULL, at BIGINT NOT NULL, "by" TEXT NOT NULL, message TEXT NOT NULL, restores INTEGER, CONSTRAINT pk_publications PRIMARY KEY (workflow, number) );
-- schema:
CREATE TABLE draft_editors ( workflow TEXT NOT NULL, "by" TEXT NOT NULL, told_at BIGINT NOT NULL, CONSTRAINT pk_draft_editors PRIMARY KEY (workflow, "by") ) WITHOUT ROWID;
-- schema:
CREATE TABLE pins ( workspace TEXT NOT NULL, workflow TEXT NOT NULL, node TEXT NOT NULL, output BLOB NOT NULL, "by" TEXT NOT NULL, at BIGINT NOT NULL, CONSTRAINT pk_pins PRIMARY KEY (workflow, node) );
-- schema:
CREATE TABLE drafts ( workspace TEXT NOT NULL, workflow TEXT NOT NULL, revision INTEGER NOT NULL, base_version INTEGER, source BLOB NOT NULL, size INTEGER NOT NULL, hash TEXT NOT NULL, "by" TEXT NOT NULL, at BIGINT NOT NULL, CONSTRAINT pk_drafts PRIMARY KEY (workflow, revision) );
-- schema:
CREATE INDEX ix_executions_runs ON executions (workflow_id, created_at, id) WHERE workflow_id IS NOT NULL AND parent IS NULL AND NOT is_test;
-- schema:
CREATE INDEX ix_executions_roots ON executions (workspace, id) WHERE parent IS NULL;
-- schema:
CREATE INDEX ix_executions_roots_status ON executions (workspace, status, id) WHERE parent IS NULL;
-- schema:
CREATE INDEX ix_executions_roots_workflow ON executions (workspace, workflow, id) WHERE parent IS NULL;
-- schema:
CREATE INDEX ix_executions_roots_workflow_id ON executions (workspace, workflow_id, id) WHERE parent IS NULL;
-- schema:
CREATE INDEX ix_executions_roots_number ON executions (workspace, number, id) WHERE parent IS NULL;
-- schema:
CREATE INDEX ix_executions_roots_trigger ON executions (workspace, "trigger", id) WHERE parent IS NULL;
-- schema:
CREATE INDEX ix_executions_asking ON executions (workspace, id) WHERE waiting_for IS NOT NULL;
-- schema:
CREATE TABLE search_values ( "key" BLOB NOT NULL, text_id BIGINT NOT NULL, CONSTRAINT pk_search_values PRIMARY KEY ("key", text_id) ) WITHOUT ROWID;
-- schema:
CREATE INDEX ix_search_values_text ON search_values (text_id);
-- schema:
CREATE INDEX ix_search_texts_waiting ON search_texts (id) WHERE text IS NOT NULL;
-- schema:
CREATE TABLE triggers ( id TEXT NOT NULL, workspace TEXT NOT NULL, workflow TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, config TEXT NOT NULL, is_live BOOLEAN NOT NULL, paused_at BIGINT, paused_by TEXT NOT NULL, next_at BIGINT, claimed_until BIGINT, token_hash BLOB, token BLOB, secret BLOB, old_secret BLOB, old_until BIGINT, created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, CONSTRAINT pk_triggers PRIMARY KEY (id), CONSTRAINT uq_triggers_token_hash UNIQUE (token_hash), CONSTRAINT uq_triggers_workflow_name UNIQUE (workflow, name) );
-- schema:
CREATE INDEX ix_triggers_workspace ON triggers (workspace, kind, id);
-- schema:
CREATE INDEX ix_triggers_due ON triggers (next_at) WHERE next_at IS NOT NULL;
-- schema:
CREATE TABLE missed_ticks ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, trigger_id TEXT NOT NULL, at BIGINT NOT NULL, count INTEGER NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, made_good INTEGER NOT NULL );
-- schema:
CREATE INDEX ix_missed_ticks_trigger ON missed_ticks (trigger_id, id);
-- schema:
CREATE TABLE notice_targets ( workspace TEXT NOT NULL, url TEXT, kinds TEXT NOT NULL, secret BLOB NOT NULL, old_secret BLOB, old_until BIGINT, changed_at BIGINT NOT NULL, CONSTRAINT pk_notice_targets PRIMARY KEY (workspace) );
-- schema:
CREATE TABLE notices ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, workspace TEXT NOT NULL, workflow TEXT, root TEXT, execution_id TEXT, seq BIGINT NOT NULL, at BIGINT NOT NULL, data TEXT NOT NULL, tries INTEGER NOT NULL, due_at BIGINT NOT NULL );
-- schema:
CREATE INDEX ix_notices_due ON notices (due_at);
-- schema:
CREATE TRIGGER executions_in_trouble AFTER UPDATE OF status ON executions WHEN NEW.status <> OLD.status AND NEW.status IN ('failed', 'timed_out', 'needs_attention') AND (NEW.parent IS NULL OR NEW.status = 'needs_attention') AND (NEW.workflow_id IS NOT NULL OR NEW.parent IS NOT NULL) AND NOT NEW.is_test BEGIN INSERT INTO notices (kind, workspace, root, execution_id, seq, at, data, tries, due_at) VALUES (CASE WHEN NEW.status = 'needs_attention' THEN 'needs_attention' ELSE 'failed' END, NEW.workspace, COALESCE(NEW.root, NEW.id), NEW.id, NEW.head_seq, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), '{}', 0, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)); END;
-- schema:
CREATE TABLE credentials ( id TEXT NOT NULL, workspace TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, hosts TEXT NOT NULL, version BIGINT NOT NULL, key_id TEXT NOT NULL, sealed BLOB NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, updated_at BIGINT NOT NULL, updated_by TEXT NOT NULL, CONSTRAINT pk_credentials PRIMARY KEY (id) );
-- schema:
CREATE UNIQUE INDEX ix_credentials_name ON credentials (workspace, name);
-- schema:
CREATE INDEX ix_credentials_workspace ON credentials (workspace, id);
-- schema:
CREATE TABLE credential_workflows ( workspace TEXT NOT NULL, name TEXT NOT NULL, workflow_id TEXT NOT NULL, slug TEXT NOT NULL, number INTEGER NOT NULL, CONSTRAINT pk_credential_workflows PRIMARY KEY (workspace, name, workflow_id) );
-- schema:
CREATE INDEX ix_credential_workflows_workflow ON credential_workflows (workspace, workflow_id);
-- schema:
CREATE TABLE credential_uses ( execution_id TEXT NOT NULL, credential_id TEXT NOT NULL, at BIGINT NOT NULL, CONSTRAINT pk_credential_uses PRIMARY KEY (execution_id, credential_id) ) WITHOUT ROWID;
-- schema:
CREATE TABLE files ( id TEXT NOT NULL, workspace TEXT NOT NULL, name TEXT NOT NULL, content_type TEXT NOT NULL, size BIGINT NOT NULL, hash TEXT NOT NULL, "by" TEXT NOT NULL, created_at BIGINT NOT NULL, CONSTRAINT pk_files PRIMARY KEY (id) );
-- schema:
CREATE INDEX ix_files_workspace ON files (workspace, id);
-- schema:
CREATE INDEX ix_files_hash ON files (workspace, hash, id);
-- schema:
CREATE INDEX ix_files_name ON files (workspace, name, id);
-- schema:
CREATE INDEX ix_files_age ON files (created_at, id);
-- schema:
CREATE TABLE file_spaces ( workspace TEXT NOT NULL, used BIGINT NOT NULL, own BIGINT, CONSTRAINT pk_file_spaces PRIMARY KEY (workspace) );
-- schema:
CREATE TABLE blob_holds ( holder TEXT NOT NULL, until BIGINT NOT NULL, CONSTRAINT pk_blob_holds PRIMARY KEY (holder) );
-- schema:
CREATE INDEX ix_executions_ended ON executions (status, ended_at) WHERE ended_at IS NOT NULL AND parent IS NULL;
-- schema:
CREATE TABLE purges ( execution_id TEXT NOT NULL, at BIGINT NOT NULL, CONSTRAINT pk_purges PRIMARY KEY (execution_id) );
-- schema:
CREATE INDEX ix_purges_at ON purges (at);
-- schema:
INSERT INTO meta VALUES ('epoch', '1');
-- schema:
INSERT INTO alembic_version VALUES ('0010');
-- accounts.claim:
INSERT INTO setup (id, user_id, at) VALUES (1, :user_id, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT DO NOTHING RETURNING id;
-- accounts.default_leave:
UPDATE users SET default_workspace=(SELECT members.workspace FROM members WHERE members.user_id = :user_id ORDER BY members.since, members.workspace LIMIT 1 OFFSET 0), version=(users.version + 1) WHERE users.id = :user_id AND users.default_workspace = :workspace;
-- accounts.default_set:
UPDATE users SET default_workspace=:workspace, version=(users.version + 1) WHERE users.id = :user_id AND (users.default_workspace IS NULL OR NOT (EXISTS (SELECT * FROM members WHERE members.user_id = users.id AND members.workspace = users.default_workspace)));
-- accounts.identity_add:
INSERT INTO identities (issuer, subject, user_id, added_at) VALUES (:issuer, :subject, :user_id, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT DO NOTHING RETURNING user_id;
-- accounts.identity_drop:
DELETE FROM identities WHERE identities.issuer = :issuer AND identities.subject = :subject RETURNING user_id;
-- accounts.instance_admins_lock:
SELECT users.id FROM users WHERE users.is_instance_admin = 1 AND users.is_disabled = 0 ORDER BY users.id;
-- accounts.invitation:
SELECT one_time_tokens.hash, one_time_tokens.kind, one_time_tokens.user_id, one_time_tokens.workspace, one_time_tokens.role, one_time_tokens.email, one_time_tokens.made_by, one_time_tokens.expires_at, one_time_tokens.tries, one_time_tokens.sealed, one_time_tokens.used_at, one_time_tokens.id FROM one_time_tokens WHERE one_time_tokens.kind = 'invitation' AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND one_time_tokens.hash = :token;
-- accounts.invitation_add:
INSERT INTO one_time_tokens (hash, kind, workspace, role, email, made_by, expires_at, tries, id) VALUES (:hash, 'invitation', :workspace, :role, :email, :made_by, (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :ttl_ms), 0, :id) RETURNING expires_at;
-- accounts.invitation_revoke:
UPDATE one_time_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE one_time_tokens.kind = 'invitation' AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND one_time_tokens.workspace = :workspace AND one_time_tokens.id = :id RETURNING id;
-- accounts.invitations:
SELECT one_time_tokens.hash, one_time_tokens.kind, one_time_tokens.user_id, one_time_tokens.workspace, one_time_tokens.role, one_time_tokens.email, one_time_tokens.made_by, one_time_tokens.expires_at, one_time_tokens.tries, one_time_tokens.sealed, one_time_tokens.used_at, one_time_tokens.id FROM one_time_tokens WHERE one_time_tokens.kind = 'invitation' AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND one_time_tokens.workspace = :workspace ORDER BY one_time_tokens.id DESC;
-- accounts.invitations_void:
UPDATE one_time_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE one_time_tokens.kind = 'invitation' AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND one_time_tokens.workspace = :workspace AND one_time_tokens.email = :email;
-- accounts.is_set_up:
SELECT setup.id FROM setup;
-- accounts.key_add:
INSERT INTO api_keys (id, secret_hash, workspace, user_id, name, scopes, created_at, expires_at) VALUES (:id, :secret_hash, :workspace, :user_id, :name, :scopes, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), :expires_at) RETURNING created_at;
-- accounts.key_enable:
UPDATE api_keys SET disabled_at=NULL WHERE api_keys.id = :id AND api_keys.disabled_at IS NOT NULL AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) RETURNING id;
-- accounts.key_revoke:
UPDATE api_keys SET revoked_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE api_keys.id = :id AND (:user_id IS NULL OR api_keys.user_id = :user_id) AND (:workspace IS NULL OR api_keys.workspace = :workspace) AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) RETURNING id;
-- accounts.key_used:
UPDATE api_keys SET last_used=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE api_keys.id = :id AND (api_keys.last_used IS NULL OR api_keys.last_used < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - :pause_ms);
-- accounts.keys:
SELECT api_keys.id, api_keys.secret_hash, api_keys.workspace, api_keys.user_id, api_keys.name, api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.last_used, api_keys.revoked_at, api_keys.disabled_at FROM api_keys WHERE api_keys.user_id = :user_id AND (:workspace IS NULL OR api_keys.workspace = :workspace) AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ORDER BY api_keys.created_at DESC, api_keys.id DESC;
-- accounts.keys_clean:
DELETE FROM api_keys WHERE api_keys.revoked_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000 OR api_keys.expires_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000 RETURNING 1;
-- accounts.keys_live:
SELECT count(*) AS count FROM api_keys WHERE api_keys.user_id = :user_id AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
-- accounts.keys_of_workspace:
SELECT api_keys.id, api_keys.secret_hash, api_keys.workspace, api_keys.user_id, api_keys.name, api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.last_used, api_keys.revoked_at, api_keys.disabled_at FROM api_keys WHERE api_keys.workspace = :workspace AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) AND (:after IS NULL OR api_keys.id < :after) ORDER BY api_keys.id DESC LIMIT :limit OFFSET 0;
-- accounts.keys_revoke:
UPDATE api_keys SET revoked_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE api_keys.user_id = :user_id AND (:workspace IS NULL OR api_keys.workspace = :workspace) AND api_keys.revoked_at IS NULL;
-- accounts.member:
SELECT members.workspace, members.user_id, members.role, members.since, users.email, users.display_name FROM members JOIN users ON users.id = members.user_id WHERE members.workspace = :workspace AND members.user_id = :user_id;
-- accounts.member_drop:
DELETE FROM members WHERE members.workspace = :workspace AND members.user_id = :user_id;
-- accounts.member_put:
INSERT INTO members (workspace, user_id, role, since) VALUES (:workspace, :user_id, :role, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT (workspace, user_id) DO UPDATE SET role = excluded.role;
-- accounts.member_role:
SELECT members.role FROM members WHERE members.workspace = :workspace AND members.user_id = :user_id;
-- accounts.members:
SELECT members.workspace, members.user_id, members.role, members.since, users.email, users.display_name FROM members JOIN users ON users.id = members.user_id WHERE members.workspace = :workspace AND (:after IS NULL OR members.user_id < :after) ORDER BY members.user_id DESC LIMIT :limit OFFSET 0;
-- accounts.memberships:
SELECT workspaces.id, workspaces.slug, workspaces.name, workspaces.created_at, members.role FROM workspaces JOIN members ON members.workspace = workspaces.id WHERE members.user_id = :user_id ORDER BY workspaces.slug;
-- accounts.other_owner:
SELECT members.user_id FROM members JOIN users ON users.id = members.user_id WHERE members.workspace = :workspace AND members.role = 'owner' AND members.user_id != :user_id AND users.is_disabled = 0 LIMIT 1 OFFSET 0;
-- accounts.presence_add:
INSERT INTO presence (session_id, last_active, idle_at) VALUES (:id, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :idle_ms));
-- accounts.presence_clean:
DELETE FROM presence WHERE NOT (EXISTS (SELECT * FROM sessions WHERE sessions.id = presence.session_id)) RETURNING 1;
-- accounts.principal_of_identity:
SELECT users.id AS u_id, users.email AS u_email, users.display_name AS u_display_name, users.password_hash AS u_password_hash, users.is_disabled AS u_is_disabled, users.is_instance_admin AS u_is_instance_admin, users.totp AS u_totp, users.totp_step AS u_totp_step, users.recovery AS u_recovery, users.default_workspace AS u_default_workspace, users.created_at AS u_created_at, users.version AS u_version, workspaces.id AS w_id, workspaces.slug AS w_slug, workspaces.name AS w_name, workspaces.created_at AS w_created_at, members.role, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS at FROM identities JOIN users ON users.id = identities.user_id LEFT OUTER JOIN workspaces ON workspaces.id = coalesce(:workspace, users.default_workspace) OR workspaces.slug = :workspace LEFT OUTER JOIN members ON members.workspace = workspaces.id AND members.user_id = users.id WHERE identities.issuer = :issuer AND identities.subject = :subject AND users.is_disabled = 0 ORDER BY workspaces.id = coalesce(:workspace, users.default_workspace) DESC LIMIT 1 OFFSET 0;
-- accounts.principal_of_key:
SELECT users.id AS u_id, users.email AS u_email, users.display_name AS u_display_name, users.password_hash AS u_password_hash, users.is_disabled AS u_is_disabled, users.is_instance_admin AS u_is_instance_admin, users.totp AS u_totp, users.totp_step AS u_totp_step, users.recovery AS u_recovery, users.default_workspace AS u_default_workspace, users.created_at AS u_created_at, users.version AS u_version, workspaces.id AS w_id, workspaces.slug AS w_slug, workspaces.name AS w_name, workspaces.created_at AS w_created_at, api_keys.scopes, members.role, api_keys.last_used IS NULL OR api_keys.last_used < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - :pause_ms AS is_unnoted FROM api_keys JOIN users ON users.id = api_keys.user_id JOIN workspaces ON workspaces.id = api_keys.workspace LEFT OUTER JOIN members ON members.workspace = api_keys.workspace AND members.user_id = api_keys.user_id WHERE api_keys.id = :id AND api_keys.secret_hash = :secret_hash AND users.is_disabled = 0 AND api_keys.disabled_at IS NULL AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
-- accounts.principal_of_session:
SELECT sessions.id AS s_id, sessions.sid_hash AS s_sid_hash, sessions.user_id AS s_user_id, sessions.created_at AS s_created_at, sessions.authenticated_at AS s_authenticated_at, sessions.expires_at AS s_expires_at, sessions.ended_at AS s_ended_at, sessions.ip AS s_ip, sessions.user_agent AS s_user_agent, sessions.version AS s_version, presence.last_active AS s_last_active, users.id AS u_id, users.email AS u_email, users.display_name AS u_display_name, users.password_hash AS u_password_hash, users.is_disabled AS u_is_disabled, users.is_instance_admin AS u_is_instance_admin, users.totp AS u_totp, users.totp_step AS u_totp_step, users.recovery AS u_recovery, users.default_workspace AS u_default_workspace, users.created_at AS u_created_at, users.version AS u_version, workspaces.id AS w_id, workspaces.slug AS w_slug, workspaces.name AS w_name, workspaces.created_at AS w_created_at, members.role, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS at FROM sessions JOIN presence ON presence.session_id = sessions.id JOIN users ON users.id = sessions.user_id LEFT OUTER JOIN workspaces ON workspaces.id = coalesce(:workspace, users.default_workspace) OR workspaces.slug = :workspace LEFT OUTER JOIN members ON members.workspace = workspaces.id AND members.user_id = users.id WHERE sessions.sid_hash = :sid_hash AND users.is_disabled = 0 AND sessions.ended_at IS NULL AND sessions.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND presence.idle_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) ORDER BY workspaces.id = coalesce(:workspace, users.default_workspace) DESC LIMIT 1 OFFSET 0;
-- accounts.refresh_add:
INSERT INTO refresh_tokens (hash, session_id, number) VALUES (:hash, :id, :number);
-- accounts.refresh_again:
SELECT child.number FROM refresh_tokens AS child JOIN refresh_tokens ON refresh_tokens.session_id = child.session_id AND refresh_tokens.number = child.number - 1 WHERE refresh_tokens.hash = :hash AND refresh_tokens.used_at >= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - :grace_ms AND child.hash = :child AND child.used_at IS NULL;
-- accounts.refresh_clean:
DELETE FROM refresh_tokens WHERE NOT (EXISTS (SELECT * FROM sessions WHERE sessions.id = refresh_tokens.session_id)) RETURNING 1;
-- accounts.refresh_drop:
DELETE FROM refresh_tokens WHERE refresh_tokens.session_id = :id;
-- accounts.refresh_lock:
SELECT sessions.id FROM sessions WHERE sessions.id = (SELECT refresh_tokens.session_id FROM refresh_tokens WHERE refresh_tokens.hash = :hash) AND sessions.ended_at IS NULL AND sessions.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))) AND (EXISTS (SELECT * FROM users WHERE users.id = sessions.user_id AND users.is_disabled = 0));
-- accounts.refresh_session:
SELECT sessions.id FROM sessions WHERE sessions.id = (SELECT refresh_tokens.session_id FROM refresh_tokens WHERE refresh_tokens.hash = :hash) AND sessions.ended_at IS NULL AND sessions.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))) AND (EXISTS (SELECT * FROM users WHERE users.id = sessions.user_id AND users.is_disabled = 0));
-- accounts.refresh_use:
UPDATE refresh_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE refresh_tokens.hash = :hash AND refresh_tokens.used_at IS NULL RETURNING number;
-- accounts.session:
SELECT sessions.id, sessions.sid_hash, sessions.user_id, sessions.created_at, sessions.authenticated_at, sessions.expires_at, sessions.ended_at, sessions.ip, sessions.user_agent, sessions.version, presence.last_active FROM sessions JOIN presence ON presence.session_id = sessions.id WHERE sessions.id = :id;
-- accounts.session_add:
INSERT INTO sessions (id, sid_hash, user_id, created_at, authenticated_at, expires_at, ip, user_agent, version) VALUES (:id, :sid_hash, :user_id, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :ttl_ms), :ip, :user_agent, 1);
-- accounts.session_end:
UPDATE sessions SET ended_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), version=(sessions.version + 1) WHERE sessions.ended_at IS NULL AND sessions.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))) AND sessions.id = :id RETURNING id;
-- accounts.session_renew:
UPDATE sessions SET sid_hash=:sid_hash, authenticated_at=CASE WHEN :authenticated THEN CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) ELSE sessions.authenticated_at END, version=(sessions.version + 1) WHERE sessions.id = :id AND sessions.ended_at IS NULL AND sessions.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))) RETURNING id;
-- accounts.sessions:
SELECT sessions.id, sessions.sid_hash, sessions.user_id, sessions.created_at, sessions.authenticated_at, sessions.expires_at, sessions.ended_at, sessions.ip, sessions.user_agent, sessions.version, presence.last_active FROM sessions JOIN presence ON presence.session_id = sessions.id WHERE sessions.user_id = :user_id AND sessions.ended_at IS NULL AND sessions.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND presence.idle_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) ORDER BY sessions.created_at DESC, sessions.id DESC;
-- accounts.sessions_clean:
DELETE FROM sessions WHERE sessions.ended_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000 OR sessions.expires_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000 OR (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000)) RETURNING 1;
-- accounts.sessions_end:
UPDATE sessions SET ended_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), version=(sessions.version + 1) WHERE sessions.ended_at IS NULL AND sessions.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND (EXISTS (SELECT * FROM presence WHERE presence.session_id = sessions.id AND presence.idle_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))) AND sessions.user_id = :user_id AND (:only IS NULL OR sessions.id = :only) AND (:but IS NULL OR sessions.id != :but) RETURNING id;
-- accounts.setup_token_state:
SELECT one_time_tokens.used_at IS NOT NULL AS is_used FROM one_time_tokens WHERE one_time_tokens.hash = :token AND one_time_tokens.kind = 'setup';
-- accounts.setup_token_use:
UPDATE one_time_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE one_time_tokens.hash = :token AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND one_time_tokens.kind = 'setup' RETURNING hash;
-- accounts.token:
SELECT one_time_tokens.hash, one_time_tokens.kind, one_time_tokens.user_id, one_time_tokens.workspace, one_time_tokens.role, one_time_tokens.email, one_time_tokens.made_by, one_time_tokens.expires_at, one_time_tokens.tries, one_time_tokens.sealed, one_time_tokens.used_at, one_time_tokens.id FROM one_time_tokens WHERE one_time_tokens.hash = :token AND one_time_tokens.kind = :kind AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);
-- accounts.token_add:
INSERT INTO one_time_tokens (hash, kind, user_id, email, expires_at, tries, sealed) VALUES (:hash, :kind, :user_id, :email, (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :ttl_ms), 0, :sealed);
-- accounts.token_of:
SELECT one_time_tokens.hash, one_time_tokens.kind, one_time_tokens.user_id, one_time_tokens.workspace, one_time_tokens.role, one_time_tokens.email, one_time_tokens.made_by, one_time_tokens.expires_at, one_time_tokens.tries, one_time_tokens.sealed, one_time_tokens.used_at, one_time_tokens.id FROM one_time_tokens WHERE one_time_tokens.user_id = :user_id AND one_time_tokens.kind = :kind AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);
-- accounts.token_try:
UPDATE one_time_tokens SET tries=(one_time_tokens.tries + 1) WHERE one_time_tokens.hash = :token AND one_time_tokens.kind = :kind AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND one_time_tokens.tries < :tries_max RETURNING hash;
-- accounts.token_use:
UPDATE one_time_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE one_time_tokens.hash = :token AND one_time_tokens.used_at IS NULL AND one_time_tokens.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND one_time_tokens.kind != 'setup' AND (:user_id IS NULL OR one_time_tokens.user_id IS NULL OR one_time_tokens.user_id = :user_id) AND (:workspace IS NULL OR one_time_tokens.workspace IS NULL OR one_time_tokens.workspace = :workspace) RETURNING hash;
-- accounts.tokens_clean:
DELETE FROM one_time_tokens WHERE one_time_tokens.used_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000 OR one_time_tokens.expires_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000 RETURNING 1;
-- accounts.tokens_end:
UPDATE one_time_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE one_time_tokens.used_at IS NULL AND (one_time_tokens.user_id = :user_id OR one_time_tokens.made_by = :user_id);
-- accounts.tokens_of_user_void:
UPDATE one_time_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE one_time_tokens.user_id = :user_id AND one_time_tokens.used_at IS NULL AND (one_time_tokens.kind = 'link' OR one_time_tokens.kind = 'reset' OR one_time_tokens.kind = 'mfa' OR one_time_tokens.kind = 'totp');
-- accounts.tokens_void:
UPDATE one_time_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE one_time_tokens.kind = :kind AND one_time_tokens.used_at IS NULL AND (one_time_tokens.kind = 'setup' OR one_time_tokens.user_id = :user_id);
-- accounts.touch:
UPDATE presence SET last_active=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), idle_at=(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :idle_ms) WHERE presence.session_id = :id AND presence.idle_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND (EXISTS (SELECT * FROM sessions WHERE sessions.id = presence.session_id AND sessions.ended_at IS NULL AND sessions.expires_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));
-- accounts.user:
SELECT users.id, users.email, users.display_name, users.password_hash, users.is_disabled, users.is_instance_admin, users.totp, users.totp_step, users.recovery, users.default_workspace, users.created_at, users.version FROM users WHERE users.id = :id;
-- accounts.user_add:
INSERT INTO users (id, email, display_name, password_hash, is_disabled, is_instance_admin, totp, totp_step, recovery, default_workspace, created_at, version) VALUES (:id, :email, :display_name, :password_hash, :is_disabled, :is_instance_admin, :totp, :totp_step, :recovery, :default_workspace, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), 1) ON CONFLICT DO NOTHING RETURNING id;
-- accounts.user_by_email:
SELECT users.id, users.email, users.display_name, users.password_hash, users.is_disabled, users.is_instance_admin, users.totp, users.totp_step, users.recovery, users.default_workspace, users.created_at, users.version FROM users WHERE users.email = :email;
-- accounts.user_change:
UPDATE users SET email=:email, display_name=:display_name, password_hash=:password_hash, is_disabled=:is_disabled, is_instance_admin=:is_instance_admin, totp=:totp, totp_step=:totp_step, recovery=:recovery, default_workspace=:default_workspace, version=(users.version + 1) WHERE users.id = :id AND users.version = :was AND NOT (EXISTS (SELECT * FROM users AS other WHERE other.email = :email AND other.id != :id)) RETURNING id;
-- accounts.user_disable:
UPDATE users SET is_disabled=:is_disabled, version=(users.version + 1) WHERE users.id = :user_id AND users.is_disabled != :is_disabled RETURNING id;
-- accounts.user_lock:
SELECT users.version FROM users WHERE users.id = :id AND users.is_disabled = 0;
-- accounts.user_of_identity:
SELECT users.id, users.email, users.display_name, users.password_hash, users.is_disabled, users.is_instance_admin, users.totp, users.totp_step, users.recovery, users.default_workspace, users.created_at, users.version FROM identities JOIN users ON users.id = identities.user_id WHERE identities.issuer = :issuer AND identities.subject = :subject;
-- accounts.users:
SELECT users.id, users.email, users.display_name, users.password_hash, users.is_disabled, users.is_instance_admin, users.totp, users.totp_step, users.recovery, users.default_workspace, users.created_at, users.version FROM users WHERE :after IS NULL OR users.id < :after ORDER BY users.id DESC LIMIT :limit OFFSET 0;
-- accounts.workspace:
SELECT workspaces.id, workspaces.slug, workspaces.name, workspaces.created_at FROM workspaces WHERE workspaces.id = :named OR workspaces.slug = :named ORDER BY workspaces.id = :named DESC LIMIT 1 OFFSET 0;
-- accounts.workspace_add:
INSERT INTO workspaces (id, slug, name, created_at) VALUES (:id, :slug, :name, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT DO NOTHING RETURNING id;
-- accounts.workspace_change:
UPDATE workspaces SET slug=:slug, name=:name WHERE workspaces.id = :id AND NOT (EXISTS (SELECT * FROM workspaces AS other WHERE other.slug = :slug AND other.id != :id)) RETURNING id;
-- accounts.workspace_lock:
SELECT workspaces.id FROM workspaces WHERE workspaces.id = :workspace;
-- admission.answer:
SELECT answers.scope, answers.request, answers.status, answers.headers, answers.body, answers.at FROM answers WHERE answers.scope = :scope AND answers.at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000;
-- admission.answer_add:
INSERT INTO answers (scope, request, status, headers, body, at) VALUES (:scope, :request, :status, :headers, :body, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT (scope) DO UPDATE SET request = excluded.request, status = excluded.status, headers = excluded.headers, body = excluded.body, at = excluded.at WHERE answers.at <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000 RETURNING scope;
-- admission.answer_change:
UPDATE answers SET status=:status, headers=:headers, body=:body WHERE answers.scope = :scope_is AND answers.request = :request_is;
-- admission.answer_drop:
DELETE FROM answers WHERE answers.scope = :scope_is;
-- admission.answers_drop:
DELETE FROM answers WHERE answers.scope IN (SELECT answers.scope FROM answers WHERE answers.at <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000 ORDER BY answers.at LIMIT :limit OFFSET 0) RETURNING scope;
-- admission.execution_add:
INSERT INTO executions (id, workspace, workflow, version, status, owner, fence, head_seq, is_busy, nodes_done, nodes_total, created_at, parent, root, forked_from, "trigger", start, workflow_id, number, is_test, trigger_id, scheduled_at, held_below) VALUES (:id, :workspace, :workflow, :version, 'queued', :owner, :fence, 0, false, 0, :nodes_total, :created_at, :parent, :root, :forked_from, :trigger, :start, :workflow_id, :number, :is_test, :trigger_id, :scheduled_at, :held_below) ON CONFLICT DO NOTHING RETURNING id;
-- admission.held:
SELECT count(*) AS count FROM (SELECT 1 FROM executions WHERE executions.held_below IS NOT NULL AND executions.workflow_id = :workflow_id LIMIT :limit OFFSET 0) AS anon_1;
-- admission.held_first:
SELECT executions.id, executions.held_below FROM executions WHERE executions.held_below IS NOT NULL AND executions.workflow_id = :workflow_id ORDER BY executions.id LIMIT :limit OFFSET 0;
-- admission.held_workflows:
SELECT executions.workflow_id, min(executions.id) AS first FROM executions WHERE executions.held_below IS NOT NULL GROUP BY executions.workflow_id LIMIT :limit OFFSET 0;
-- admission.inbox:
SELECT executions.status, (SELECT count(*) AS count_1 FROM inbox WHERE inbox.execution_id = :execution_id AND NOT inbox.consumed) AS waiting, (SELECT count(*) AS count_2 FROM inbox WHERE inbox.execution_id = :execution_id AND inbox.dedupe_key = :dedupe_key) AS known FROM executions WHERE executions.id = :execution_id;
-- admission.inherit:
INSERT INTO blobs (workspace, hash, execution_id, size) SELECT source.workspace, source.hash, :id AS anon_1, source.size FROM blobs AS source WHERE source.execution_id = :source AND source.workspace = :workspace ON CONFLICT DO NOTHING;
-- admission.lock:
SELECT 1 AS is_locked;
-- admission.open:
SELECT count(*) AS count FROM (SELECT 1 FROM executions WHERE workflow_id IS NOT NULL AND parent IS NULL AND held_below IS NULL AND NOT is_test AND status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') AND executions.workflow_id = :workflow_id LIMIT :limit OFFSET 0) AS anon_1;
-- admission.place:
SELECT places.execution_id FROM places WHERE places."trigger" = :trigger AND places."key" = :key;
-- admission.place_add:
INSERT INTO places ("trigger", "key", kind, at, execution_id) VALUES (:trigger, :key, :kind, :at, :execution_id) ON CONFLICT DO NOTHING RETURNING "key";
-- admission.place_skip:
UPDATE places SET execution_id=NULL WHERE places."trigger" = :trigger_is AND places."key" = :key_is;
-- admission.queued:
SELECT count(*) AS count FROM (SELECT 1 FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL LIMIT :limit OFFSET 0) AS anon_1;
-- admission.release:
UPDATE executions SET held_below=NULL WHERE executions.id = :id_is;
-- admission.signal_add:
INSERT INTO inbox (execution_id, dedupe_key, body, at, consumed) VALUES (:execution_id, :dedupe_key, :body, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), false) ON CONFLICT (execution_id, dedupe_key) DO NOTHING RETURNING id;
-- anything:
WITH RECURSIVE owners(owner) AS (SELECT min(executions.owner) AS owner FROM executions WHERE executions.owner IS NOT NULL UNION ALL SELECT (SELECT min(following.owner) AS min_1 FROM executions AS following WHERE following.owner IS NOT NULL AND following.owner > owners.owner) AS anon_5 FROM owners WHERE owners.owner IS NOT NULL) SELECT (EXISTS (SELECT anon_2.id FROM (SELECT DISTINCT inbox.execution_id AS id FROM inbox WHERE NOT inbox.consumed AND (EXISTS (SELECT * FROM executions WHERE executions.id = inbox.execution_id AND executions.owner IS NULL AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out'))) LIMIT 1 OFFSET 0) AS anon_2 UNION SELECT anon_3.id FROM (SELECT executions.id AS id FROM executions WHERE executions.owner IS NULL AND executions.wake_at IS NOT NULL AND executions.wake_at <= :now LIMIT 1 OFFSET 0) AS anon_3 UNION SELECT anon_4.id FROM (SELECT executions.id AS id FROM executions WHERE executions.owner IS NULL AND executions.is_busy LIMIT 1 OFFSET 0) AS anon_4)) OR (EXISTS (SELECT owners.owner FROM owners WHERE owners.owner IS NOT NULL AND (owners.owner NOT IN (SELECT engines.id FROM engines)))) OR (EXISTS (SELECT 1 FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL AND executions.owner IS NULL)) AS anon_1;
-- audit.add:
INSERT INTO audit (at, workspace, actor_kind, actor, action, target_kind, target, result, ip, request_id, data) VALUES (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), :workspace, :actor_kind, :actor, :action, :target_kind, :target, :result, :ip, :request_id, :data);
-- audit.floor:
SELECT audit.seq FROM audit WHERE audit.seq < :before ORDER BY audit.seq DESC LIMIT 1 OFFSET :looked_at;
-- audit.floor_of:
SELECT audit.seq FROM audit WHERE audit.seq < :before AND audit.workspace = :workspace ORDER BY audit.seq DESC LIMIT 1 OFFSET :looked_at;
-- audit.head:
SELECT audit.seq, audit.hash FROM audit WHERE audit.seq IS NOT NULL ORDER BY audit.seq DESC LIMIT 1 OFFSET 0;
-- audit.lock:
SELECT 1 AS is_mine;
-- audit.newest:
SELECT anon_1.id, anon_1.at, anon_1.workspace, anon_1.actor_kind, anon_1.actor, anon_1.action, anon_1.target_kind, anon_1.target, anon_1.result, anon_1.ip, anon_1.request_id, anon_1.data, anon_1.seq, anon_1.hash FROM (SELECT audit.id AS id, audit.at AS at, audit.workspace AS workspace, audit.actor_kind AS actor_kind, audit.actor AS actor, audit.action AS action, audit.target_kind AS target_kind, audit.target AS target, audit.result AS result, audit.ip AS ip, audit.request_id AS request_id, audit.data AS data, audit.seq AS seq, audit.hash AS hash FROM audit WHERE audit.seq < :before ORDER BY audit.seq DESC LIMIT :looked_at OFFSET 0) AS anon_1 WHERE (:action IS NULL OR anon_1.action = :action) AND (:action_group IS NULL OR substr(anon_1.action, 1, length(:action_group)) = :action_group) AND (:actor IS NULL OR anon_1.actor = :actor) AND anon_1.at >= :since AND anon_1.at < :until ORDER BY anon_1.seq DESC LIMIT :limit OFFSET 0;
-- audit.newest_of:
SELECT anon_1.id, anon_1.at, anon_1.workspace, anon_1.actor_kind, anon_1.actor, anon_1.action, anon_1.target_kind, anon_1.target, anon_1.result, anon_1.ip, anon_1.request_id, anon_1.data, anon_1.seq, anon_1.hash FROM (SELECT audit.id AS id, audit.at AS at, audit.workspace AS workspace, audit.actor_kind AS actor_kind, audit.actor AS actor, audit.action AS action, audit.target_kind AS target_kind, audit.target AS target, audit.result AS result, audit.ip AS ip, audit.request_id AS request_id, audit.data AS data, audit.seq AS seq, audit.hash AS hash FROM audit WHERE audit.seq < :before AND audit.workspace = :workspace ORDER BY audit.seq DESC LIMIT :looked_at OFFSET 0) AS anon_1 WHERE (:action IS NULL OR anon_1.action = :action) AND (:action_group IS NULL OR substr(anon_1.action, 1, length(:action_group)) = :action_group) AND (:actor IS NULL OR anon_1.actor = :actor) AND anon_1.at >= :since AND anon_1.at < :until ORDER BY anon_1.seq DESC LIMIT :limit OFFSET 0;
-- audit.read:
SELECT audit.id, audit.at, audit.workspace, audit.actor_kind, audit.actor, audit.action, audit.target_kind, audit.target, audit.result, audit.ip, audit.request_id, audit.data, audit.seq, audit.hash FROM audit WHERE audit.seq > :after ORDER BY audit.seq LIMIT :limit OFFSET 0;
-- audit.read_of:
SELECT audit.id, audit.at, audit.workspace, audit.actor_kind, audit.actor, audit.action, audit.target_kind, audit.target, audit.result, audit.ip, audit.request_id, audit.data, audit.seq, audit.hash FROM audit WHERE audit.seq > :after AND audit.workspace = :workspace ORDER BY audit.seq LIMIT :limit OFFSET 0;
-- audit.seal:
UPDATE audit SET seq=:seq, hash=:hash WHERE audit.id = :row;
-- audit.unsealed:
SELECT audit.id, audit.at, audit.workspace, audit.actor_kind, audit.actor, audit.action, audit.target_kind, audit.target, audit.result, audit.ip, audit.request_id, audit.data, audit.seq, audit.hash FROM audit WHERE audit.seq IS NULL ORDER BY audit.id LIMIT :limit OFFSET 0;
-- audit.unsealed_count:
SELECT count(*) AS count FROM (SELECT 1 FROM audit WHERE audit.seq IS NULL LIMIT :limit OFFSET 0) AS anon_1;
-- blobs_of:
SELECT CAST(json_group_array(json_object('hash', r.hash, 'size', r.size)) AS BLOB) AS json_group_array_1 FROM (SELECT blobs.hash AS hash, blobs.size AS size FROM blobs WHERE blobs.execution_id = :execution_id ORDER BY blobs.hash) AS r;
-- by_prefix:
SELECT CAST(json_group_array(anon_1.id) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS id FROM executions WHERE executions.workspace = :workspace AND executions.id >= :first AND executions.id < :beyond ORDER BY executions.id LIMIT 10 OFFSET 0) AS anon_1;
-- claim_row:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'version', r.version, 'workflow', r.workflow, 'fence', r.fence, 'head_seq', r.head_seq, 'status', r.status, 'created_at', r.created_at, 'owner', r.owner, 'is_busy', r.is_busy, 'start', r.start)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.version AS version, executions.workflow AS workflow, executions.fence AS fence, executions.head_seq AS head_seq, executions.status AS status, executions.created_at AS created_at, executions.owner AS owner, executions.is_busy AS is_busy, CAST(executions.start AS TEXT) AS start FROM executions WHERE executions.id = :execution_id) AS r;
-- counts:
SELECT CAST(json_group_object(anon_1.status, anon_1.count) AS BLOB) AS json_group_object_1 FROM (SELECT executions.status AS status, count(*) AS count FROM executions WHERE executions.workspace = :workspace GROUP BY executions.status) AS anon_1;
-- created_at:
SELECT executions.created_at FROM executions WHERE executions.id = :execution_id;
-- credentials.add:
INSERT INTO credentials (id, workspace, name, type, hosts, version, key_id, sealed, created_at, created_by, updated_at, updated_by) VALUES (:id, :workspace, :name, :type, :hosts, :version, :key_id, :sealed, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), :by, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), :by) ON CONFLICT DO NOTHING RETURNING id, workspace, name, type, hosts, version, key_id, sealed, created_at, created_by, updated_at, updated_by;
-- credentials.count:
SELECT count(*) AS count FROM credentials WHERE credentials.workspace = :workspace;
-- credentials.every:
SELECT credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by FROM credentials WHERE :after IS NULL OR credentials.id > :after ORDER BY credentials.id LIMIT :limit OFFSET 0;
-- credentials.find:
SELECT credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by FROM credentials WHERE credentials.workspace = :workspace AND credentials.id = :id;
-- credentials.has_used:
SELECT credential_uses.at FROM credential_uses WHERE credential_uses.execution_id = :execution_id AND credential_uses.credential_id = :credential_id;
-- credentials.hold:
SELECT credentials.id FROM credentials WHERE credentials.workspace = :workspace AND credentials.name = :name;
-- credentials.keys:
SELECT credentials.key_id, count(*) AS count FROM credentials GROUP BY credentials.key_id;
-- credentials.lock:
SELECT credentials.name, credentials.version FROM credentials WHERE credentials.workspace = :workspace AND credentials.id = :id;
-- credentials.named:
SELECT credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by FROM credentials WHERE credentials.workspace = :workspace AND credentials.name = :name;
-- credentials.names:
SELECT credentials.name FROM credentials WHERE credentials.workspace = :workspace;
-- credentials.page:
SELECT credentials.id, credentials.workspace, credentials.name, credentials.type, credentials.hosts, credentials.version, credentials.key_id, credentials.sealed, credentials.created_at, credentials.created_by, credentials.updated_at, credentials.updated_by FROM credentials WHERE credentials.workspace = :workspace AND (:after IS NULL OR credentials.id < :after) ORDER BY credentials.id DESC LIMIT :limit OFFSET 0;
-- credentials.remove:
DELETE FROM credentials WHERE credentials.workspace = :workspace AND credentials.id = :id RETURNING id;
-- credentials.replace:
UPDATE credentials SET name=:name, type=:type, hosts=:hosts, version=:version, key_id=:key_id, sealed=:sealed, updated_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), updated_by=:by WHERE credentials.workspace = :workspace AND credentials.id = :id RETURNING id;
-- credentials.reseal:
UPDATE credentials SET key_id=:key_id, sealed=:sealed WHERE credentials.id = :id AND credentials.version = :version AND credentials.sealed = :before RETURNING id;
-- credentials.taken:
SELECT 1 AS one WHERE EXISTS (SELECT * FROM credentials AS other WHERE other.workspace = :workspace AND other.name = :name AND other.id != :id);
-- credentials.use:
INSERT INTO credential_uses (execution_id, credential_id, at) VALUES (:execution_id, :credential_id, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT DO NOTHING RETURNING at;
-- credentials.used_by:
SELECT credential_workflows.workflow_id, credential_workflows.slug, credential_workflows.number FROM credential_workflows WHERE credential_workflows.workspace = :workspace AND credential_workflows.name = :name AND (:after IS NULL OR credential_workflows.workflow_id < :after) ORDER BY credential_workflows.workflow_id DESC LIMIT :limit OFFSET 0;
-- credentials.workflow_add:
INSERT INTO credential_workflows (workspace, name, workflow_id, slug, number) VALUES (:workspace, :name, :workflow_id, :slug, :number);
-- credentials.workflow_drop:
DELETE FROM credential_workflows WHERE credential_workflows.workspace = :workspace AND credential_workflows.workflow_id = :workflow_id;
-- credentials.workflow_slug:
UPDATE credential_workflows SET slug=:slug WHERE credential_workflows.workflow_id = :workflow_id;
-- descendants:
WITH RECURSIVE tree(id) AS (SELECT executions.id AS id FROM executions WHERE executions.parent = :execution_id UNION SELECT below.id AS id FROM executions AS below, tree WHERE below.parent = tree.id) SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions."trigger" AS "trigger", executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below FROM executions WHERE executions.id IN (SELECT tree.id FROM tree) ORDER BY executions.created_at, executions.id LIMIT :limit OFFSET 0) AS r;
-- engine_add:
INSERT INTO engines (id, host, pid, machine, lease_steady, lease_until, adopts, registered_at) VALUES (:id, :host, :pid, :machine, :lease_steady, :lease_until, :adopts, :registered_at);
-- engine_drop:
DELETE FROM engines WHERE engines.id = :engine;
-- engine_renew:
UPDATE engines SET lease_steady=:lease_steady, lease_until=:lease_until WHERE engines.id = :engine;
-- engines:
SELECT CAST(json_group_array(json_object('id', r.id, 'host', r.host, 'pid', r.pid, 'machine', r.machine, 'lease_steady', r.lease_steady, 'lease_until', r.lease_until, 'adopts', r.adopts, 'registered_at', r.registered_at)) AS BLOB) AS json_group_array_1 FROM (SELECT engines.id AS id, engines.host AS host, engines.pid AS pid, engines.machine AS machine, engines.lease_steady AS lease_steady, engines.lease_until AS lease_until, engines.adopts AS adopts, engines.registered_at AS registered_at FROM engines ORDER BY engines.id) AS r;
-- engines_drop:
DELETE FROM engines WHERE engines.id IN (SELECT anon_1.value FROM json_each(:ids) AS anon_1);
-- execution:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions."trigger" AS "trigger", executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below FROM executions WHERE executions.id = :execution_id) AS r;
-- existing:
SELECT CAST(json_group_array(executions.id) AS BLOB) AS json_group_array_1 FROM executions WHERE executions.id IN (SELECT anon_1.value FROM json_each(:ids) AS anon_1);
-- fences:
SELECT CAST(json_group_array(json_object('id', r.id, 'fence', r.fence, 'head_seq', r.head_seq)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS id, executions.fence AS fence, executions.head_seq AS head_seq FROM executions WHERE executions.id IN (SELECT anon_1.value FROM json_each(:ids) AS anon_1)) AS r;
-- files.add:
INSERT INTO files (id, workspace, name, content_type, size, hash, "by", created_at) VALUES (:id, :workspace, :name, :content_type, :size, :hash, :by, :created_at);
-- files.find:
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files."by", files.created_at FROM files WHERE files.workspace = :workspace AND (:above IS NULL OR files.id >= :above) AND (:below IS NULL OR files.id < :below) AND files.created_at >= :created_after AND files.created_at < :created_before ORDER BY files.id DESC LIMIT :limit OFFSET 0;
-- files.find_hash:
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files."by", files.created_at FROM files WHERE files.workspace = :workspace AND (:above IS NULL OR files.id >= :above) AND (:below IS NULL OR files.id < :below) AND files.created_at >= :created_after AND files.created_at < :created_before AND files.hash = :hash AND (:name IS NULL OR files.name = :name) ORDER BY files.id DESC LIMIT :limit OFFSET 0;
-- files.find_name:
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files."by", files.created_at FROM files WHERE files.workspace = :workspace AND (:above IS NULL OR files.id >= :above) AND (:below IS NULL OR files.id < :below) AND files.created_at >= :created_after AND files.created_at < :created_before AND files.name = :name ORDER BY files.id DESC LIMIT :limit OFFSET 0;
-- files.get:
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files."by", files.created_at FROM files WHERE files.workspace = :workspace AND files.id = :id;
-- files.has_content:
SELECT files.id FROM files WHERE files.workspace = :workspace AND files.hash = :hash LIMIT 1 OFFSET 0;
-- files.hold:
INSERT INTO blob_holds (holder, until) VALUES (:holder, (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :ttl_ms)) ON CONFLICT (holder) DO UPDATE SET until = excluded.until;
-- files.holds:
SELECT blob_holds.holder FROM blob_holds WHERE blob_holds.until > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) LIMIT 1 OFFSET 0;
-- files.holds_drop:
DELETE FROM blob_holds WHERE blob_holds.until <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);
-- files.let_go:
DELETE FROM blob_holds WHERE blob_holds.holder = :holder;
-- files.lock:
SELECT files.hash, files.size FROM files WHERE files.workspace = :workspace AND files.id = :id;
-- files.named:
SELECT files.id, files.workspace, files.name, files.content_type, files.size, files.hash, files."by", files.created_at FROM files WHERE files.workspace = :workspace AND files.id IN (SELECT anon_1.value FROM json_each(:ids) AS anon_1);
-- files.old:
SELECT files.id, files.workspace FROM files WHERE files.created_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - :age_ms ORDER BY files.created_at, files.id LIMIT :limit OFFSET 0;
-- files.oldest_work:
SELECT min(executions.created_at) AS at FROM executions WHERE executions.workspace = :workspace AND executions.status IN ('needs_attention', 'paused', 'queued', 'running', 'waiting') AND (executions.is_busy = 1 OR executions.head_seq = 0);
-- files.refer:
INSERT INTO blobs (workspace, hash, execution_id, size) VALUES (:workspace, :hash, :execution_id, :size) ON CONFLICT DO NOTHING;
-- files.referred:
SELECT blobs.hash FROM blobs WHERE blobs.workspace = :workspace AND blobs.hash IN (SELECT anon_1.value FROM json_each(:hashes) AS anon_1) UNION SELECT files.hash FROM files WHERE files.workspace = :workspace AND files.hash IN (SELECT anon_2.value FROM json_each(:hashes) AS anon_2);
-- files.remove:
DELETE FROM files WHERE files.workspace = :workspace AND files.id = :id RETURNING hash, size;
-- files.space:
SELECT file_spaces.used, file_spaces.own FROM file_spaces WHERE file_spaces.workspace = :workspace;
-- files.space_change:
UPDATE file_spaces SET used=(file_spaces.used + :bytes) WHERE file_spaces.workspace = :workspace_is;
-- files.space_lock:
INSERT INTO file_spaces (workspace, used) VALUES (:workspace, 0) ON CONFLICT (workspace) DO UPDATE SET used = file_spaces.used RETURNING used, own;
-- files.space_own:
INSERT INTO file_spaces (workspace, used, own) VALUES (:workspace, 0, :own) ON CONFLICT (workspace) DO UPDATE SET own = excluded.own RETURNING used, own;
-- find_:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions."trigger" AS "trigger", executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below FROM executions WHERE executions.workspace = :workspace AND executions.id < :before AND executions.parent IS NULL ORDER BY executions.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_c:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions."trigger" AS "trigger", executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below FROM executions WHERE executions.workspace = :workspace AND (executions.created_at, executions.id) < (:before_at, :before) ORDER BY executions.created_at DESC, executions.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_ct:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions."trigger" AS "trigger", executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below FROM executions WHERE (executions.workspace || '') = :workspace AND (executions.created_at, executions.id) < (:before_at, :before) AND executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = :workspace AND search_texts.id IN (SELECT rowid FROM search_index WHERE search_index MATCH :words) AND search_texts.text IS NULL UNION ALL SELECT anon_1.value FROM json_each(:fresh) AS anon_1) ORDER BY executions.created_at DESC, executions.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_s:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT found.id AS execution_id, found.workspace AS workspace, found.workflow AS workflow, found.version AS version, found.status AS status, found.head_seq AS head_seq, found.nodes_done AS nodes_done, found.nodes_total AS nodes_total, found.created_at AS created_at, found.started_at AS started_at, found.ended_at AS ended_at, found.error AS error, found.waiting_for AS waiting_for, found.parent AS parent, found.forked_from AS forked_from, found.owner AS owner, found."trigger" AS "trigger", found.workflow_id AS workflow_id, found.number AS number, found.is_test AS is_test, found.trigger_id AS trigger_id, found.scheduled_at AS scheduled_at, found.held_below AS held_below FROM json_each(:statuses) AS wanted JOIN executions AS found ON found.id IN (SELECT executions.id FROM executions WHERE executions.workspace = :workspace AND (executions.created_at, executions.id) < (:before_at, :before) AND (:children = 1 OR executions.parent IS NULL) AND executions.status = wanted.value ORDER BY executions.created_at DESC, executions.id DESC LIMIT :limit OFFSET 0) ORDER BY found.created_at DESC, found.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_st:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT found.id AS execution_id, found.workspace AS workspace, found.workflow AS workflow, found.version AS version, found.status AS status, found.head_seq AS head_seq, found.nodes_done AS nodes_done, found.nodes_total AS nodes_total, found.created_at AS created_at, found.started_at AS started_at, found.ended_at AS ended_at, found.error AS error, found.waiting_for AS waiting_for, found.parent AS parent, found.forked_from AS forked_from, found.owner AS owner, found."trigger" AS "trigger", found.workflow_id AS workflow_id, found.number AS number, found.is_test AS is_test, found.trigger_id AS trigger_id, found.scheduled_at AS scheduled_at, found.held_below AS held_below FROM json_each(:statuses) AS wanted JOIN executions AS found ON found.id IN (SELECT executions.id FROM executions WHERE (executions.workspace || '') = :workspace AND (executions.created_at, executions.id) < (:before_at, :before) AND executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = :workspace AND search_texts.id IN (SELECT rowid FROM search_index WHERE search_index MATCH :words) AND search_texts.text IS NULL UNION ALL SELECT anon_1.value FROM json_each(:fresh) AS anon_1) AND (:children = 1 OR executions.parent IS NULL) AND executions.status = wanted.value ORDER BY executions.created_at DESC, executions.id DESC LIMIT :limit OFFSET 0) ORDER BY found.created_at DESC, found.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_stw:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT found.id AS execution_id, found.workspace AS workspace, found.workflow AS workflow, found.version AS version, found.status AS status, found.head_seq AS head_seq, found.nodes_done AS nodes_done, found.nodes_total AS nodes_total, found.created_at AS created_at, found.started_at AS started_at, found.ended_at AS ended_at, found.error AS error, found.waiting_for AS waiting_for, found.parent AS parent, found.forked_from AS forked_from, found.owner AS owner, found."trigger" AS "trigger", found.workflow_id AS workflow_id, found.number AS number, found.is_test AS is_test, found.trigger_id AS trigger_id, found.scheduled_at AS scheduled_at, found.held_below AS held_below FROM json_each(:statuses) AS wanted JOIN executions AS found ON found.id IN (SELECT executions.id FROM executions WHERE (executions.workspace || '') = :workspace AND (executions.created_at, executions.id) < (:before_at, :before) AND executions.workflow = :workflow AND executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = :workspace AND search_texts.id IN (SELECT rowid FROM search_index WHERE search_index MATCH :words) AND search_texts.text IS NULL UNION ALL SELECT anon_1.value FROM json_each(:fresh) AS anon_1) AND (:children = 1 OR executions.parent IS NULL) AND executions.status = wanted.value ORDER BY executions.created_at DESC, executions.id DESC LIMIT :limit OFFSET 0) ORDER BY found.created_at DESC, found.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_sw:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT found.id AS execution_id, found.workspace AS workspace, found.workflow AS workflow, found.version AS version, found.status AS status, found.head_seq AS head_seq, found.nodes_done AS nodes_done, found.nodes_total AS nodes_total, found.created_at AS created_at, found.started_at AS started_at, found.ended_at AS ended_at, found.error AS error, found.waiting_for AS waiting_for, found.parent AS parent, found.forked_from AS forked_from, found.owner AS owner, found."trigger" AS "trigger", found.workflow_id AS workflow_id, found.number AS number, found.is_test AS is_test, found.trigger_id AS trigger_id, found.scheduled_at AS scheduled_at, found.held_below AS held_below FROM json_each(:statuses) AS wanted JOIN executions AS found ON found.id IN (SELECT executions.id FROM executions WHERE executions.workspace = :workspace AND (executions.created_at, executions.id) < (:before_at, :before) AND executions.workflow = :workflow AND (:children = 1 OR executions.parent IS NULL) AND executions.status = wanted.value ORDER BY executions.created_at DESC, executions.id DESC LIMIT :limit OFFSET 0) ORDER BY found.created_at DESC, found.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_t:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions."trigger" AS "trigger", executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below FROM executions WHERE (executions.workspace || '') = :workspace AND executions.id < :before AND executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = :workspace AND search_texts.id IN (SELECT rowid FROM search_index WHERE search_index MATCH :words) AND search_texts.text IS NULL UNION ALL SELECT anon_1.value FROM json_each(:fresh) AS anon_1) AND executions.parent IS NULL ORDER BY executions.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_tw:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions."trigger" AS "trigger", executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below FROM executions WHERE (executions.workspace || '') = :workspace AND (executions.created_at, executions.id) < (:before_at, :before) AND executions.workflow = :workflow AND executions.id IN (SELECT search_texts.execution_id FROM search_texts WHERE search_texts.workspace = :workspace AND search_texts.id IN (SELECT rowid FROM search_index WHERE search_index MATCH :words) AND search_texts.text IS NULL UNION ALL SELECT anon_1.value FROM json_each(:fresh) AS anon_1) AND (:children = 1 OR executions.parent IS NULL) ORDER BY executions.created_at DESC, executions.id DESC LIMIT :limit OFFSET 0) AS r;
-- find_w:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'workflow', r.workflow, 'version', r.version, 'status', r.status, 'head_seq', r.head_seq, 'nodes_done', r.nodes_done, 'nodes_total', r.nodes_total, 'created_at', r.created_at, 'started_at', r.started_at, 'ended_at', r.ended_at, 'error', r.error, 'waiting_for', r.waiting_for, 'parent', r.parent, 'forked_from', r.forked_from, 'owner', r.owner, 'trigger', r."trigger", 'workflow_id', r.workflow_id, 'number', r.number, 'is_test', r.is_test, 'trigger_id', r.trigger_id, 'scheduled_at', r.scheduled_at, 'held_below', r.held_below)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.workflow AS workflow, executions.version AS version, executions.status AS status, executions.head_seq AS head_seq, executions.nodes_done AS nodes_done, executions.nodes_total AS nodes_total, executions.created_at AS created_at, executions.started_at AS started_at, executions.ended_at AS ended_at, executions.error AS error, executions.waiting_for AS waiting_for, executions.parent AS parent, executions.forked_from AS forked_from, executions.owner AS owner, executions."trigger" AS "trigger", executions.workflow_id AS workflow_id, executions.number AS number, executions.is_test AS is_test, executions.trigger_id AS trigger_id, executions.scheduled_at AS scheduled_at, executions.held_below AS held_below FROM executions WHERE executions.workspace = :workspace AND (executions.created_at, executions.id) < (:before_at, :before) AND executions.workflow = :workflow AND (:children = 1 OR executions.parent IS NULL) ORDER BY executions.created_at DESC, executions.id DESC LIMIT :limit OFFSET 0) AS r;
-- fresh_texts:
SELECT CAST(json_group_array(json_object('id', r.id, 'execution_id', r.execution_id, 'text', r.text)) AS BLOB) AS json_group_array_1 FROM (SELECT search_texts.id AS id, search_texts.execution_id AS execution_id, search_texts.text AS text FROM search_texts WHERE search_texts.text IS NOT NULL AND search_texts.workspace = :workspace ORDER BY search_texts.id DESC LIMIT :limit OFFSET 0) AS r;
-- heads:
SELECT CAST(json_group_object(executions.id, executions.head_seq) AS BLOB) AS json_group_object_1 FROM executions WHERE executions.id IN (SELECT anon_1.value FROM json_each(:ids) AS anon_1);
-- inbox_known:
SELECT CAST(json_group_array(json_array(inbox.execution_id, inbox.dedupe_key)) AS BLOB) AS json_group_array_1 FROM inbox WHERE (inbox.execution_id, inbox.dedupe_key) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:pairs));
-- inbox_state:
SELECT CAST(json_group_array(json_object('id', r.id, 'status', r.status, 'waiting', r.waiting)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS id, executions.status AS status, (SELECT count(*) AS count_1 FROM inbox WHERE NOT inbox.consumed AND inbox.execution_id = executions.id) AS waiting FROM executions WHERE executions.id IN (SELECT anon_1.value FROM json_each(:ids) AS anon_1)) AS r;
-- index.add:
INSERT INTO search_index (rowid, words) VALUES (:row_id, :words);
-- index.drop:
DELETE FROM search_index WHERE rowid = :row_id;
-- index.events:
SELECT events.seq, events.body FROM events WHERE events.execution_id = :execution_id AND events.seq > :after ORDER BY events.seq LIMIT :limit OFFSET 0;
-- index.last:
SELECT events.seq, events.body FROM events WHERE events.execution_id = :execution_id ORDER BY events.seq DESC LIMIT 1 OFFSET 0;
-- index.taken:
UPDATE search_texts SET text=NULL WHERE search_texts.id = :row_id AND search_texts.text = :was RETURNING id;
-- index.value_add:
INSERT INTO search_values ("key", text_id) VALUES (:key, :text_id) ON CONFLICT DO NOTHING;
-- index.waiting:
SELECT search_texts.id, search_texts.execution_id, search_texts.workspace, search_texts.text FROM search_texts INDEXED BY ix_search_texts_waiting WHERE search_texts.text IS NOT NULL ORDER BY search_texts.id DESC LIMIT :limit OFFSET 0;
-- keeping.engines_drop:
DELETE FROM engines;
-- keeping.epoch_up:
UPDATE meta SET value=CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT) WHERE meta."key" = 'epoch' RETURNING value;
-- keeping.expired:
SELECT executions.workspace, executions.id FROM executions WHERE executions.ended_at IS NOT NULL AND executions.parent IS NULL AND executions.status = :status AND executions.ended_at < :before ORDER BY executions.ended_at LIMIT :limit OFFSET 0;
-- keeping.keys_disable:
UPDATE api_keys SET disabled_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE api_keys.revoked_at IS NULL AND api_keys.disabled_at IS NULL RETURNING id;
-- keeping.log_drop:
DELETE FROM attempt_logs WHERE attempt_logs.id = :row;
-- keeping.logs_page:
SELECT attempt_logs.id, attempt_logs.at, executions.ended_at FROM attempt_logs JOIN executions ON executions.id = attempt_logs.execution_id WHERE attempt_logs.id > :after ORDER BY attempt_logs.id LIMIT :limit OFFSET 0;
-- keeping.note:
SELECT meta.value FROM meta WHERE meta."key" = :key;
-- keeping.note_drop:
DELETE FROM meta WHERE meta."key" = :key;
-- keeping.note_set:
INSERT INTO meta ("key", value) VALUES (:key, :value) ON CONFLICT ("key") DO UPDATE SET value = excluded.value;
-- keeping.now:
SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now;
-- keeping.open:
SELECT executions.id FROM executions WHERE executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') ORDER BY executions.id LIMIT :limit OFFSET 0;
-- keeping.open_after:
SELECT executions.id FROM executions WHERE executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') AND executions.id > :after ORDER BY executions.id LIMIT :limit OFFSET 0;
-- keeping.owners_drop:
UPDATE executions SET owner=NULL, fence=(executions.fence + 1) WHERE executions.owner IS NOT NULL;
-- keeping.piece_blobs:
DELETE FROM blobs WHERE blobs.execution_id = :id AND (blobs.workspace, blobs.hash) IN (SELECT blobs.workspace, blobs.hash FROM blobs WHERE blobs.execution_id = :id LIMIT :limit OFFSET 0) RETURNING execution_id AS gone;
-- keeping.piece_events:
DELETE FROM events WHERE events.execution_id = :id AND events.seq IN (SELECT events.seq FROM events WHERE events.execution_id = :id LIMIT :limit OFFSET 0) RETURNING execution_id AS gone;
-- keeping.piece_inbox:
DELETE FROM inbox WHERE inbox.execution_id = :id AND inbox.id IN (SELECT inbox.id FROM inbox WHERE inbox.execution_id = :id LIMIT :limit OFFSET 0) RETURNING execution_id AS gone;
-- keeping.piece_logs:
DELETE FROM attempt_logs WHERE attempt_logs.execution_id = :id AND attempt_logs.id IN (SELECT attempt_logs.id FROM attempt_logs WHERE attempt_logs.execution_id = :id LIMIT :limit OFFSET 0) RETURNING execution_id AS gone;
-- keeping.piece_steps:
DELETE FROM node_steps WHERE node_steps.execution_id = :id AND (node_steps.node, node_steps.item, node_steps.name, node_steps.ordinal) IN (SELECT node_steps.node, node_steps.item, node_steps.name, node_steps.ordinal FROM node_steps WHERE node_steps.execution_id = :id LIMIT :limit OFFSET 0) RETURNING execution_id AS gone;
-- keeping.purge_done:
DELETE FROM purges WHERE purges.execution_id = :id;
-- keeping.purge_look:
SELECT executions.status, executions.parent, executions.ended_at FROM executions WHERE executions.id = :id AND executions.workspace = :workspace;
-- keeping.purge_note:
INSERT INTO purges (execution_id, at) VALUES (:id, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT DO NOTHING;
-- keeping.purge_open:
WITH RECURSIVE tree(id, depth) AS (SELECT executions.id AS id, 0 AS depth FROM executions WHERE executions.id = :id UNION ALL SELECT called.id AS id, tree.depth + 1 AS anon_1 FROM executions AS called, tree WHERE called.parent = tree.id) SELECT 1 FROM tree JOIN executions ON executions.id = tree.id WHERE executions.ended_at IS NULL LIMIT 1 OFFSET 0;
-- keeping.purge_row:
DELETE FROM executions WHERE executions.id = :id;
-- keeping.purge_text:
DELETE FROM search_texts WHERE search_texts.execution_id = :id;
-- keeping.purge_texts:
SELECT search_texts.id FROM search_texts WHERE search_texts.execution_id = :id;
-- keeping.purge_tree:
WITH RECURSIVE tree(id, depth) AS (SELECT executions.id AS id, 0 AS depth FROM executions WHERE executions.id = :id UNION ALL SELECT called.id AS id, tree.depth + 1 AS anon_1 FROM executions AS called, tree WHERE called.parent = tree.id) SELECT tree.id, executions.ended_at FROM tree JOIN executions ON executions.id = tree.id ORDER BY tree.depth DESC LIMIT :limit OFFSET 0;
-- keeping.purge_values:
DELETE FROM search_values WHERE search_values.text_id = :row_id;
-- keeping.purges:
SELECT purges.execution_id FROM purges ORDER BY purges.at, purges.execution_id LIMIT 1 OFFSET 0;
-- keeping.sessions_end:
UPDATE sessions SET ended_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), version=(sessions.version + 1) WHERE sessions.ended_at IS NULL RETURNING id;
-- keeping.signal_drop:
UPDATE inbox SET consumed=true WHERE inbox.id = :row;
-- keeping.signals_waiting:
SELECT inbox.id, inbox.body FROM inbox WHERE NOT inbox.consumed AND inbox.id > :after ORDER BY inbox.id LIMIT :limit OFFSET 0;
-- keeping.tokens_void:
UPDATE one_time_tokens SET used_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE one_time_tokens.used_at IS NULL RETURNING kind;
-- let_go:
UPDATE executions SET owner=NULL, fence=(executions.fence + 1) WHERE executions.owner = :engine;
-- list.asking:
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions."trigger", executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.workspace = :workspace AND executions.waiting_for IS NOT NULL AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') AND executions.id < :before ORDER BY executions.id DESC LIMIT :limit OFFSET 0;
-- list.by_all:
SELECT executions.id FROM executions INDEXED BY ix_executions_roots WHERE executions.workspace = :workspace AND executions.parent IS NULL AND executions.id < :before AND executions.id >= :first ORDER BY executions.id DESC LIMIT :limit OFFSET 0;
-- list.by_number:
SELECT executions.id FROM executions INDEXED BY ix_executions_roots_number WHERE executions.workspace = :workspace AND executions.parent IS NULL AND executions.number = :value AND executions.id < :before AND executions.id >= :first ORDER BY executions.id DESC LIMIT :limit OFFSET 0;
-- list.by_parent:
SELECT executions.id FROM executions INDEXED BY ix_executions_parent WHERE executions.workspace = :workspace AND executions.parent = :value AND executions.id < :before AND executions.id >= :first ORDER BY executions.id DESC LIMIT :limit OFFSET 0;
-- list.by_status:
SELECT executions.id FROM executions INDEXED BY ix_executions_roots_status WHERE executions.workspace = :workspace AND executions.parent IS NULL AND executions.status = :value AND executions.id < :before AND executions.id >= :first ORDER BY executions.id DESC LIMIT :limit OFFSET 0;
-- list.by_trigger:
SELECT executions.id FROM executions INDEXED BY ix_executions_roots_trigger WHERE executions.workspace = :workspace AND executions.parent IS NULL AND executions."trigger" = :value AND executions.id < :before AND executions.id >= :first ORDER BY executions.id DESC LIMIT :limit OFFSET 0;
-- list.by_value:
SELECT search_values.text_id AS id FROM search_values WHERE search_values."key" = :key AND search_values.text_id < :below AND search_values.text_id >= :first ORDER BY search_values.text_id DESC LIMIT :limit OFFSET 0;
-- list.by_words:
SELECT rowid AS id FROM search_index WHERE search_index MATCH :words AND rowid < :below AND rowid >= :first ORDER BY rowid DESC LIMIT :limit;
-- list.by_workflow:
SELECT executions.id FROM executions INDEXED BY ix_executions_roots_workflow WHERE executions.workspace = :workspace AND executions.parent IS NULL AND executions.workflow = :value AND executions.id < :before AND executions.id >= :first ORDER BY executions.id DESC LIMIT :limit OFFSET 0;
-- list.by_workflow_id:
SELECT executions.id FROM executions INDEXED BY ix_executions_roots_workflow_id WHERE executions.workspace = :workspace AND executions.parent IS NULL AND executions.workflow_id = :value AND executions.id < :before AND executions.id >= :first ORDER BY executions.id DESC LIMIT :limit OFFSET 0;
-- list.count_asking:
SELECT count(*) AS count FROM (SELECT 1 AS one FROM executions WHERE executions.workspace = :workspace AND executions.waiting_for IS NOT NULL AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out') LIMIT :limit OFFSET 0) AS anon_1;
-- list.look:
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions."trigger", executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below, first.body AS first_body, last.body AS last_body, executions.start FROM executions LEFT OUTER JOIN events AS first ON first.execution_id = executions.id AND first.seq = 1 LEFT OUTER JOIN events AS last ON last.execution_id = executions.id AND last.seq = executions.head_seq AND executions.status IN ('cancelled', 'completed', 'failed', 'timed_out') WHERE executions.id = :execution_id;
-- list.of_texts:
SELECT search_texts.execution_id FROM search_texts WHERE search_texts.id IN (SELECT value FROM json_each(:ids));
-- list.rows:
SELECT executions.id AS execution_id, executions.workspace, executions.workflow, executions.version, executions.status, executions.head_seq, executions.nodes_done, executions.nodes_total, executions.created_at, executions.started_at, executions.ended_at, executions.error, executions.waiting_for, executions.parent, executions.forked_from, executions.owner, executions."trigger", executions.workflow_id, executions.number, executions.is_test, executions.trigger_id, executions.scheduled_at, executions.held_below FROM executions WHERE executions.id IN (SELECT value FROM json_each(:ids)) AND +executions.workspace = :workspace AND (:parent IS NULL AND executions.parent IS NULL OR executions.parent = :parent) AND (:statuses IS NULL OR executions.status IN (SELECT value FROM json_each(:statuses))) AND (:workflow IS NULL OR executions.workflow = :workflow) AND (:workflow_id IS NULL OR executions.workflow_id = :workflow_id) AND (:trigger IS NULL OR executions."trigger" = :trigger) AND (:number IS NULL OR executions.number = :number) AND (:created_from IS NULL OR executions.created_at >= :created_from) AND (:created_to IS NULL OR executions.created_at < :created_to);
-- list.with_value:
SELECT value AS id FROM json_each(:ids) WHERE EXISTS (SELECT 1 FROM search_values WHERE key = :key AND text_id = value);
-- list.with_words:
SELECT rowid AS id FROM search_index WHERE search_index MATCH :words AND rowid IN (SELECT value FROM json_each(:ids));
-- logs:
SELECT CAST(json_group_array(json_object('id', r.id, 'execution_id', r.execution_id, 'node', r.node, 'item', r.item, 'attempt', r.attempt, 'offset', r."offset", 'at', r.at, 'level', r.level, 'text', r.text, 'progress', r.progress)) AS BLOB) AS json_group_array_1 FROM (SELECT attempt_logs.id AS id, attempt_logs.execution_id AS execution_id, attempt_logs.node AS node, attempt_logs.item AS item, attempt_logs.attempt AS attempt, attempt_logs."offset" AS "offset", attempt_logs.at AS at, attempt_logs.level AS level, attempt_logs.text AS text, attempt_logs.progress AS progress FROM attempt_logs WHERE attempt_logs.execution_id = :execution_id AND attempt_logs.id > :after ORDER BY attempt_logs.id LIMIT :limit OFFSET 0) AS r;
-- logs_add:
INSERT INTO attempt_logs (execution_id, node, item, attempt, "offset", at, level, text, progress) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]') FROM json_each(:lines) WHERE true ON CONFLICT DO NOTHING;
-- logs_of_node:
SELECT CAST(json_group_array(json_object('id', r.id, 'execution_id', r.execution_id, 'node', r.node, 'item', r.item, 'attempt', r.attempt, 'offset', r."offset", 'at', r.at, 'level', r.level, 'text', r.text, 'progress', r.progress)) AS BLOB) AS json_group_array_1 FROM (SELECT attempt_logs.id AS id, attempt_logs.execution_id AS execution_id, attempt_logs.node AS node, attempt_logs.item AS item, attempt_logs.attempt AS attempt, attempt_logs."offset" AS "offset", attempt_logs.at AS at, attempt_logs.level AS level, attempt_logs.text AS text, attempt_logs.progress AS progress FROM attempt_logs WHERE attempt_logs.execution_id = :execution_id AND attempt_logs.id > :after AND attempt_logs.node = :node ORDER BY attempt_logs.id LIMIT :limit OFFSET 0) AS r;
-- meta:
SELECT meta.value FROM meta WHERE meta."key" = :key;
-- open_counts:
SELECT CAST(json_group_object(anon_1.status, anon_1.count) AS BLOB) AS json_group_object_1 FROM (SELECT anon_2.status AS status, count(*) AS count FROM (SELECT executions.status AS status FROM executions WHERE executions.workspace IN (SELECT workspaces.id FROM workspaces UNION SELECT '01900000-0000-7000-8000-000000000001') AND executions.status IN ('needs_attention', 'paused', 'queued', 'running', 'waiting') LIMIT 100000 OFFSET 0) AS anon_2 GROUP BY anon_2.status) AS anon_1;
-- orphaned:
WITH RECURSIVE owners(owner) AS (SELECT min(executions.owner) AS owner FROM executions WHERE executions.owner IS NOT NULL UNION ALL SELECT (SELECT min(following.owner) AS min_1 FROM executions AS following WHERE following.owner IS NOT NULL AND following.owner > owners.owner) AS anon_1 FROM owners WHERE owners.owner IS NOT NULL) SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'version', r.version, 'workflow', r.workflow, 'fence', r.fence, 'head_seq', r.head_seq, 'status', r.status, 'created_at', r.created_at, 'owner', r.owner, 'is_busy', r.is_busy, 'start', r.start)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.version AS version, executions.workflow AS workflow, executions.fence AS fence, executions.head_seq AS head_seq, executions.status AS status, executions.created_at AS created_at, executions.owner AS owner, executions.is_busy AS is_busy, CAST(executions.start AS TEXT) AS start FROM executions WHERE executions.owner IN (SELECT owners.owner FROM owners WHERE owners.owner IS NOT NULL AND (owners.owner NOT IN (SELECT engines.id FROM engines))) ORDER BY executions.created_at, executions.id LIMIT :limit OFFSET 0) AS r;
-- owner_of:
SELECT CAST(json_group_array(json_object('id', r.id, 'host', r.host, 'pid', r.pid, 'machine', r.machine, 'lease_steady', r.lease_steady, 'lease_until', r.lease_until, 'adopts', r.adopts, 'registered_at', r.registered_at)) AS BLOB) AS json_group_array_1 FROM (SELECT engines.id AS id, engines.host AS host, engines.pid AS pid, engines.machine AS machine, engines.lease_steady AS lease_steady, engines.lease_until AS lease_until, engines.adopts AS adopts, engines.registered_at AS registered_at FROM engines WHERE engines.id = (SELECT executions.owner FROM executions WHERE executions.id = :execution_id)) AS r;
-- pending:
SELECT CAST(json_group_array(json_object('id', r.id, 'execution_id', r.execution_id, 'body', r.body)) AS BLOB) AS json_group_array_1 FROM (SELECT inbox.id AS id, inbox.execution_id AS execution_id, CAST(inbox.body AS TEXT) AS body FROM inbox INDEXED BY ix_inbox_waiting WHERE NOT inbox.consumed AND (SELECT executions.owner FROM executions WHERE executions.id = inbox.execution_id) = :engine ORDER BY inbox.id LIMIT :limit OFFSET 0) AS r;
-- pending_for:
SELECT CAST(json_group_array(json_object('id', r.id, 'execution_id', r.execution_id, 'body', r.body)) AS BLOB) AS json_group_array_1 FROM (SELECT inbox.id AS id, inbox.execution_id AS execution_id, CAST(inbox.body AS TEXT) AS body FROM inbox INDEXED BY ix_inbox_waiting WHERE NOT inbox.consumed AND inbox.execution_id IN (SELECT anon_1.value FROM json_each(:ids) AS anon_1) ORDER BY inbox.id) AS r;
-- queued:
WITH RECURSIVE spaces(workspace) AS (SELECT min(executions.workspace) AS workspace FROM executions INDEXED BY ix_executions_queued WHERE executions.status = 'queued' AND executions.held_below IS NULL UNION ALL SELECT (SELECT min(executions.workspace) AS min_1 FROM executions INDEXED BY ix_executions_queued WHERE executions.status = 'queued' AND executions.held_below IS NULL AND executions.workspace > spaces.workspace) AS anon_1 FROM spaces WHERE spaces.workspace IS NOT NULL) SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'version', r.version, 'workflow', r.workflow, 'fence', r.fence, 'head_seq', r.head_seq, 'status', r.status, 'created_at', r.created_at, 'owner', r.owner, 'is_busy', r.is_busy, 'start', r.start)) AS BLOB) AS json_group_array_1 FROM (SELECT found.id AS execution_id, found.workspace AS workspace, found.version AS version, found.workflow AS workflow, found.fence AS fence, found.head_seq AS head_seq, found.status AS status, found.created_at AS created_at, found.owner AS owner, found.is_busy AS is_busy, CAST(found.start AS TEXT) AS start FROM spaces JOIN executions AS found ON found.id IN (SELECT executions.id FROM executions INDEXED BY ix_executions_queued WHERE executions.status = 'queued' AND executions.held_below IS NULL AND executions.workspace = spaces.workspace AND executions.owner IS NULL ORDER BY executions.created_at, executions.id LIMIT :limit OFFSET 0) ORDER BY row_number() OVER (PARTITION BY found.workspace ORDER BY found.created_at, found.id), found.workspace <= :last_workspace, found.workspace LIMIT :limit OFFSET 0) AS r;
-- queued_count:
SELECT count(*) AS count_1 FROM executions WHERE executions.status = 'queued' AND executions.held_below IS NULL;
-- read_log:
SELECT CAST('[' || coalesce(group_concat('[' || coalesce(CAST(page.seq AS TEXT), 'null') || ',' || coalesce(CAST(page.at AS TEXT), 'null') || ',' || coalesce(CAST(page.crc AS TEXT), 'null') || ',' || CAST(page.body AS TEXT) || ']'), '') || ']' AS BLOB) AS anon_1 FROM (SELECT events.seq AS seq, events.at AS at, events.crc AS crc, events.body AS body FROM events WHERE events.execution_id = :execution_id AND events.seq > :after ORDER BY events.seq LIMIT :limit OFFSET 0) AS page;
-- read_logs:
SELECT CAST('{' || coalesce(group_concat('"' || CAST(wanted.value AS TEXT) || '":' || (SELECT '[' || coalesce(group_concat('[' || coalesce(CAST(events.seq AS TEXT), 'null') || ',' || coalesce(CAST(events.at AS TEXT), 'null') || ',' || coalesce(CAST(events.crc AS TEXT), 'null') || ',' || CAST(events.body AS TEXT) || ']'), '') || ']' AS anon_2 FROM events WHERE events.execution_id = wanted.value)), '') || '}' AS BLOB) AS anon_1 FROM json_each(:ids) AS wanted;
-- release:
UPDATE executions SET owner=NULL, fence=(executions.fence + 1) WHERE executions.owner = :engine AND executions.id IN (SELECT json_extract(value, '$[0]') FROM json_each(:pairs)) AND (executions.id, executions.fence) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:pairs));
-- step:
SELECT node_steps.attempt, node_steps.input_hash, node_steps.output FROM node_steps WHERE node_steps.execution_id = :execution_id AND node_steps.node = :node AND node_steps.item = :item AND node_steps.name = :name AND node_steps.ordinal = :ordinal;
-- step_begin:
INSERT INTO node_steps (execution_id, node, item, name, ordinal, attempt, input_hash, output) VALUES (:execution_id, :node, :item, :name, :ordinal, :attempt, :input_hash, :output) ON CONFLICT (execution_id, node, item, name, ordinal) DO UPDATE SET attempt = excluded.attempt, input_hash = excluded.input_hash, output = excluded.output WHERE node_steps.attempt <= excluded.attempt AND node_steps.output IS NULL;
-- step_finish:
INSERT INTO node_steps (execution_id, node, item, name, ordinal, attempt, input_hash, output) VALUES (:execution_id, :node, :item, :name, :ordinal, :attempt, :input_hash, :output) ON CONFLICT (execution_id, node, item, name, ordinal) DO UPDATE SET attempt = excluded.attempt, input_hash = excluded.input_hash, output = excluded.output WHERE node_steps.attempt <= excluded.attempt;
-- take:
UPDATE executions SET owner=:engine, fence=(executions.fence + 1), held_below=NULL WHERE executions.id IN (SELECT anon_1.value FROM json_each(:ids) AS anon_1);
-- triggers.add:
INSERT INTO triggers (id, workspace, workflow, name, kind, config, is_live, paused_by, next_at, created_at, changed_at) VALUES (:id, :workspace, :workflow, :name, :kind, :config, true, '', :next_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
-- triggers.advance:
UPDATE triggers SET next_at=:next_at, claimed_until=NULL WHERE triggers.id = :id_is AND triggers.next_at = :next_is RETURNING id;
-- triggers.by_token:
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at, workflows.slug FROM triggers JOIN workflows ON workflows.id = triggers.workflow WHERE triggers.is_live = 1 AND workflows.archived_at IS NULL AND triggers.token_hash = :token_hash;
-- triggers.change:
UPDATE triggers SET kind=:kind, config=:config, is_live=true, next_at=:next_at, claimed_until=NULL, changed_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE triggers.id = :id_is;
-- triggers.claim:
UPDATE triggers SET claimed_until=(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :claim_ms) WHERE triggers.id = :id_is AND triggers.next_at = :next_is AND (triggers.claimed_until IS NULL OR triggers.claimed_until <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) OR triggers.claimed_until > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :claim_ms) RETURNING id;
-- triggers.due:
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at, workflows.slug FROM triggers JOIN workflows ON workflows.id = triggers.workflow WHERE triggers.is_live = 1 AND workflows.archived_at IS NULL AND triggers.next_at <= :now ORDER BY triggers.next_at LIMIT :limit OFFSET 0;
-- triggers.firings:
SELECT places."key", places.at, places.execution_id FROM places WHERE places."trigger" = :trigger AND places.at <= :before AND (places.at < :before OR places."key" < :key) ORDER BY places.at DESC, places."key" DESC LIMIT :limit OFFSET 0;
-- triggers.get:
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at, workflows.slug FROM triggers JOIN workflows ON workflows.id = triggers.workflow WHERE triggers.is_live = 1 AND workflows.archived_at IS NULL AND triggers.workspace = :workspace AND triggers.kind = :kind AND triggers.id = :id;
-- triggers.known:
SELECT triggers.paused_at FROM triggers WHERE triggers.workspace = :workspace AND triggers.id = :id AND triggers.is_live = 1;
-- triggers.missed:
SELECT missed_ticks.id, missed_ticks.trigger_id, missed_ticks.at, missed_ticks.count, missed_ticks.first, missed_ticks.last, missed_ticks.made_good FROM missed_ticks WHERE missed_ticks.trigger_id = :trigger ORDER BY missed_ticks.id DESC LIMIT :limit OFFSET 0;
-- triggers.missed_add:
INSERT INTO missed_ticks (trigger_id, at, count, first, last, made_good) VALUES (:trigger_id, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), :count, :first, :last, :made_good);
-- triggers.missed_clean:
DELETE FROM missed_ticks WHERE missed_ticks.at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 2592000000;
-- triggers.missed_purge:
DELETE FROM missed_ticks WHERE missed_ticks.trigger_id IN (SELECT triggers.id FROM triggers WHERE triggers.workflow = :workflow);
-- triggers.next_ticks:
SELECT triggers.workflow, min(triggers.next_at) AS next_at FROM triggers WHERE triggers.workspace = :workspace AND triggers.next_at IS NOT NULL AND triggers.workflow >= :low AND triggers.workflow <= :high GROUP BY triggers.workflow;
-- triggers.notice_add:
INSERT INTO notices (kind, workspace, workflow, seq, at, data, tries, due_at) VALUES (:kind, :workspace, :workflow, 0, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), :data, 0, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
-- triggers.notice_done:
DELETE FROM notices WHERE notices.id = :id;
-- triggers.notice_postpone:
UPDATE notices SET tries=(notices.tries + 1), due_at=(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :delay_ms) WHERE notices.id = :id_is;
-- triggers.notice_take:
UPDATE notices SET due_at=(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :claim_ms) WHERE notices.id = :id_is AND notices.due_at = :due_is RETURNING id;
-- triggers.notices_drop:
DELETE FROM notices;
-- triggers.notices_due:
SELECT notices.id, notices.kind, notices.workspace, notices.workflow, notices.root, notices.execution_id, notices.seq, notices.at, notices.data, notices.tries, notices.due_at, coalesce(notices.workflow, root.workflow_id) AS "of", root.is_test AS of_test, root.workflow AS of_slug FROM notices LEFT OUTER JOIN executions AS root ON root.id = notices.root WHERE notices.due_at <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) ORDER BY notices.due_at LIMIT :limit OFFSET 0;
-- triggers.notices_waiting:
SELECT count(*) AS count FROM (SELECT 1 FROM notices LIMIT 10000 OFFSET 0) AS anon_1;
-- triggers.of_workflow:
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at FROM triggers WHERE triggers.workflow = :workflow;
-- triggers.page:
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.kind, triggers.config, triggers.is_live, triggers.paused_at, triggers.paused_by, triggers.next_at, triggers.claimed_until, triggers.token_hash, triggers.token, triggers.secret, triggers.old_secret, triggers.old_until, triggers.created_at, triggers.changed_at, workflows.slug FROM triggers JOIN workflows ON workflows.id = triggers.workflow WHERE triggers.is_live = 1 AND workflows.archived_at IS NULL AND triggers.workspace = :workspace AND triggers.kind = :kind AND (:workflow IS NULL OR triggers.workflow = :workflow) AND (:after IS NULL OR triggers.id < :after) ORDER BY triggers.id DESC LIMIT :limit OFFSET 0;
-- triggers.pause:
UPDATE triggers SET paused_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), paused_by=:by, next_at=NULL, claimed_until=NULL WHERE triggers.workspace = :workspace_is AND triggers.id = :id_is AND triggers.is_live = 1 AND triggers.paused_at IS NULL RETURNING id;
-- triggers.pause_all:
UPDATE triggers SET paused_at=coalesce(triggers.paused_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)), paused_by=CASE WHEN (triggers.paused_at IS NULL) THEN :by ELSE triggers.paused_by END, next_at=NULL, claimed_until=NULL RETURNING id;
-- triggers.places_clean:
DELETE FROM places WHERE places.kind = 'tick' AND places.at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 2592000000 OR places.kind = 'delivery' AND places.at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 86400000;
-- triggers.places_purge:
DELETE FROM places WHERE places."trigger" IN (SELECT triggers.id FROM triggers WHERE triggers.workflow = :workflow);
-- triggers.purge:
DELETE FROM triggers WHERE triggers.workflow = :workflow;
-- triggers.reseal:
UPDATE triggers SET token=:token, secret=:secret, old_secret=:old_secret WHERE triggers.id = :id_is AND triggers.token IS :token_was AND triggers.secret IS :secret_was RETURNING id;
-- triggers.resume:
UPDATE triggers SET paused_at=NULL, paused_by='', next_at=:next_at, claimed_until=NULL WHERE triggers.workspace = :workspace_is AND triggers.id = :id_is AND triggers.is_live = 1 AND triggers.paused_at IS NOT NULL RETURNING id;
-- triggers.retire:
UPDATE triggers SET is_live=false, next_at=NULL, claimed_until=NULL, changed_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE triggers.id = :id_is;
-- triggers.retire_all:
UPDATE triggers SET is_live=false, next_at=NULL, claimed_until=NULL, changed_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE triggers.workflow = :workflow_is AND triggers.is_live = 1;
-- triggers.rotate:
UPDATE triggers SET secret=:secret, old_secret=triggers.secret, old_until=(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :overlap_ms), changed_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE triggers.workspace = :workspace_is AND triggers.id = :id_is AND triggers.is_live = 1 AND triggers.kind = 'webhook' RETURNING id;
-- triggers.sealed:
SELECT triggers.id, triggers.workspace, triggers.workflow, triggers.name, triggers.token, triggers.secret, triggers.old_secret FROM triggers WHERE (triggers.token IS NOT NULL OR triggers.secret IS NOT NULL) AND (:after IS NULL OR triggers.id > :after) ORDER BY triggers.id LIMIT :limit OFFSET 0;
-- triggers.set_token:
UPDATE triggers SET token_hash=:token_hash, token=:token WHERE triggers.id = :id_is AND triggers.token_hash IS NULL RETURNING id;
-- triggers.target:
SELECT notice_targets.workspace, notice_targets.url, notice_targets.kinds, notice_targets.secret, notice_targets.old_secret, notice_targets.old_until, notice_targets.changed_at FROM notice_targets WHERE notice_targets.workspace = :workspace;
-- triggers.target_put:
INSERT INTO notice_targets (workspace, url, kinds, secret, changed_at) VALUES (:workspace, :url, :kinds, :secret, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT (workspace) DO UPDATE SET url = excluded.url, kinds = excluded.kinds, secret = excluded.secret, old_secret = CASE WHEN (excluded.secret != notice_targets.secret) THEN notice_targets.secret ELSE notice_targets.old_secret END, old_until = CASE WHEN (excluded.secret != notice_targets.secret) THEN CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + :overlap_ms ELSE notice_targets.old_until END, changed_at = excluded.changed_at;
-- triggers.target_reseal:
UPDATE notice_targets SET secret=:secret, old_secret=:old_secret WHERE notice_targets.workspace = :workspace_is AND notice_targets.secret = :secret_was RETURNING workspace;
-- triggers.targets:
SELECT notice_targets.workspace, notice_targets.url, notice_targets.kinds, notice_targets.secret, notice_targets.old_secret, notice_targets.old_until, notice_targets.changed_at FROM notice_targets ORDER BY notice_targets.workspace;
-- turn_end:
SELECT events.seq FROM events WHERE events.execution_id = :execution_id AND events.seq <= :seq AND events.crc IS NOT NULL ORDER BY events.seq DESC LIMIT 1 OFFSET 0;
-- version:
SELECT versions.workspace, versions.name, versions.compiled, versions.source, versions.created_at FROM versions WHERE versions.version = :version LIMIT 1 OFFSET 0;
-- version_known:
SELECT 1 FROM versions WHERE versions.version = :version AND versions.workspace = :workspace;
-- version_put:
INSERT INTO versions (workspace, version, name, compiled, source, created_at) VALUES (:workspace, :version, :name, :compiled, :source, :created_at) ON CONFLICT DO NOTHING;
-- wanted:
SELECT CAST(json_group_array(json_object('execution_id', r.execution_id, 'workspace', r.workspace, 'version', r.version, 'workflow', r.workflow, 'fence', r.fence, 'head_seq', r.head_seq, 'status', r.status, 'created_at', r.created_at, 'owner', r.owner, 'is_busy', r.is_busy, 'start', r.start)) AS BLOB) AS json_group_array_1 FROM (SELECT executions.id AS execution_id, executions.workspace AS workspace, executions.version AS version, executions.workflow AS workflow, executions.fence AS fence, executions.head_seq AS head_seq, executions.status AS status, executions.created_at AS created_at, executions.owner AS owner, executions.is_busy AS is_busy, CAST(executions.start AS TEXT) AS start FROM executions WHERE executions.owner IS NULL AND executions.id IN (SELECT anon_1.id FROM (SELECT DISTINCT inbox.execution_id AS id FROM inbox WHERE NOT inbox.consumed AND (EXISTS (SELECT * FROM executions WHERE executions.id = inbox.execution_id AND executions.owner IS NULL AND executions.status NOT IN ('cancelled', 'completed', 'failed', 'timed_out'))) LIMIT :limit OFFSET 0) AS anon_1 UNION SELECT anon_2.id FROM (SELECT executions.id AS id FROM executions WHERE executions.owner IS NULL AND executions.wake_at IS NOT NULL AND executions.wake_at <= :now LIMIT :limit OFFSET 0) AS anon_2 UNION SELECT anon_3.id FROM (SELECT executions.id AS id FROM executions WHERE executions.owner IS NULL AND executions.is_busy LIMIT :limit OFFSET 0) AS anon_3) ORDER BY executions.created_at, executions.id LIMIT :limit OFFSET 0) AS r;
-- workflows.add:
INSERT INTO workflows (id, workspace, slug, title, folded, created_at, updated_at, archived_at, created_by, published, draft, stamp) VALUES (:id, :workspace, :slug, :title, :folded, :at, :at, NULL, :created_by, :published, :draft, 1) ON CONFLICT DO NOTHING RETURNING id, workspace, slug, title, folded, created_at, updated_at, archived_at, created_by, published, draft, stamp;
-- workflows.alias_add:
INSERT INTO workflow_aliases (workspace, alias, workflow) VALUES (:workspace, :alias, :workflow) ON CONFLICT DO NOTHING RETURNING workflow;
-- workflows.archive:
UPDATE workflows SET updated_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), archived_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), stamp=(workflows.stamp + 1) WHERE workflows.id = :id RETURNING id, workspace, slug, title, folded, created_at, updated_at, archived_at, created_by, published, draft, stamp;
-- workflows.by_alias:
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, publications.version FROM workflows LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.workspace = :workspace AND workflows.id IN (SELECT workflow_aliases.workflow FROM workflow_aliases WHERE workflow_aliases.workspace = :workspace AND workflow_aliases.alias = :named) AND workflows.archived_at IS NULL;
-- workflows.by_id:
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, publications.version FROM workflows LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.id = :named AND workflows.workspace = :workspace;
-- workflows.by_slug:
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, publications.version FROM workflows LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.workspace = :workspace AND workflows.slug = :named AND workflows.archived_at IS NULL;
-- workflows.change:
UPDATE workflows SET slug=:slug, title=:title, folded=:folded, updated_at=CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), stamp=(workflows.stamp + 1) WHERE workflows.id = :id AND NOT (EXISTS (SELECT * FROM workflows AS other WHERE other.workspace = :workspace AND other.slug = :slug AND other.archived_at IS NULL AND other.id != :id)) RETURNING id, workspace, slug, title, folded, created_at, updated_at, archived_at, created_by, published, draft, stamp;
-- workflows.draft:
SELECT drafts.workflow, drafts.revision, drafts.base_version, drafts.source, drafts."by", drafts.at FROM drafts JOIN workflows ON workflows.id = drafts.workflow AND workflows.draft = drafts.revision WHERE drafts.workspace = :workspace AND drafts.workflow = :workflow;
-- workflows.draft_add:
INSERT INTO drafts (workspace, workflow, revision, base_version, source, size, hash, "by", at) VALUES (:workspace, :workflow, :revision, :base_version, :source, :size, :hash, :by, :at);
-- workflows.draft_base:
UPDATE drafts SET base_version=:base_version WHERE drafts.workflow = :workflow AND drafts.revision = :revision;
-- workflows.draft_revision:
SELECT drafts.workflow, drafts.revision, drafts.base_version, drafts.source, drafts."by", drafts.at FROM drafts WHERE drafts.workspace = :workspace AND drafts.workflow = :workflow AND drafts.revision = :revision;
-- workflows.draft_set:
UPDATE workflows SET draft=:revision WHERE workflows.id = :workflow;
-- workflows.drafts_prune:
DELETE FROM drafts WHERE drafts.workflow = :workflow AND drafts.revision < :revision AND (drafts.revision <= :revision - 50 OR drafts.revision IN (SELECT anon_1.revision FROM (SELECT drafts.revision AS revision, sum(drafts.size) OVER (ORDER BY drafts.revision DESC) AS total FROM drafts WHERE drafts.workflow = :workflow) AS anon_1 WHERE anon_1.total > 8388608));
-- workflows.edit_told:
INSERT INTO draft_editors (workflow, "by", told_at) VALUES (:workflow, :by, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT (workflow, "by") DO UPDATE SET told_at = excluded.told_at WHERE draft_editors.told_at <= excluded.told_at - 3600000 RETURNING told_at;
-- workflows.last_runs:
SELECT executions.id, executions.status, executions.created_at FROM executions WHERE executions.workspace = :workspace AND executions.workflow_id = :workflow AND executions.parent IS NULL AND executions.is_test = 0 ORDER BY executions.created_at DESC, executions.id DESC LIMIT 10 OFFSET 0;
-- workflows.lock:
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp FROM workflows WHERE workflows.id = :named AND workflows.workspace = :workspace;
-- workflows.lock_slug:
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp FROM workflows WHERE workflows.workspace = :workspace AND workflows.slug = :slug AND workflows.archived_at IS NULL;
-- workflows.newest:
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications."by", publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE workflows.workspace = :workspace AND workflows.archived_at IS NULL AND publications.number = workflows.published ORDER BY workflows.slug;
-- workflows.now:
SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS at;
-- workflows.open_execution:
SELECT executions.id FROM executions WHERE executions.workspace = :workspace AND executions.status IN ('needs_attention', 'paused', 'queued', 'running', 'waiting') AND executions.workflow_id = :workflow LIMIT 1 OFFSET 0;
-- workflows.page:
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, drafts.at AS draft_at, drafts."by" AS draft_by, drafts.hash AS draft_hash, publications.hash AS published_hash FROM workflows JOIN drafts ON drafts.workflow = workflows.id AND drafts.revision = workflows.draft LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.workspace = :workspace AND (:is_published IS NULL OR :is_published = (workflows.published IS NOT NULL)) AND (:text IS NULL OR replace(workflows.folded, :text, '') != workflows.folded) AND (:after IS NULL OR workflows.id < :after) AND workflows.archived_at IS NULL ORDER BY workflows.id DESC LIMIT :limit OFFSET 0;
-- workflows.page_archived:
SELECT workflows.id, workflows.workspace, workflows.slug, workflows.title, workflows.folded, workflows.created_at, workflows.updated_at, workflows.archived_at, workflows.created_by, workflows.published, workflows.draft, workflows.stamp, drafts.at AS draft_at, drafts."by" AS draft_by, drafts.hash AS draft_hash, publications.hash AS published_hash FROM workflows JOIN drafts ON drafts.workflow = workflows.id AND drafts.revision = workflows.draft LEFT OUTER JOIN publications ON publications.workflow = workflows.id AND publications.number = workflows.published WHERE workflows.workspace = :workspace AND (:is_published IS NULL OR :is_published = (workflows.published IS NOT NULL)) AND (:text IS NULL OR replace(workflows.folded, :text, '') != workflows.folded) AND (:after IS NULL OR workflows.id < :after) AND workflows.archived_at IS NOT NULL ORDER BY workflows.id DESC LIMIT :limit OFFSET 0;
-- workflows.pin:
SELECT pins.workflow, pins.node, pins.output, pins."by", pins.at FROM pins WHERE pins.workspace = :workspace AND pins.workflow = :workflow AND pins.node = :node;
-- workflows.pin_drop:
DELETE FROM pins WHERE pins.workspace = :workspace AND pins.workflow = :workflow AND pins.node = :node RETURNING node;
-- workflows.pin_names:
SELECT pins.workflow, pins.node, pins."by", pins.at, length(pins.output) AS size FROM pins WHERE pins.workspace = :workspace AND pins.workflow = :workflow ORDER BY pins.node;
-- workflows.pin_put:
INSERT INTO pins (workspace, workflow, node, output, "by", at) VALUES (:workspace, :workflow, :node, :output, :by, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT (workflow, node) DO UPDATE SET output = excluded.output, "by" = excluded."by", at = excluded.at RETURNING workflow, node, output, "by", at;
-- workflows.pins:
SELECT pins.workflow, pins.node, pins.output, pins."by", pins.at FROM pins WHERE pins.workspace = :workspace AND pins.workflow = :workflow ORDER BY pins.node;
-- workflows.pins_other:
SELECT count(*) AS count FROM pins WHERE pins.workspace = :workspace AND pins.workflow = :workflow AND pins.node != :node;
-- workflows.preferences:
SELECT preferences.value FROM preferences WHERE preferences.user_id = :user_id;
-- workflows.preferences_put:
INSERT INTO preferences (user_id, value, at) VALUES (:user_id, :value, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) ON CONFLICT (user_id) DO UPDATE SET value = excluded.value, at = excluded.at;
-- workflows.publication:
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications."by", publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE publications.workspace = :workspace AND publications.workflow = :workflow AND publications.number = :number;
-- workflows.publication_add:
INSERT INTO publications (workspace, workflow, number, version, source, hash, at, "by", message, restores) VALUES (:workspace, :workflow, :number, :version, :source, :hash, :at, :by, :message, :restores);
-- workflows.publication_text:
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications."by", publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id, publications.source, versions.compiled FROM publications JOIN workflows ON workflows.id = publications.workflow JOIN versions ON versions.version = publications.version AND versions.workspace = publications.workspace WHERE publications.workspace = :workspace AND publications.workflow = :workflow AND publications.number = :number;
-- workflows.publications:
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications."by", publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE publications.workspace = :workspace AND publications.workflow = :workflow AND (:before IS NULL OR publications.number < :before) ORDER BY publications.number DESC LIMIT :limit OFFSET 0;
-- workflows.publications_named:
SELECT publications.workspace, publications.number, publications.version, publications.hash, publications.at, publications."by", publications.message, publications.restores, workflows.slug AS name, publications.workflow AS workflow_id FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE workflows.workspace = :workspace AND workflows.slug = :name AND workflows.archived_at IS NULL ORDER BY publications.number DESC LIMIT :limit OFFSET 0;
-- workflows.published_set:
UPDATE workflows SET title=:title, folded=:folded, updated_at=:at, published=:number, stamp=(workflows.stamp + 1) WHERE workflows.id = :id;
-- workflows.purge:
DELETE FROM workflows WHERE workflows.id = :workflow RETURNING id;
-- workflows.purge_aliases:
DELETE FROM workflow_aliases WHERE workflow_aliases.workflow = :workflow;
-- workflows.purge_draft_editors:
DELETE FROM draft_editors WHERE draft_editors.workflow = :workflow;
-- workflows.purge_drafts:
DELETE FROM drafts WHERE drafts.workflow = :workflow;
-- workflows.purge_pins:
DELETE FROM pins WHERE pins.workflow = :workflow;
-- workflows.purge_publications:
DELETE FROM publications WHERE publications.workflow = :workflow;
-- workflows.source_named:
SELECT publications.source FROM publications JOIN workflows ON workflows.id = publications.workflow WHERE workflows.workspace = :workspace AND workflows.slug = :name AND workflows.archived_at IS NULL AND publications.number = :number;
