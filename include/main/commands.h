/* The commands, and what they share. Each returns the exit status: 0 done, 1 failed, 2 the command
 * line is wrong. Data goes to stdout, sentences to stderr. */
#ifndef MAIN_COMMANDS_H
#define MAIN_COMMANDS_H

#include "main/client.h"
#include "main/options.h"

#define STATUS_DONE   0
#define STATUS_FAILED 1
#define STATUS_USAGE  2

struct json_t;

int serve(const struct options *o);
int user_add(const struct options *o);
int user_list(const struct options *o);
int user_passwd(const struct options *o);
int user_disable(const struct options *o);
int user_enable(const struct options *o);
int space_add(const struct options *o);
int space_list(const struct options *o);
int space_show(const struct options *o);
int space_edit(const struct options *o);
int space_remove(const struct options *o);
int token_issue(const struct options *o);
int token_list(const struct options *o);
int token_revoke(const struct options *o);
int key_add(const struct options *o);
int key_list(const struct options *o);
int key_revoke(const struct options *o);
int backup(const struct options *o);
int restore(const struct options *o);
int doctor(const struct options *o);
int login(const struct options *o);
int logout(const struct options *o);
int spaces(const struct options *o);
int run_prompt(const struct options *o);
int requests(const struct options *o);
int show_request(const struct options *o);
int cancel_request(const struct options *o);
int apps_list(const struct options *o);
int apps_drain(const struct options *o);
int apps_kick(const struct options *o);

/* "spacerelay: ..." and a newline on stderr. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* without the name */

/* Opens the data folder for a command; NULL after complaining. */
struct client *open_data(const struct options *o, bool make);
/* Asks, complains when that fails; 0 or 1. reply must be released. */
int ask(struct client *c, struct command *cmd, struct reply *reply);
/* All users, spaces and tokens. */
int ask_records(struct client *c, struct reply *reply);
/* Borrowed from the reply; NULL when there is none of that name (ask: after complaining). */
const struct user_record *find_user(const struct reply *records, const char *name);
const struct space_record *find_space(const struct reply *records, const char *name);
const struct space_record *space_of_key(const struct reply *records, int64_t space_key);

/* Pretty, on stdout; the value is given. */
void print_json(struct json_t *given);

/* ---- a table for people ---- */

#define COLUMNS_MAX 8
struct text_table {
    size_t columns, count;
    char **cells; /* row by row; heap, owned */
};
/* Exactly `columns` texts; control characters are shown as blanks. */
void table_add(struct text_table *t, const char *const *texts);
void table_print(const struct text_table *t);
void table_release(struct text_table *t);
/* "2026-01-08T12:00:00Z", or "-" for 0. */
#define SHORT_TIME_BYTES 24
const char *short_time(int64_t wall_ms, char out[SHORT_TIME_BYTES]);

/* ---- passwords ---- */

/* From stdin, or asked for twice on the terminal; its hash into out. Returns an exit status, after
 * complaining. */
int read_password_hash(const struct options *o, char out[PASSWORD_HASH_BYTES]);

/* From stdin, or asked for on the terminal. Returns an exit status, after complaining. */
#define API_KEY_BYTES 256
int read_api_key(const struct options *o, const char *url, char out[API_KEY_BYTES]);

#endif
