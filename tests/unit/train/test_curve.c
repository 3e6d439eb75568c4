/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/train/curve.h"

/* Any number of steps: parts of one width but the last, whose means are those of their steps. */
static void test_curve(void **state)
{
    (void)state;
    char text[CURVE_TEXT];
    for (int steps = 1; steps < 5000; steps += steps < 200 ? 1 : 331) {
        struct curve curve = {0};
        int next = 1;
        for (int i = 1; i <= steps; i++)
            curve_add(&curve, i, i);
        assert_true(curve.count <= CURVE_POINTS && (steps < 32 || curve.count >= CURVE_POINTS / 2));
        for (int i = 0; i < curve.count; i++) {
            const struct curve_part *part = &curve.part[i];
            assert_true(part->steps == curve.width || i == curve.count - 1);
            assert_int_equal(part->last, next + part->steps - 1);
            assert_true(fabs(part->sum / part->steps - (next + part->last) / 2.0) < 1e-9);
            next = part->last + 1;
        }
        assert_int_equal(next, steps + 1);
        assert_true(strlen(curve_text(&curve, text)) < CURVE_TEXT - 1);
    }
    struct curve curve = {0};
    curve_add(&curve, 1, 2.5);
    curve_add(&curve, 2, 1.25);
    assert_string_equal(curve_text(&curve, text), "1:2.5,2:1.25");
}

static void test_points(void **state)
{
    (void)state;
    char text[CURVE_TEXT], end[32];
    for (int count = 1; count < 2000; count++) {
        struct curve_points points = {0};
        for (int i = 0; i < count; i++)
            curve_points_add(&points, 10 * i, 1.0 / (i + 1));
        assert_true(points.count <= CURVE_POINTS && (count < 32 || points.count > 16));
        for (int i = 0; i < points.count; i++) {
            assert_int_equal(points.point[i].step, 10 * i * points.stride);
            assert_true(points.point[i].value == 1.0 / (i * points.stride + 1));
        }
        curve_points_text(&points, text);
        snprintf(end, sizeof end, "%d:%.5g", 10 * (count - 1), 1.0 / count);
        assert_true(strlen(text) >= strlen(end) &&
                    strcmp(text + strlen(text) - strlen(end), end) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_curve), cmocka_unit_test(test_points)};
    return cmocka_run_group_tests_name("curve", tests, NULL, NULL);
}
