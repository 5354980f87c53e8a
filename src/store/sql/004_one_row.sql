-- Schema 4: what most requests consist of stands in one row, written once when it is accepted and
-- once when it ends. Parts up to 900 bytes stand here, larger ones in payload and result as before;
-- attempt holds the attempts before the newest, which is told of here.

ALTER TABLE request ADD COLUMN app TEXT NOT NULL DEFAULT '';          -- that has the newest attempt
ALTER TABLE request ADD COLUMN attempt_ms INTEGER NOT NULL DEFAULT 0; -- when that began; 0 = none, or see attempt
ALTER TABLE request ADD COLUMN prompt TEXT;  -- the beginning of the payload's; NULL = see payload.prompt
ALTER TABLE request ADD COLUMN payload TEXT; -- NULL = see payload.json, and so on
ALTER TABLE request ADD COLUMN usage TEXT;
ALTER TABLE request ADD COLUMN error_message TEXT;
ALTER TABLE request ADD COLUMN result TEXT;

-- Attempts that have not ended move into the rows.
UPDATE request SET (app, attempt_ms) = (SELECT a.app, a.started_ms FROM attempt a
    WHERE a.request_key = request.key AND a.attempt = request.attempt)
    WHERE status IN ('queued', 'processing') AND EXISTS (SELECT 1 FROM attempt a
    WHERE a.request_key = request.key AND a.attempt = request.attempt AND a.outcome = '');
DELETE FROM attempt WHERE outcome = '';
