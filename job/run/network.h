/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin found and decided of NCCL's network on a node, and why (SFT_BENCH_FABRIC; the
 * form is fabric_write's in node/fabric.h): lines of a kind and its fields, a tab between. */
#ifndef SFT_JOB_RUN_NETWORK_H
#define SFT_JOB_RUN_NETWORK_H

#include <jansson.h>
#include <stdio.h>

#include "job/run/notes.h"

#define NETWORK_ENV "SFT_BENCH_FABRIC"
#define NETWORK_TEXT 12288

/* This process's, brought to what its environment has now; "" without the plugin. A longer one is
 * cut at a line's end. */
void network_self(char text[NETWORK_TEXT]);

/* As getenv. */
typedef char *network_get(const char *name);
/* Bring the plugin's text to an environment that something has changed since: a variable's `who` is
 * "changed" then, ports are used as NCCL will, and warnings say so. */
void network_now(char text[NETWORK_TEXT], network_get *get);

/* The fields of the next line of that kind; NULL at the end. *cursor begins as the text. */
const char *network_next(const char **cursor, const char *kind);
/* The n-th field, from 0, of what network_next gave; "" when it is missing. */
void network_field(const char *line, int n, char *value, size_t size);

/* The ports, the variables and what is worth a line as tables. Nothing of an empty text. */
void network_print(FILE *out, const char *text);
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
