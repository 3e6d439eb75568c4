/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in a page, its record is this step's, fits, is read back, and is complete only
 * where Slurm says so; and merged into a comment it touches no other step's record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spank/page.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#define OTHER "sft1{step=1.0 state=complete tok_s=7}"

static void check(const struct sft_record *record, const struct page_facts *facts)
{
    char text[SFT_RECORD_MAX], merged[3 * SFT_RECORD_MAX];
    struct sft_record again;
    const char *state = sft_record_get(record, "state");
    REQUIRE(strcmp(sft_record_get(record, "step"), facts->step) == 0);
    REQUIRE(strcmp(sft_record_get(record, "nodes"), "2") == 0);
    REQUIRE(strcmp(state, "complete") != 0 || (facts->end == PAGE_ENDED && facts->status == 0));
    REQUIRE(strcmp(state, "failed") != 0 || sft_record_get(record, "fail")[0] != '\0');
    REQUIRE(sft_record_format(record, false, text, sizeof text, NULL) == 0);
    REQUIRE(sft_record_parse(&again, text, NULL, NULL) == 0);
    sft_record_clear(&again);
    REQUIRE(sft_record_merge(OTHER, record, merged, sizeof merged, NULL) == 0);
    REQUIRE(strncmp(merged, OTHER " sft2{step=17.2 ", sizeof OTHER " sft2{step=17.2 " - 1) == 0);
}

/* The first byte chooses what is known. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct page_facts facts = {
        .step = "17.2",
        .request = "tiny:2",
        .model = "tiny",
        .nodes = 2,
        .ranks = 4,
        .host = "node1",
        .start = 1767225600,
        .life = data[0] & 16 ? 1e9 : 1,
        .end = (enum page_end)(data[0] & 3),
        .status = data[0] & 4 ? 9 : 0,
        .verdict = data[0] & 8 ? PROGRAM_WRONG : PROGRAM_SITE,
        .program = "other:x",
        .other = data[0] & 32,
    };
    struct sft_record record;
    struct sft_error err = {""};
    if (page_read((const char *)data + 1, size - 1, &facts, &record, &err) == 1) {
        check(&record, &facts);
        sft_record_clear(&record);
    }
    return 0;
}
