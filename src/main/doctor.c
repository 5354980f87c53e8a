/* `spacerelay doctor`: what can be known of a data folder, without changing it. */
#include "main/commands.h"

#include "app/folder.h"
#include "base/clock.h"
#include "codec/json.h"
#include "codec/records.h"
#include "store/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SPACE_WARN_BYTES (UINT64_C(1) << 30)
#define SPACE_FAIL_BYTES (UINT64_C(64) << 20)
#define OTHERS           (S_IRWXG | S_IRWXO)

struct doctor {
    const char *dir;
    int lock;    /* held while no server runs */
    uid_t owner; /* of the folder */
    struct findings found;
};

#define FIND(d, level, ...) findings_add(&(d)->found, FINDING_##level, __VA_ARGS__)

/* ---- the folder ---- */

static bool check_folder(struct doctor *d)
{
    struct stat st;
    if (stat(d->dir, &st) || !S_ISDIR(st.st_mode)) {
        FIND(d, FAIL, "folder", "--data DIR names it", "there is no data folder %s", d->dir);
        return false;
    }
    d->owner = st.st_uid;
    if (access(d->dir, R_OK | W_OK | X_OK))
        FIND(d, FAIL, "folder", "run this as the user of the server", "%s: %s", d->dir,
             strerror(errno));
    else if (st.st_mode & OTHERS)
        FIND(d, WARN, "folder", "chmod 0700 it", "other users can look into %s (mode %04o)", d->dir,
             (unsigned)(st.st_mode & 07777));
    else
        FIND(d, OK, "folder", NULL, "%s is for its owner only", d->dir);
    return true;
}

static void check_file(struct doctor *d, const char *name, const char *lost)
{
    struct buf path;
    struct stat st;
    if (folder_path(&path, d->dir, name) || stat(buf_cstr(&path), &st))
        FIND(d, FAIL, "files", lost, "%s: %s", buf_cstr(&path), strerror(errno));
    else if (st.st_uid != d->owner)
        FIND(d, FAIL, "files", "chown it to the user of the server",
             "%s belongs to another user than its folder", buf_cstr(&path));
    else if (st.st_mode & OTHERS)
        FIND(d, FAIL, "files", "chmod 0600 it", "other users can read %s (mode %04o)",
             buf_cstr(&path), (unsigned)(st.st_mode & 07777));
    else
        FIND(d, OK, "files", NULL, "%s is for its owner only", buf_cstr(&path));
    buf_release(&path);
}

static bool is_there(const struct doctor *d, const char *name)
{
    struct buf path;
    bool there = !folder_path(&path, d->dir, name) && access(buf_cstr(&path), F_OK) == 0;
    buf_release(&path);
    return there;
}

static void check_key(struct doctor *d)
{
    struct buf path;
    struct sign_key key;
    enum err e = folder_path(&path, d->dir, FOLDER_KEY);
    /* Never one of our own making. */
    if (!e && access(buf_cstr(&path), R_OK) == 0 && sign_key_load(&key, buf_cstr(&path)))
        FIND(d, FAIL, "files", "bring it back from a backup", "%s is no signing key",
             buf_cstr(&path));
    secret_wipe(&key, sizeof key);
    buf_release(&path);
}

static void check_restore(struct doctor *d)
{
    struct buf why = BUF_INIT(500);
    if (folder_complete(d->dir, &why))
        FIND(d, FAIL, "restore", "run `spacerelay restore` again", "%s", buf_cstr(&why));
    buf_release(&why);
}

static void check_space(struct doctor *d)
{
    struct statvfs v;
    if (statvfs(d->dir, &v)) {
        FIND(d, WARN, "space", NULL, "%s: %s", d->dir, strerror(errno));
        return;
    }
    uint64_t free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    unsigned long long mib = free_bytes >> 20;
    if (free_bytes < SPACE_FAIL_BYTES || (v.f_files && !v.f_favail))
        FIND(d, FAIL, "space", "make room", "the disk has room for %llu MiB", mib);
    else if (free_bytes < SPACE_WARN_BYTES)
        FIND(d, WARN, "space", "make room", "the disk has room for %llu MiB", mib);
    else
        FIND(d, OK, "space", NULL, "the disk has room for %llu MiB", mib);
}

/* ---- the server, and the database ---- */

static bool take_lock(struct doctor *d)
{
    struct buf path;
    if (!folder_path(&path, d->dir, FOLDER_LOCK))
        d->lock = open(buf_cstr(&path), O_RDWR | O_CLOEXEC);
    bool taken = d->lock < 0 || flock(d->lock, LOCK_EX | LOCK_NB) == 0;
    buf_release(&path);
    return taken;
}

static void take_findings(struct doctor *d, const struct reply *reply)
{
    for (size_t i = 0; i < reply->findings.count; i++) {
        const struct finding *f = &reply->findings.list[i];
        findings_add(&d->found, f->level, f->check, f->advice, "%s", f->message);
    }
}

/* The server looks itself: while it runs nobody else opens its database. */
static void check_served(struct doctor *d, struct client *c)
{
    struct command ping = {.kind = CMD_QUERY_RECORDS}, check = {.kind = CMD_CHECK};
    struct reply reply = {0};
    enum err e = client_call(c, &ping, &reply);
    if (!e) {
        FIND(d, OK, "server", NULL, "a server runs, and answers");
        reply_release(&reply);
        e = client_call(c, &check, &reply);
    }
    if (e)
        FIND(d, FAIL, "server", "see its log, or restart it", "%s", reply.message);
    take_findings(d, &reply);
    reply_release(&reply);
}

static void check_alone(struct doctor *d)
{
    struct buf path;
    atomic_bool stop = false;
    FIND(d, OK, "server", NULL, "no server is running");
    if (!folder_path(&path, d->dir, STORE_FILE) && access(buf_cstr(&path), F_OK) == 0)
        store_check(buf_cstr(&path), clock_now().wall_ms, &stop, &d->found);
    buf_release(&path);
}

static void check_data(struct doctor *d)
{
    struct client *c = client_dial(d->dir);
    if (c)
        check_served(d, c);
    else if (take_lock(d))
        check_alone(d);
    else
        FIND(d, FAIL, "server", "if it is stuck, end that process; then start the server",
             "a process has the data folder and does not answer");
    client_close(c);
}

/* ---- telling ---- */

static void print_json_findings(const struct findings *f)
{
    struct json_t *list = json_array_new();
    for (size_t i = 0; i < f->count; i++)
        json_add(list, record_finding_json(&f->list[i]));
    print_json(list);
}

static void print_findings(const struct findings *f)
{
    static const char *const words[FINDING_LEVEL__MAX] = {"OK", "WARN", "FAIL"};
    for (size_t i = 0; i < f->count; i++) {
        const struct finding *x = &f->list[i];
        (void)printf("%-5s %-10s %s%s%s\n", words[x->level], x->check, x->message,
                     x->advice[0] ? ": " : "", x->advice);
    }
}

static bool any_failed(const struct findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->list[i].level == FINDING_FAIL)
            return true;
    return false;
}

int doctor(const struct options *o)
{
    struct doctor d = {.dir = o->data, .lock = -1};
    if (check_folder(&d)) {
        check_file(&d, STORE_FILE, "start the server, or `spacerelay restore` a backup");
        check_file(&d, FOLDER_KEY, "`spacerelay restore` a backup; a new key makes tokens invalid");
        if (is_there(&d, FOLDER_LOCK))
            check_file(&d, FOLDER_LOCK, "");
        check_key(&d);
        check_restore(&d);
        check_space(&d);
        check_data(&d);
    }
    if (o->json)
        print_json_findings(&d.found);
    else
        print_findings(&d.found);
    int status = any_failed(&d.found) ? STATUS_FAILED : STATUS_DONE;
    findings_release(&d.found);
    if (d.lock >= 0)
        close(d.lock);
    return status;
}
