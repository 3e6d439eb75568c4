/* SPDX-License-Identifier: Apache-2.0 */
/* NCCL's choice of a GID replayed on tables as ports have them, the entry worked out by hand from
 * its rule. */
#include "tests/unit/unit.h"

#include "node/gid.h"

#define LOCAL "fe80:0000:0000:0000:ba59:9fff:fe12:3456"
#define EMPTY "0000:0000:0000:0000:0000:0000:0000:0000"
#define V4 "0000:0000:0000:0000:0000:ffff:0a01:0203"      /* 10.1.2.3 */
#define STORAGE "0000:0000:0000:0000:0000:ffff:c0a8:0005" /* 192.168.0.5 */
#define GLOBAL "fd00:0001:0000:0000:0000:0000:0000:0007"

struct row {
    const char *gid;
    enum gid_type type;
};

static const struct gid_setting as_it_comes = {.version = 2};
static const struct gid_setting ipv6 = {.ipv6 = true, .version = 2};

/* Entries by index from 0; empty ones count for the length alone, as nic.c keeps tables. */
static struct gid_table table_of(const struct row *rows)
{
    struct gid_table t = {0};
    for (; rows->gid != NULL; rows++, t.length++) {
        struct gid *g = &t.gid[t.count];
        *g = (struct gid){.index = t.length, .type = rows->type};
        if (gid_parse(rows->gid, g->raw) < 0)
            fail_msg("%s", rows->gid);
        t.count += strcmp(rows->gid, EMPTY) != 0;
    }
    return t;
}

#define TABLE(...) table_of((const struct row[]){__VA_ARGS__, {NULL, GID_UNKNOWN}})

/* mlx5 as it usually is: link-local v1 and v2, then the IPv4 address v1 and v2: the famous index 3.
 */
static struct gid_table usual(void)
{
    return TABLE({LOCAL, GID_V1}, {LOCAL, GID_V2}, {V4, GID_V1}, {V4, GID_V2});
}

static struct gid_range range_of(const char *text)
{
    struct gid_range r[GID_RANGES];
    struct sft_error err = {""};
    if (gid_ranges_parse(text, r, &err) != 1)
        fail_msg("%s: %s", text, err.text);
    return r[0];
}

static void test_the_usual_table(void **state)
{
    (void)state;
    struct gid_table t = usual();
    const struct gid_setting version1 = {.version = 1};
    assert_int_equal(gid_choose(&t, &as_it_comes), 3);
    assert_int_equal(gid_choose(&t, &version1), 2);
    assert_int_equal(gid_wish(&t, NULL, 0), 3);
}

/* After the port went down and up, v2 may stand first, or entries lie elsewhere: a fixed 3 breaks.
 */
static void test_other_orders(void **state)
{
    (void)state;
    struct gid_table t = TABLE({LOCAL, GID_V2}, {V4, GID_V2}, {LOCAL, GID_V1}, {V4, GID_V1});
    assert_int_equal(gid_choose(&t, &as_it_comes), 1);
    t = TABLE({EMPTY, GID_UNKNOWN}, {EMPTY, GID_UNKNOWN}, {LOCAL, GID_V2}, {EMPTY, GID_UNKNOWN},
              {V4, GID_V1}, {V4, GID_V2});
    assert_int_equal(t.count, 3);
    assert_int_equal(gid_choose(&t, &as_it_comes), 5);
    assert_int_equal(gid_wish(&t, NULL, 0), 5);
    t = TABLE({V4, GID_V2});
    assert_int_equal(gid_choose(&t, &as_it_comes), 0);
    t = (struct gid_table){0};
    assert_int_equal(gid_choose(&t, &as_it_comes), 0);
    assert_int_equal(gid_wish(&t, NULL, 0), -1);
}

/* Only IPv6: by default NCCL stays with entry 0, link-local and v1. */
static void test_ipv6_alone_needs_its_family(void **state)
{
    (void)state;
    struct gid_table t =
        TABLE({LOCAL, GID_V1}, {LOCAL, GID_V2}, {GLOBAL, GID_V1}, {GLOBAL, GID_V2});
    assert_int_equal(gid_choose(&t, &as_it_comes), 0);
    assert_int_equal(gid_choose(&t, &ipv6), 3);
    assert_int_equal(gid_wish(&t, NULL, 0), 3);
}

/* Beside an IPv4 address the IPv6 one is left alone, wherever it stands. */
static void test_both_families(void **state)
{
    (void)state;
    struct gid_table t = TABLE({LOCAL, GID_V1}, {LOCAL, GID_V2}, {GLOBAL, GID_V1}, {GLOBAL, GID_V2},
                               {V4, GID_V1}, {V4, GID_V2});
    assert_int_equal(gid_choose(&t, &as_it_comes), 5);
    assert_int_equal(gid_choose(&t, &ipv6), 3);
    assert_int_equal(gid_wish(&t, NULL, 0), 5);
}

/* Two addresses, the site's fabric the second: the lowest that fits wins unless a range is said. */
static void test_several_addresses_need_a_range(void **state)
{
    (void)state;
    struct gid_table t = TABLE({LOCAL, GID_V1}, {LOCAL, GID_V2}, {STORAGE, GID_V1},
                               {STORAGE, GID_V2}, {V4, GID_V1}, {V4, GID_V2});
    struct gid_range fabric = range_of("10.1.0.0/16"), nowhere = range_of("172.16.0.0/12");
    struct gid_setting setting = {.version = 2, .range = &fabric};
    assert_int_equal(gid_choose(&t, &as_it_comes), 3);
    assert_int_equal(gid_choose(&t, &setting), 5);
    setting.range = &nowhere;
    assert_int_equal(gid_choose(&t, &setting), 0); /* nothing is in it: the first entry, useless */
    assert_int_equal(gid_wish(&t, &fabric, 1), 5);
    assert_int_equal(gid_wish(&t, &nowhere, 1), -1);
}

/* Containers: the types read as nothing, so NCCL keeps the first IPv4 entry. Where not even their
 * files are there, it fails on the second. */
static void test_without_types(void **state)
{
    (void)state;
    struct gid_table t =
        TABLE({LOCAL, GID_UNKNOWN}, {LOCAL, GID_UNKNOWN}, {V4, GID_UNKNOWN}, {V4, GID_UNKNOWN});
    assert_int_equal(gid_choose(&t, &as_it_comes), 2);
    assert_int_equal(gid_wish(&t, NULL, 0), 2);
    t = TABLE({LOCAL, GID_MISSING}, {LOCAL, GID_MISSING}, {V4, GID_MISSING}, {V4, GID_MISSING});
    assert_int_equal(gid_choose(&t, &as_it_comes), -1);
}

static void test_what_is_usable(void **state)
{
    (void)state;
    static const struct {
        const char *gid;
        bool usable, ipv4;
    } cases[] = {{LOCAL, false, false},
                 {EMPTY, false, false},
                 {GLOBAL, true, false},
                 {V4, true, true},
                 {"fec0:0000:0000:0000:0000:0000:0000:0001", true, false},
                 {"ff0e:0000:0000:0000:0000:ffff:e000:0001", true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char raw[16];
        assert_int_equal(gid_parse(cases[i].gid, raw), 0);
        if (gid_is_usable(raw) != cases[i].usable || gid_is_ipv4(raw) != cases[i].ipv4)
            fail_msg("%s", cases[i].gid);
    }
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        bool v4, v6;
    } cases[] = {{"10.1.0.0/16", true, false},  {"10.1.2.0/23", true, false},
                 {"10.1.4.0/23", false, false}, {"10.1.2.3/32", true, false},
                 {"10.1.2.2/32", false, false}, {"fd00::/8", false, true},
                 {"fd00:1::/32", false, true},  {"fd00:2::/32", false, false}};
    unsigned char v4[16], v6[16];
    char text[GID_TEXT];
    assert_int_equal(gid_parse(V4, v4) | gid_parse(GLOBAL, v6), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gid_range r = range_of(cases[i].range);
        if (gid_in_range(v4, &r) != cases[i].v4 || gid_in_range(v6, &r) != cases[i].v6)
            fail_msg("%s", cases[i].range);
        assert_string_equal(gid_range_print(&r, text, sizeof text), cases[i].range);
    }
    struct gid_range loose = range_of("10.1.2.3/16");
    assert_string_equal(gid_range_print(&loose, text, sizeof text), "10.1.0.0/16");
}

/* One range around two: 10.0 and 10.1 share all but the last of 16 bits. */
static void test_a_range_around_two(void **state)
{
    (void)state;
    struct gid_range a = range_of("10.0.0.0/16"), b = range_of("10.1.0.0/16"),
                     far = range_of("192.168.0.0/16"), six = range_of("fd00::/8"), both;
    char text[GID_TEXT];
    assert_true(gid_range_join(&a, &b, &both));
    assert_string_equal(gid_range_print(&both, text, sizeof text), "10.0.0.0/15");
    assert_false(gid_range_join(&a, &far, &both));
    assert_false(gid_range_join(&a, &six, &both));
}

static void test_bad_text_is_refused(void **state)
{
    (void)state;
    static const char *const gids[] = {"",
                                       "fe80",
                                       LOCAL ":00",
                                       "fe80:0000:0000:0000:ba59:9fff:fe12:345g",
                                       "fe80-0000:0000:0000:ba59:9fff:fe12:3456",
                                       "10.1.2",
                                       "10.1.2.256"};
    static const char *const ranges[] = {"",
                                         "10.1.0.0",
                                         "10.1.0/16",
                                         "10.1.0.0/0",
                                         "10.1.0.0/33",
                                         "10.1.0.0/x",
                                         "10.1.0.0/-1",
                                         "fd00::/129",
                                         "fd00::1::/8",
                                         "10.1.0.0/16,",
                                         "10.1.0.0/16,,10.2.0.0/16",
                                         "10.1.0.0/16 10.2.0.0/16"};
    unsigned char raw[16];
    struct gid_range range[GID_RANGES];
    for (size_t i = 0; i < sizeof gids / sizeof gids[0]; i++)
        if (gid_parse(gids[i], raw) == 0)
            fail_msg("'%s' was taken", gids[i]);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct sft_error err = {""};
        if (gid_ranges_parse(ranges[i], range, &err) >= 0 || err.text[0] == '\0')
            fail_msg("'%s' was taken", ranges[i]);
    }
    assert_int_equal(gid_ranges_parse(" 10.1.0.0/16 , fd00::/8", range, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_usual_table),
        cmocka_unit_test(test_other_orders),
        cmocka_unit_test(test_ipv6_alone_needs_its_family),
        cmocka_unit_test(test_both_families),
        cmocka_unit_test(test_several_addresses_need_a_range),
        cmocka_unit_test(test_without_types),
        cmocka_unit_test(test_what_is_usable),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_a_range_around_two),
        cmocka_unit_test(test_bad_text_is_refused),
    };
    return cmocka_run_group_tests_name("gid", tests, NULL, NULL);
}
