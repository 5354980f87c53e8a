-- Schema 6: what lets a program act for a person. The core finds keys in memory; pages list those of
-- one person, and there are few. The revoked ones stay for whoever looks into a matter later.
CREATE TABLE api_key (
    key        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL,
    user_key   INTEGER NOT NULL,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL, -- names: 'read, submit'
    hash       BLOB NOT NULL, -- BLAKE2b-256 of the secret
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX api_key_user ON api_key (user_key) WHERE revoked_ms = 0;
