-- Schema 3: idempotency keys. One row for a request that was submitted with a key, written in the
-- same transaction; the start reads all of them, and they go by ranges of request_key, oldest first.

CREATE TABLE idempotency (
    request_key INTEGER PRIMARY KEY,
    request_id  BLOB NOT NULL,
    user_key    INTEGER NOT NULL,
    space_key   INTEGER NOT NULL,
    name        TEXT NOT NULL,
    hash        BLOB NOT NULL -- BLAKE2b-256 of the payload
) STRICT;
