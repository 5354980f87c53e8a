-- Schema 5: the finished requests in the order of their ends, for their removal. Not in that of their
-- keys: after the clock was once ahead, keys are later than the times that they were made at.
CREATE INDEX request_finished ON request (finished_ms) WHERE finished_ms > 0;
