/* SPDX-License-Identifier: Apache-2.0 */
/* What fabric's files share. */
#ifndef SFT_NODE_FABRIC_INTERNAL_H
#define SFT_NODE_FABRIC_INTERNAL_H

#include "node/fabric.h"

#define FABRIC_HCAS 32        /* NCCL's limit of devices */
#define FABRIC_NCCL_GID 22100 /* the version that chooses GIDs by itself */

/* The one of name; a new one, unset, when there is none. NULL when the table is full. */
struct fabric_variable *fabric_variable(struct fabric *fabric, const char *name);

/* Write the row, unless the user has it. */
void fabric_set(struct fabric *fabric, const char *name, const char *value, const char *reason, ...)
    __attribute__((format(printf, 4, 5)));
void fabric_unset(struct fabric *fabric, const char *name, const char *reason, ...)
    __attribute__((format(printf, 3, 4)));
bool fabric_is_kept(const struct fabric *fabric, const char *name);

/* Stays sorted by weight; beyond FABRIC_WARNINGS the lightest is lost. */
void fabric_warn(struct fabric *fabric, enum fabric_weight weight, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void fabric_note(struct fabric *fabric, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* fabric_ports.c: which ports carry collectives; fills port, used, rate and infiniband. -1: out of
 * memory. */
int fabric_ports_choose(struct fabric *fabric, const struct fabric_input *input);
/* The port is not used, and why; loud: somebody should know. */
void fabric_drop(struct fabric_port *port, enum fabric_why why, bool loud, const char *reason, ...)
    __attribute__((format(printf, 4, 5)));
/* used, rate and infiniband of the ports as they are. */
void fabric_ports_count(struct fabric *fabric);

/* fabric_cards.c: a card counts once; cards that are not the GPUs' are left out. */
void fabric_cards_virtual(struct fabric *fabric);
void fabric_cards_bonds(struct fabric *fabric, const char *root);
void fabric_cards_apart(struct fabric *fabric, const struct nic_list *list);
/* Virtual functions of a card that are left out become one row of the tables. */
void fabric_cards_fold(struct fabric *fabric);
/* Is its physical link that of an earlier used port? places: only by standing at two places of the
 * PCI tree. */
bool fabric_cards_shared(const struct fabric *fabric, int port, bool places);

/* fabric_tell.c: a line for each kind of port that is left out. */
void fabric_tell_ports(struct fabric *fabric);

/* fabric_gid.c: NCCL_IB_GID_INDEX, _ADDR_FAMILY, _ADDR_RANGE and _ROCE_VERSION_NUM. */
int fabric_gid_decide(struct fabric *fabric, const struct fabric_input *input,
                      struct sft_error *err);

/* fabric_user.c: what the user and the site have chosen themselves: the ports that NCCL will really
 * use, and warnings of what does not fit this node. */
int fabric_user_read(struct fabric *fabric, const struct fabric_input *input);
void fabric_user_ports(struct fabric *fabric, const struct fabric_input *input);
/* Warn of a fixed index that a used port has no good GID at; false when all have. */
bool fabric_user_gid(struct fabric *fabric, const char *value, const char *who);
void fabric_user_warn(struct fabric *fabric, const struct fabric_input *input);

/* fabric_warn.c: what NCCL will see, and who says so ("the user", "the site's file", a path); NULL
 * when nobody but us does. */
const char *fabric_warn_value(const struct fabric_input *input, const char *name, const char **who);
/* Of the values that NCCL will see, the user's and the site's. */
void fabric_warn_variables(struct fabric *fabric, const struct fabric_input *input);
void fabric_warn_links(struct fabric *fabric, const struct nic_list *list);

#endif
