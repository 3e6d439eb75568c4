/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a suite's file holds: no crash; what is refused names the file, and what is taken makes
 * cells, or says in one line why not. */
#include <stdlib.h>
#include <string.h>

#include "sweep/phase.h"

static void cells_hold(const struct suite *suite)
{
    static struct sweep_options options;
    struct sweep_cells cells[PHASES] = {{0}};
    struct phase_nodes nodes = {0};
    struct sft_error err = {""};
    options.repeat = suite->repeat;
    names_split(&nodes.good, "n1,n2");
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++) {
        if (phase_cells(cells, phase, suite, &options, &nodes, 2, &err) < 0 &&
            (err.text[0] == '\0' || strchr(err.text, '\n') != NULL))
            abort();
        for (size_t i = 0; i < cells[phase].count; i++)
            if (cells[phase].cell[i].request.nodes < 1)
                abort();
    }
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        sweep_cells_clear(&cells[phase]);
    phase_nodes_clear(&nodes);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct suite suite;
    struct sft_error err = {""};
    int rc = suite_parse(&suite, (const char *)data, size, "fuzz", &err);
    if (rc < 0 && (strncmp(err.text, "fuzz:", 5) != 0 || strchr(err.text, '\n') != NULL))
        abort();
    if (rc == 0 && (suite.smoke.count + suite.model.count == 0 || suite.repeat < 1))
        abort();
    if (rc == 0)
        cells_hold(&suite);
    return 0;
}
