-- Schema 8: no index of requests is written with each request and each result any more. How requests
-- ended is listed beside their table, like those of each person.

-- Those up to listed.up_to in the order of their ends, for their removal (not in that of their keys:
-- after the clock was once ahead, keys are later than the times that they were made at). finished_ms
-- is 0 for those that have not ended, which the start reads.
CREATE TABLE listed_request (
    finished_ms INTEGER NOT NULL,
    request_key INTEGER NOT NULL,
    PRIMARY KEY (finished_ms, request_key)
) STRICT, WITHOUT ROWID;
-- The failed and cancelled requests, all of them: they are few.
CREATE TABLE bad_end (
    request_key INTEGER PRIMARY KEY,
    status      TEXT NOT NULL,
    error_code  TEXT NOT NULL
) STRICT;

INSERT INTO listed_request SELECT finished_ms, key FROM request
    WHERE key <= (SELECT up_to FROM listed) ORDER BY finished_ms, key;
INSERT INTO bad_end SELECT key, status, error_code FROM request
    WHERE status IN ('failed', 'cancelled') ORDER BY key;
DROP INDEX request_open;
DROP INDEX request_finished;
DROP INDEX request_ended_badly;
