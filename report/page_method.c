/* SPDX-License-Identifier: Apache-2.0 */
/* How it was measured. */
#include "report/page_internal.h"

static void counted_and_checked(struct page *page)
{
    const struct groups *groups = page->groups;
    size_t checked = 0;
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++)
            for (size_t n = 0; n < groups->series[i].cell[k].count; n++)
                checked += row_is_checked(groups->series[i].cell[k].run[n]);
    fprintf(page->out, "<p>");
    fprintf(page->out,
            _("Runs that count: %zu; of them with program, nodes, ranks and time checked: %zu."),
            groups->counted, checked);
    fprintf(page->out, "</p>\n");
}

void page_method(struct page *page)
{
    page_heading(page, "method", _("Method"));
    page_paragraph(
        page,
        _("Every figure comes from the records that the runs left in Slurm's accounting (sacct), "
          "and "
          "nothing was typed in. A record's figures are the job's own, and a job is its user's: "
          "nobody "
          "else can vouch for them. The step daemon published them in the admin comment, which "
          "users "
          "cannot write and which counts where the job's comment says something else. Step, nodes, "
          "ranks and times in it are Slurm's; where the record says checked, root saw that the "
          "site's "
          "program ran unchanged and that the steps fit into the step's time. Runs for which that "
          "failed stand aside."));
    counted_and_checked(page);
    page_paragraph(
        page,
        _("Warm-up steps are trained and not measured. Throughput is the tokens without padding of "
          "all measured steps over their time on rank 0, communication included; in older "
          "records, marked M, over the median step. Figures of several repeats are medians over "
          "the repeats. MFU is against the dense bf16 peak of the data sheet. A figure above its "
          "hardware's roofline is an error, and its run stands aside."));
    page_paragraph(page, _("A configuration's name has what tells it from others of its model: "
                           "tokens of a sequence, "
                           "sequences of a micro-batch x micro-batches of a step on one rank, "
                           "ranks of a node, data, "
                           "device."));
}
