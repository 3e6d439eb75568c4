/* SPDX-License-Identifier: Apache-2.0 */
#include "node/gid.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char gid_mapped[12] = {[10] = 0xff, [11] = 0xff};
/* ff0e::ffff:a.b.c.d: NCCL counts it among IPv4. */
static const unsigned char gid_multicast[12] = {0xff, 0x0e, [10] = 0xff, [11] = 0xff};
static const unsigned char gid_link_local[8] = {0xfe, 0x80};
static const struct gid gid_zero = {.type = GID_UNKNOWN};

int gid_parse(const char *text, unsigned char raw[16])
{
    if (inet_pton(AF_INET6, text, raw) == 1)
        return 0;
    memcpy(raw, gid_mapped, sizeof gid_mapped);
    if (inet_pton(AF_INET, text, raw + 12) == 1)
        return 0;
    memset(raw, 0, 16);
    return -1;
}

const char *gid_print(const unsigned char raw[16], char *text, size_t size)
{
    bool mapped = memcmp(raw, gid_mapped, sizeof gid_mapped) == 0;
    const char *done = mapped ? inet_ntop(AF_INET, raw + 12, text, (socklen_t)size)
                              : inet_ntop(AF_INET6, raw, text, (socklen_t)size);
    if (done == NULL)
        text[0] = '\0';
    return text;
}

enum gid_type gid_type_parse(const char *text)
{
    if (strncmp(text, "RoCE v2", 7) == 0)
        return GID_V2;
    if (strncmp(text, "IB/RoCE v1", 10) == 0 || strncmp(text, "RoCE v1", 7) == 0)
        return GID_V1;
    return GID_UNKNOWN;
}

bool gid_is_ipv4(const unsigned char raw[16])
{
    return memcmp(raw, gid_mapped, sizeof gid_mapped) == 0 ||
           memcmp(raw, gid_multicast, sizeof gid_multicast) == 0;
}

bool gid_is_usable(const unsigned char raw[16])
{
    return memcmp(raw, gid_zero.raw, 16) != 0 &&
           memcmp(raw, gid_link_local, sizeof gid_link_local) != 0;
}

bool gid_in_range(const unsigned char raw[16], const struct gid_range *range)
{
    int whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(raw, range->raw, (size_t)whole) != 0)
        return false;
    return rest == 0 || ((raw[whole] ^ range->raw[whole]) >> (8 - rest)) == 0;
}

static void gid_range_cut(struct gid_range *range)
{
    for (int bit = range->bits; bit < 128; bit++)
        range->raw[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
}

static int gid_range_parse(const char *word, struct gid_range *range, struct sft_error *err)
{
    char address[GID_TEXT], *end = NULL;
    const char *slash = strchr(word, '/');
    size_t length = slash != NULL ? (size_t)(slash - word) : 0;
    if (slash == NULL || length >= sizeof address || !isdigit((unsigned char)slash[1]))
        return sft_error_set(err, "'%.60s' is no range of addresses like 10.1.0.0/16", word);
    memcpy(address, word, length);
    address[length] = '\0';
    if (gid_parse(address, range->raw) < 0)
        return sft_error_set(err, "'%.60s' is no IPv4 or IPv6 address", address);
    bool ipv4 = strchr(address, ':') == NULL;
    long bits = strtol(slash + 1, &end, 10);
    if (*end != '\0' || bits < 1 || bits > (ipv4 ? 32 : 128))
        return sft_error_set(err, "'%.60s': the prefix is not from 1 to %d", word, ipv4 ? 32 : 128);
    range->bits = (int)bits + (ipv4 ? 96 : 0);
    gid_range_cut(range);
    return 0;
}

int gid_ranges_parse(const char *text, struct gid_range range[GID_RANGES], struct sft_error *err)
{
    char word[2 * GID_TEXT];
    for (int count = 0;; text++) {
        size_t length = strcspn(text, ","), end = length;
        const char *begin = text + strspn(text, " \t");
        if (begin > text + length)
            begin = text + length;
        while (end > (size_t)(begin - text) && isspace((unsigned char)text[end - 1]))
            end--;
        snprintf(word, sizeof word, "%.*s", (int)(text + end - begin), begin);
        if (count == GID_RANGES)
            return sft_error_set(err, "more than %d ranges of addresses", GID_RANGES);
        if (gid_range_parse(word, &range[count], err) < 0)
            return -1;
        count++;
        text += length;
        if (*text == '\0')
            return count;
    }
}

const char *gid_range_print(const struct gid_range *range, char *text, size_t size)
{
    char address[INET6_ADDRSTRLEN];
    bool ipv4 = range->bits >= 96 && gid_is_ipv4(range->raw);
    snprintf(text, size, "%s/%d", gid_print(range->raw, address, sizeof address),
             range->bits - (ipv4 ? 96 : 0));
    return text;
}

bool gid_range_join(const struct gid_range *a, const struct gid_range *b, struct gid_range *both)
{
    bool ipv4 = gid_is_ipv4(a->raw);
    *both = *a;
    both->bits = a->bits < b->bits ? a->bits : b->bits;
    while (both->bits > 0 && !gid_in_range(b->raw, both))
        both->bits--;
    gid_range_cut(both);
    return ipv4 == gid_is_ipv4(b->raw) && both->bits > (ipv4 ? 96 : 0);
}

const struct gid *gid_at(const struct gid_table *table, int index)
{
    for (int i = 0; i < table->count && table->gid[i].index <= index; i++)
        if (table->gid[i].index == index)
            return &table->gid[i];
    return NULL;
}

static const struct gid *gid_or_zero(const struct gid_table *table, int index)
{
    const struct gid *gid = gid_at(table, index);
    return gid != NULL ? gid : &gid_zero;
}

/* NCCL compares a range's last 32 bits alone where the family is IPv4, so a GID of the other family
 * may seem to be in it; the family is asked beside it each time, so it makes no difference. */
static bool gid_fits(const struct gid *gid, const struct gid_setting *setting)
{
    return gid_is_ipv4(gid->raw) == !setting->ipv6 &&
           (setting->range == NULL || gid_in_range(gid->raw, setting->range));
}

int gid_choose(const struct gid_table *table, const struct gid_setting *setting)
{
    const struct gid *hand = gid_or_zero(table, 0);
    int taken = 0;
    for (int index = 1; index < table->length; index++) {
        const struct gid *next = gid_or_zero(table, index);
        if (!gid_fits(next, setting))
            continue;
        bool family = gid_is_ipv4(hand->raw) != gid_is_ipv4(next->raw);
        if (!family && !gid_is_usable(next->raw))
            continue;
        if (!family && (hand->type == GID_MISSING || next->type == GID_MISSING))
            return -1;
        /* An unknown type is never the wished one, and differs from every known one. */
        if (family || ((hand->type != next->type || !gid_is_usable(hand->raw)) &&
                       next->type == (setting->version == 1 ? GID_V1 : GID_V2))) {
            hand = next;
            taken = index;
        }
    }
    return taken;
}

static bool gid_in_ranges(const struct gid *gid, const struct gid_range *range, int count)
{
    bool inside = count == 0;
    for (int i = 0; i < count && !inside; i++)
        inside = gid_in_range(gid->raw, &range[i]);
    return inside;
}

int gid_wish(const struct gid_table *table, const struct gid_range *range, int count)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++)
        for (int i = 0; i < table->count; i++) {
            const struct gid *gid = &table->gid[i];
            if (gid->type != GID_V1 && gid_is_usable(gid->raw) &&
                gid_is_ipv4(gid->raw) == (ipv6 == 0) && gid_in_ranges(gid, range, count))
                return gid->index;
        }
    return -1;
}
