/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/witness.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/request.h"
#include "spank/options.h"
#include "spank/settings.h"

/* Between two looks at rank 0: a run of half a second is seen, and a long one costs nothing. */
enum { WITNESS_FIRST_MS = 20, WITNESS_LAST_MS = 5000 };

static struct {
    pthread_mutex_t lock;
    struct page_facts facts; /* under the lock, once the thread runs */
    double begin;            /* of the step, by sft_clock_now */
    struct program_site site;
    int proc; /* rank 0's folder in /proc */
} witness = {.lock = PTHREAD_MUTEX_INITIALIZER, .proc = -1};

static char option[SFT_REQUEST_MAX];

void witness_option(const char *request)
{
    snprintf(option, sizeof option, "%s", request == NULL ? "" : request);
}

/* The option's text is the user's; the same parser as everywhere reads it. */
static void read_option(struct page_facts *facts)
{
    struct sft_request request;
    if (strlen(option) < sizeof facts->request)
        strcpy(facts->request, option);
    if (sft_request_parse(&request, option, NULL) < 0)
        return;
    facts->judges = request.task == SFT_TASK_VERIFY;
    if (request.task == SFT_TASK_TRAIN && request.preset != sft_preset_auto())
        snprintf(facts->model, sizeof facts->model, "%s", request.preset->name);
}

static void read_owner(spank_t spank, const struct conf *conf, struct program_site *site)
{
    gid_t *groups = NULL, group;
    int count = 0;
    snprintf(site->path, sizeof site->path, "%s", conf->job);
    if (spank_get_item(spank, S_JOB_UID, &site->uid) != ESPANK_SUCCESS)
        site->uid = (uid_t)-1;
    if (spank_get_item(spank, S_JOB_SUPPLEMENTARY_GIDS, &groups, &count) == ESPANK_SUCCESS)
        for (int i = 0; i < count && site->groups < PROGRAM_GROUPS - 1; i++)
            site->group[site->groups++] = groups[i];
    if (spank_get_item(spank, S_JOB_GID, &group) == ESPANK_SUCCESS)
        site->group[site->groups++] = group;
}

void witness_begin(spank_t spank, const struct conf *conf)
{
    struct page_facts *facts = &witness.facts;
    uint32_t job = 0, step = 0;
    if (facts->start != 0 || spank_get_item(spank, S_JOB_ID, &job) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS)
        return;
    snprintf(facts->step, sizeof facts->step, "%u.%u", job, step);
    if (spank_get_item(spank, S_JOB_NNODES, &facts->nodes) != ESPANK_SUCCESS)
        facts->nodes = 0;
    if (spank_get_item(spank, S_JOB_TOTAL_TASK_COUNT, &facts->ranks) != ESPANK_SUCCESS)
        facts->ranks = 0;
    snprintf(facts->host, sizeof facts->host, "%s", settings_node());
    facts->start = time(NULL);
    witness.begin = sft_clock_now();
    read_option(facts);
    facts->idle = !options_records(spank, option);
    read_owner(spank, conf, &witness.site);
}

static void pause_ms(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

/* Once something was wrong it stays so: a program can execute another. Called with the lock. */
static void note_verdict(enum program_verdict verdict, const char *text)
{
    struct page_facts *facts = &witness.facts;
    if (verdict == PROGRAM_UNSEEN || facts->verdict == PROGRAM_WRONG)
        return;
    facts->verdict = verdict;
    snprintf(facts->program, sizeof facts->program, "%s", text);
}

/* A folder of /proc that is open stays that process's: no other one with its number is ever looked
 * at. */
static void *witness_run(void *unused)
{
    int ours = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char text[PROGRAM_TEXT];
    for (int ms = WITNESS_FIRST_MS;
         faccessat(witness.proc, "exe", F_OK, AT_SYMLINK_NOFOLLOW) == 0;) {
        enum program_verdict verdict = program_look(&witness.site, witness.proc, ours, text);
        pthread_mutex_lock(&witness.lock);
        note_verdict(verdict, text);
        bool ended = witness.facts.end != PAGE_RUNS;
        pthread_mutex_unlock(&witness.lock);
        if (ended)
            break;
        pause_ms(ms);
        if (verdict != PROGRAM_UNSEEN)
            ms = ms * 2 < WITNESS_LAST_MS ? ms * 2 : WITNESS_LAST_MS;
    }
    if (ours >= 0)
        close(ours);
    return unused;
}

/* Detached, as the watch's thread is, and for the same reasons. */
static void witness_start(void)
{
    sigset_t all, was;
    pthread_attr_t detached;
    pthread_t thread;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    if (pthread_create(&thread, &detached, witness_run, NULL) != 0)
        slurm_error("sft-bench: no thread to look at rank 0: the record will not say what ran");
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    pthread_attr_destroy(&detached);
}

/* All tasks are forked when the first of them gets here. */
void witness_task(spank_t spank)
{
    uint32_t rank;
    pid_t pid;
    char folder[32];
    if (witness.facts.start == 0 || witness.proc >= 0 ||
        spank_get_item(spank, S_TASK_GLOBAL_ID, &rank) != ESPANK_SUCCESS || rank != 0 ||
        spank_get_item(spank, S_TASK_PID, &pid) != ESPANK_SUCCESS)
        return;
    snprintf(folder, sizeof folder, "/proc/%ld", (long)pid);
    witness.proc = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (witness.proc >= 0)
        witness_start();
}

void witness_exit(spank_t spank)
{
    struct page_facts *facts = &witness.facts;
    uint32_t rank;
    int status;
    if (spank_get_item(spank, S_TASK_GLOBAL_ID, &rank) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_TASK_EXIT_STATUS, &status) != ESPANK_SUCCESS)
        return;
    pthread_mutex_lock(&witness.lock);
    if (rank == 0) {
        facts->end = PAGE_ENDED;
        facts->status = status;
    } else if (status != 0 && !facts->other && facts->end == PAGE_RUNS) {
        facts->other = true;
        facts->other_rank = rank;
        facts->other_status = status;
    }
    pthread_mutex_unlock(&witness.lock);
}

void witness_unstarted(const char *why)
{
    snprintf(witness.facts.unstarted, sizeof witness.facts.unstarted, "%s", why);
}

void witness_over(void)
{
    pthread_mutex_lock(&witness.lock);
    if (witness.facts.end == PAGE_RUNS && witness.proc < 0)
        witness.facts.end = PAGE_UNSTARTED;
    pthread_mutex_unlock(&witness.lock);
}

/* A copy of the daemon's memory from before its thread: nobody else holds the lock. */
void witness_orphaned(void)
{
    witness.facts.end = PAGE_ORPHANED;
}

void witness_facts(struct page_facts *facts)
{
    double now = sft_clock_now();
    pthread_mutex_lock(&witness.lock);
    *facts = witness.facts;
    pthread_mutex_unlock(&witness.lock);
    facts->life = now - witness.begin;
}
