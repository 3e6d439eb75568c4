/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file of an unknown kind: what it and its records are called is a row of a table,
 * and nothing is read behind its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data_keys.h"
#include "job/data/data_kind.h"
#include "job/data/scan.h"

static void check_keys(const char *text, size_t size)
{
    struct scan scan = {text, text + size, NULL};
    char key[24];
    unsigned bits = 0;
    scan_space(&scan);
    if (scan_type(&scan) != SCAN_OBJECT)
        return;
    for (bool first = true; scan_member(&scan, first, key, sizeof key) == 1; first = false) {
        bits |= data_keys_bit(key);
        if (scan.at > scan.end || strlen(key) >= sizeof key || scan_value(&scan) < 0)
            break;
        scan_space(&scan);
    }
    const struct data_keys *keys = data_keys_find(bits);
    if (scan.at > scan.end || (keys != NULL && keys->advice[0] == '\0'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text =
        malloc(size > 0 ? size : 1); /* no NUL behind it: the sanitizer sees a byte too many */
    memcpy(text, bytes, size);
    const struct data_kind *kind = data_kind_find(text, size);
    if (kind != NULL && (kind->name[0] == '\0' || kind->as_data == NULL))
        abort();
    check_keys(text, size);
    free(text);
    return 0;
}
