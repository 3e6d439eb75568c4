/* SPDX-License-Identifier: Apache-2.0 */
/* sft-bench-deliver: this node's records that are not in the accounting for certain,
 * sft-bench-deliver(8). It links libslurm and is started by the keeper at a step's end, or by an
 * admin. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "spank/account.h"
#include "spank/database.h"
#include "spank/settings.h"
#include "spank/slurm_compat.h"
#include "spank/spool.h"

/* slurmctld saves its state 5 s after a change at the latest: killed before, it forgets a yes. So a
 * record counts as in when it stands there in two looks that are further apart. */
enum { PASS_SECONDS = 6, ENDLESS_SECONDS = 60, DAY = 86400 };

enum outcome { OUTCOME_LATER, OUTCOME_STANDS, OUTCOME_DONE, OUTCOME_STAYS };

struct entry {
    char name[SPOOL_NAME];
    enum outcome outcome;
    char said[512];
};

struct order {
    int seconds;       /* how long to try */
    const char *queue; /* from a keeper: leave if another one waits already. The file that slurmctld
                          has taken just now, "": none */
};

struct deliver {
    int folder;
    struct entry entry[SPOOL_FILES];
    int count;
};

static enum outcome say(struct entry *entry, enum outcome outcome, const char *text)
{
    snprintf(entry->said, sizeof entry->said, "%s", text);
    return outcome;
}

/* slurmctld takes it no more: it is slurmdbd's. But a slurmctld that starts again sends the end of
 * every job that it still knows once more, with its own old comments: so look again until it has
 * forgotten the job (MinJobAge; a day where it never does). And two nodes may bring records of one
 * job at once, of which the later undoes the earlier: so a record is in when it stood there before.
 */
static enum outcome deliver_database(struct entry *entry, const struct spooled *spooled,
                                     const struct sft_record *record, bool known)
{
    struct sft_error err = {""};
    switch (database_put(spooled, record, !known, &err)) {
    case DATABASE_STANDS:
        return known && time(NULL) < spooled->time + DAY
                   ? say(entry, OUTCOME_LATER,
                         "delivered to slurmdbd, and kept until slurmctld has forgotten the job")
                   : say(entry, OUTCOME_DONE, "delivered, to slurmdbd");
    case DATABASE_WRITTEN:
        return say(entry, OUTCOME_LATER, "delivered to slurmdbd, and kept for one more look");
    case DATABASE_ENDLESS: /* its end may still wait in slurmctld for slurmdbd, with old comments */
        return time(NULL) < spooled->time + ENDLESS_SECONDS
                   ? say(entry, OUTCOME_LATER, "delivered to slurmdbd, and kept for its job's end")
                   : say(entry, OUTCOME_DONE, "delivered, to slurmdbd");
    case DATABASE_RUNS:
        return say(entry, OUTCOME_LATER, "kept: the job has not ended yet in slurmdbd");
    case DATABASE_OTHER:
        return say(entry, OUTCOME_STAYS,
                   "kept: the accounting has no such job, or a later one of its number");
    default:
        sft_error_prefix(&err, "kept");
        return say(entry, OUTCOME_LATER, err.text);
    }
}

static enum outcome deliver_record(struct entry *entry, const struct spooled *spooled,
                                   const struct sft_record *record)
{
    struct sft_error err = {""};
    struct account account = {.job_id = spooled->job_id,
                              .before = spooled->time,
                              .wanted = ACCOUNT_ADMIN | (spooled->comment ? ACCOUNT_COMMENT : 0)};
    switch (account_publish(&account, record, &err)) {
    case ACCOUNT_STANDS:
        return account.changed || entry->outcome != OUTCOME_STANDS
                   ? say(entry, OUTCOME_STANDS,
                         "delivered to slurmctld, and kept until that has saved it")
                   : say(entry, OUTCOME_DONE, "delivered, to slurmctld");
    case ACCOUNT_OVER:
        return deliver_database(entry, spooled, record, account.known);
    case ACCOUNT_REFUSED:
        sft_error_set(&err, "kept: slurmctld refuses it while the job runs: %s", account.why);
        return say(entry, OUTCOME_LATER, err.text);
    default:
        sft_error_prefix(&err, "kept: slurmctld does not answer");
        return say(entry, OUTCOME_LATER, err.text);
    }
}

static enum outcome deliver_file(struct deliver *deliver, struct entry *entry)
{
    struct spooled spooled;
    struct sft_record record;
    struct sft_error err = {""};
    if (spool_read(deliver->folder, entry->name, &spooled, &err) < 0 ||
        sft_record_parse(&record, spooled.text, NULL, &err) < 0)
        return say(entry, OUTCOME_STAYS, err.text);
    enum outcome outcome = strcmp(spooled.cluster, settings_cluster()) == 0
                               ? deliver_record(entry, &spooled, &record)
                               : say(entry, OUTCOME_STAYS, "kept: it is another cluster's");
    sft_record_clear(&record);
    if (outcome == OUTCOME_DONE && spool_remove(deliver->folder, entry->name, &err) < 0)
        return say(entry, OUTCOME_STAYS, err.text);
    return outcome;
}

static void entry_print(const struct entry *entry)
{
    printf("%s: %s\n", entry->name, entry->said);
    fflush(stdout);
}

/* What is known of a file since earlier passes; files come and go while we wait. */
static struct entry *deliver_entry(struct deliver *deliver, const char *name)
{
    for (int i = 0; i < deliver->count; i++)
        if (strcmp(deliver->entry[i].name, name) == 0)
            return &deliver->entry[i];
    if (deliver->count == SPOOL_FILES)
        return NULL;
    struct entry *entry = &deliver->entry[deliver->count++];
    memset(entry, 0, sizeof *entry);
    strcpy(entry->name, name);
    return entry;
}

/* All files once. *waiting: how many may still go; *kept: how many are left. */
static int deliver_pass(struct deliver *deliver, int *waiting, int *kept, struct sft_error *err)
{
    char(*names)[SPOOL_NAME];
    int count = spool_list(deliver->folder, &names, err);
    *waiting = *kept = 0;
    for (int i = 0; i < count; i++) {
        struct entry *entry = deliver_entry(deliver, names[i]);
        if (entry == NULL)
            continue;
        if (entry->outcome != OUTCOME_STAYS)
            entry->outcome = deliver_file(deliver, entry);
        if (entry->outcome == OUTCOME_DONE)
            entry_print(entry);
        *waiting += entry->outcome == OUTCOME_LATER || entry->outcome == OUTCOME_STANDS;
        *kept += entry->outcome != OUTCOME_DONE;
    }
    free(names);
    return count < 0 ? -1 : 0;
}

/* One program works, and one may wait for it, which will find what those have left that came
 * meanwhile. The place in the queue is a name in the kernel, gone with its owner. Returns a
 * descriptor; -1: another one waits. */
static int queue_enter(const char *path)
{
    struct stat info;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (stat(path, &info) < 0)
        return -1;
    int length =
        snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "sft-bench-deliver %llx %llx",
                 (unsigned long long)info.st_dev, (unsigned long long)info.st_ino);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* One program at a time: another one waits here, and finds what is left. */
static int deliver_lock(struct deliver *deliver, const char *path, time_t end,
                        struct sft_error *err)
{
    deliver->folder = spool_open(path, false, err);
    if (deliver->folder < 0)
        return -1;
    while (flock(deliver->folder, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return sft_error_set(err, "%s: lock: %s", path, strerror(errno));
        if (time(NULL) >= end)
            return sft_error_set(err, "%s: another sft-bench-deliver works on it", path);
        sleep(1);
    }
    return 0;
}

/* A record that slurmctld has taken when the keeper said so has been seen once. */
static void deliver_taken(struct deliver *deliver, const char *name)
{
    struct entry *entry =
        name[0] != '\0' && strlen(name) < SPOOL_NAME ? deliver_entry(deliver, name) : NULL;
    if (entry != NULL)
        say(entry, entry->outcome = OUTCOME_STANDS,
            "delivered to slurmctld, and kept until that has saved it");
}

static int deliver_begin(struct deliver *deliver, const char *path, const struct order *order,
                         time_t end, struct sft_error *err)
{
    int place = -1;
    if (order->queue != NULL) {
        place = queue_enter(path);
        if (place < 0) {
            errno = ENOENT;
            return -1;
        }
        sleep(PASS_SECONDS);
        deliver_taken(deliver, order->queue);
    }
    int rc = deliver_lock(deliver, path, end, err), saved = errno;
    if (place >= 0)
        close(place);
    errno = saved;
    return rc;
}

static int deliver_all(const char *path, const struct order *order, struct sft_error *err)
{
    struct deliver *deliver = calloc(1, sizeof *deliver);
    time_t end = time(NULL) + order->seconds;
    int waiting, kept;
    if (deliver == NULL)
        return sft_error_set(err, "out of memory");
    if (deliver_begin(deliver, path, order, end, err) < 0) {
        free(deliver);
        return errno == ENOENT ? 0 : -1;
    }
    int rc = deliver_pass(deliver, &waiting, &kept, err);
    while (rc == 0 && waiting > 0 && time(NULL) < end) {
        sleep(PASS_SECONDS);
        rc = deliver_pass(deliver, &waiting, &kept, err);
    }
    for (int i = 0; i < deliver->count; i++)
        if (deliver->entry[i].outcome != OUTCOME_DONE)
            entry_print(&deliver->entry[i]);
    close(deliver->folder);
    free(deliver);
    return rc < 0 ? -1 : kept;
}

static const struct option deliver_options[] = {
    {"wait", required_argument, NULL, 'w'},
    {"queue", required_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int deliver_usage(FILE *file)
{
    fputs("usage: sft-bench-deliver [--wait SECONDS] [DIR]\n"
          "Bring records that were kept on this node into the accounting; as root.\n"
          "  --wait SECONDS  how long to try [15]\n"
          "  --help, --version\n"
          "DIR is SlurmdSpoolDir's sft-bench unless named. One line a record; exit status 0 when "
          "none is left.\n",
          file);
    return file == stdout ? 0 : 2;
}

static int deliver_number(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);
    return end == text || *end != '\0' || number < 0 || number > 86400 ? -1 : (int)number;
}

int main(int argc, char **argv)
{
    char path[PATH_MAX];
    struct sft_error err = {""};
    struct order order = {.seconds = 15};
    int option;
    while ((option = getopt_long(argc, argv, "", deliver_options, NULL)) != -1) {
        if (option == 'V')
            return puts("sft-bench-deliver " PACKAGE_VERSION) < 0;
        if (option == 'h')
            return deliver_usage(stdout);
        if (option == 'q')
            order.queue = optarg;
        else if (option != 'w' || (order.seconds = deliver_number(optarg)) < 0)
            return deliver_usage(stderr);
    }
    if (argc - optind > 1)
        return deliver_usage(stderr);
    slurm_init(NULL);
    if (optind == argc && settings_spool(path, sizeof path) < 0)
        return deliver_usage(stderr);
    int left = deliver_all(optind < argc ? argv[optind] : path, &order, &err);
    if (left < 0)
        fprintf(stderr, "sft-bench-deliver: %s\n", err.text);
    return left == 0 ? 0 : 1;
}
