/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a RoCE port's GIDs NCCL takes, and which settings make it take another.
 * The rule is that of NCCL 2.21 to 2.30 (ncclIbGetGidIndex and ncclUpdateGidIndex in its IB
 * transport): from index 0 on, a later GID replaces the one in hand when
 *  - it is the first of the wished family and in the range, whatever its RoCE version, or
 *  - it is of the family, in the range, not link-local, of the wished version, and the one in hand
 *    is of another version or unusable.
 * Before 2.21 NCCL took index 0 unless NCCL_IB_GID_INDEX said otherwise. */
#ifndef SFT_NODE_GID_H
#define SFT_NODE_GID_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define GID_TABLE 256 /* entries of a port; mlx5 has as many */
#define GID_RANGES 16
#define GID_TEXT 64

enum gid_type {
    GID_UNKNOWN, /* sysfs has the file but does not tell (EINVAL): normal in a container */
    GID_V1,
    GID_V2,
    GID_MISSING, /* sysfs has no file; NCCL 2.21+ fails when it has to read it */
};

struct gid {
    unsigned char raw[16];
    int index;
    enum gid_type type;
    char netdev[16]; /* "" unknown */
};

/* The entries that are not zero, by index. */
struct gid_table {
    int length; /* of the port's table, zero entries too */
    int count;
    struct gid gid[GID_TABLE];
};

struct gid_range {
    unsigned char raw[16]; /* IPv4 in its mapped form */
    int bits;              /* of 128: an IPv4 /16 has 112 */
};

/* What NCCL's variables say. */
struct gid_setting {
    bool ipv6;                     /* NCCL_IB_ADDR_FAMILY */
    int version;                   /* NCCL_IB_ROCE_VERSION_NUM, 1 or 2 */
    const struct gid_range *range; /* NCCL_IB_ADDR_RANGE; NULL unset */
};

/* "fe80:0000:...": eight groups, as sysfs has it; or an address as people write it. */
int gid_parse(const char *text, unsigned char raw[16]);
/* An IPv4 address where it is one. */
const char *gid_print(const unsigned char raw[16], char *text, size_t size);
/* "RoCE v2" and so on; any other text is GID_UNKNOWN. */
enum gid_type gid_type_parse(const char *text);

bool gid_is_ipv4(const unsigned char raw[16]);
/* Neither zero nor link-local. */
bool gid_is_usable(const unsigned char raw[16]);

/* "10.1.0.0/16,fd00::/8", white space around commas allowed. Returns how many; -1 with the error
 * set. Bits behind the prefix are cleared. */
int gid_ranges_parse(const char *text, struct gid_range range[GID_RANGES], struct sft_error *err);
const char *gid_range_print(const struct gid_range *range, char *text, size_t size);
bool gid_in_range(const unsigned char raw[16], const struct gid_range *range);
/* The smallest range around both; false when there is none of one family. */
bool gid_range_join(const struct gid_range *a, const struct gid_range *b, struct gid_range *both);

/* The entry of an index; NULL when it is zero or beyond the table. */
const struct gid *gid_at(const struct gid_table *table, int index);

/* The index that NCCL 2.21+ takes with the setting; -1 when it would fail. */
int gid_choose(const struct gid_table *table, const struct gid_setting *setting);

/* The lowest index of a usable GID that is in one of the ranges (count 0: anywhere) and RoCE v2, or
 * of unknown type; IPv4 before IPv6. -1: there is none. */
int gid_wish(const struct gid_table *table, const struct gid_range *range, int count);

#endif
