/* SPDX-License-Identifier: Apache-2.0 */
/* NCCL's own files of variables: ~/.nccl.conf, or the one that NCCL_CONF_FILE names, then
 * /etc/nccl.conf (initEnv and setEnvFile in NCCL's param.cc). The environment wins over them, so
 * what we set in the environment would undo what a user or an administrator wrote there. */
#ifndef SFT_NODE_FABRIC_FILES_H
#define SFT_NODE_FABRIC_FILES_H

#define FABRIC_FILES 2
#define FABRIC_FILES_VALUE 1024 /* NCCL keeps 1023 bytes of a value */

struct fabric_files {
    struct {
        char path[1024];            /* "" none */
        char *text;                 /* NULL: not there */
    } file[FABRIC_FILES];           /* the first that has a variable wins */
    char value[FABRIC_FILES_VALUE]; /* of the last answer */
};

/* root: as nic_list_create has it; home, named (NCCL_CONF_FILE): NULL or "" where unset. What
 * cannot be read has nothing. */
void fabric_files_read(struct fabric_files *files, const char *root, const char *home,
                       const char *named);
void fabric_files_clear(struct fabric_files *files);

/* The value, good until the next call, and the file that has it; NULL when neither does. */
const char *fabric_files_get(struct fabric_files *files, const char *name, const char **path);

#endif
