/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin found and decided of NCCL's network on a node, and why: its text, without the
 * opening, as node/said.h has it. */
#ifndef SFT_JOB_RUN_NETWORK_H
#define SFT_JOB_RUN_NETWORK_H

#include <jansson.h>

#include "job/run/notes.h"
#include "node/said.h"

/* This process's, brought to what its environment has now; "" without the plugin, a warning alone
 * where the plugin is of another form. A longer one is cut at a line's end. */
void network_self(char text[SAID_FABRIC]);

/* As getenv. */
typedef char *network_get(const char *name);
/* Bring the plugin's text to an environment that something has changed since: a variable's `who` is
 * "changed" then, ports are used as NCCL will, and warnings say so. */
void network_now(char text[SAID_FABRIC], network_get *get);

/* {"rate_gbps", "ports": [...], "variables": [...], "warnings": [...]}; an empty object of an empty
 * text. */
json_t *network_json(const char *text);

/* "NCCL_IB_HCA==mlx5_0:1 NCCL_CROSS_NIC=2": what is set or the user's, by whole variables. */
void network_short(const char *text, char *line, size_t size);

/* The node's warnings. */
void network_notes(struct notes *notes, const char *host, const char *text);
/* Of a node whose ports differ from the first one's: in number, rate, or in the kind or index of a
 * GID. */
void network_compare(struct notes *notes, const char *host, const char *text,
                     const char *first_host, const char *first);

#endif
