/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever squeue and sinfo print: no crash, texts stay ended, no cell without a request that can
 * be read. */
#include <stdlib.h>
#include <string.h>

#include "sweep/plan.h"
#include "sweep/state.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct sweep_state state = {0};
    struct sweep_cells cells = {0};
    struct plan_nodes nodes;
    struct sft_request request;
    char *text = strndup((const char *)data, size);
    if (text == NULL)
        return 0;
    plan_nodes_read(&nodes, text, NULL);
    if (nodes.nodes < 0 || nodes.gpus < 0)
        abort();
    if (sweep_state_queue(&state, "", text, NULL) == 0 && state.count < 100) {
        sweep_state_count(&state, &cells, true);
        for (size_t i = 0; i < cells.count; i++)
            if (sft_request_parse(&request, cells.cell[i].text, NULL) < 0 ||
                cells.cell[i].had + sweep_cell_alive(&cells.cell[i]) + cells.cell[i].bad == 0)
                abort();
    }
    sweep_state_clear(&state);
    sweep_cells_clear(&cells);
    free(text);
    return 0;
}
