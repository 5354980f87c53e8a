-- Schema 2: what an admin looks for among very many requests and audit rows.

-- The failed and cancelled requests, newest first (the row key is the first column, so that any of
-- them come in its order). They are few, and a request that completes never touches this index.
CREATE INDEX request_ended_badly ON request (key, status, error_code)
    WHERE status IN ('failed', 'cancelled');

-- Audit rows are written rarely: three indexes cost nothing that anybody would notice.
CREATE INDEX audit_actor ON audit (actor COLLATE NOCASE);
CREATE INDEX audit_action ON audit (action);
CREATE INDEX audit_subject ON audit (subject COLLATE NOCASE);
