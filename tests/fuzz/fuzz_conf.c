/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the site's file holds: no crash, texts stay ended, numbers in range. And the texts of
 * generic resources that a controller sends, lists of hosts, constraints. */
#include <stdlib.h>
#include <string.h>

#include "spank/conf.h"
#include "node/features.h"
#include "node/gres.h"
#include "node/hosts.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct conf conf;
    struct sft_error err = {""};
    conf_init(&conf);
    int rc = conf_parse(&conf, (const char *)data, size, "fuzz", &err);
    if (rc != 0 && (err.text[0] == '\0' || strncmp(err.text, "fuzz:", 5) != 0))
        abort();
    if (memchr(conf.job, '\0', sizeof conf.job) == NULL || conf.job[0] != '/' ||
        memchr(conf.data, '\0', sizeof conf.data) == NULL ||
        memchr(conf.mpi, '\0', sizeof conf.mpi) == NULL || conf.gpus_per_node < -1 ||
        conf.gpus_per_node > 64 || conf.update_seconds < 1 || conf.hold_seconds < 1)
        abort();
    char *text = strndup((const char *)data, size);
    if (text != NULL && (gres_gpus(text) < 0 || gres_gpus(text) > 1024 || gres_cpus(text) < 0 ||
                         gres_cpus(text) > 65535))
        abort();
    struct words hosts = {0}, bad = {0};
    if (text != NULL && strlen(text) < 64) /* longer lists take time, not other ways */
        hosts_expand(text, &hosts, &bad);
    if (hosts.count > HOSTS_MAX)
        abort();
    if (text != NULL)
        features_meet(text, "a,b");
    words_clear(&hosts);
    words_clear(&bad);
    free(text);
    return 0;
}
