-- Schema 7: the requests of each person are listed beside their table, hundreds at a time. An index
-- was written with each request, and cost a page for each person in every transaction.
CREATE TABLE person_request (
    user_key    INTEGER NOT NULL,
    request_key INTEGER NOT NULL,
    PRIMARY KEY (user_key, request_key)
) STRICT, WITHOUT ROWID;
-- One row. The requests after this key are not listed yet: the newest ones, some hundreds at most.
CREATE TABLE listed (
    up_to INTEGER NOT NULL
) STRICT;

INSERT INTO person_request SELECT user_key, key FROM request ORDER BY user_key, key;
INSERT INTO listed SELECT coalesce(max(key), 0) FROM request;
DROP INDEX request_user;
