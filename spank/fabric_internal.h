/* SPDX-License-Identifier: Apache-2.0 */
/* What fabric's files share. */
#ifndef SFT_SPANK_FABRIC_INTERNAL_H
#define SFT_SPANK_FABRIC_INTERNAL_H

#include "spank/fabric.h"

#define FABRIC_HCAS 32 /* NCCL's limit of devices */
#define FABRIC_NCCL_GID 22100 /* the version that chooses GIDs by itself */

/* The one of name; a new one, unset, when there is none. NULL when the table is full. */
struct fabric_variable *fabric_variable(struct fabric *fabric, const char *name);

/* Write the row, unless the user has it. */
void fabric_set(struct fabric *fabric, const char *name, const char *value, const char *reason, ...)
    __attribute__((format(printf, 4, 5)));
void fabric_unset(struct fabric *fabric, const char *name, const char *reason, ...)
    __attribute__((format(printf, 3, 4)));
bool fabric_is_kept(const struct fabric *fabric, const char *name);

/* Beyond FABRIC_WARNINGS nothing is added. */
void fabric_warn(struct fabric *fabric, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* fabric_ports.c: which ports carry collectives; fills port, used, rate and infiniband. */
void fabric_ports_choose(struct fabric *fabric, const struct fabric_input *input);

/* fabric_gid.c: NCCL_IB_GID_INDEX, _ADDR_FAMILY, _ADDR_RANGE and _ROCE_VERSION_NUM. */
int fabric_gid_decide(struct fabric *fabric, const struct fabric_input *input,
                      struct sft_error *err);

/* fabric_warn.c: of the values that NCCL will see, the user's and the site's. */
void fabric_warn_variables(struct fabric *fabric, const struct fabric_input *input);
void fabric_warn_links(struct fabric *fabric, const struct nic_list *list);

#endif
