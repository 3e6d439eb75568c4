/* SPDX-License-Identifier: Apache-2.0 */
/* How it was measured, and who stands for it. */
#include "report/page_internal.h"

static bool is_file(const struct row *row)
{
    return (row->marks & ROW_FILE) != 0;
}

static void from_files(struct page *page, size_t files)
{
    if (files == 0)
        return;
    page_say(page,
             _("Runs that were read from a result.json: %zu of %zu. Nobody but who wrote the file "
               "stands for them, and Slurm has checked nothing in it."),
             files, page->groups->counted);
}

/* What was handed over in a file is only as good as whoever handed it over. */
static void from_input(struct page *page)
{
    page_paragraph(page, _("The records were read from files that were given with --input, as "
                           "sacct prints them, and not from Slurm itself: whoever gave the files "
                           "stands for them."));
}

static void from_slurm(struct page *page, bool others)
{
    if (page->options->inputs > 0)
        from_input(page);
    else
        page_paragraph(
            page, others
                      ? _("All other figures come from the records that the runs left in Slurm's "
                          "accounting (sacct), and nothing was typed in.")
                      : _("Every figure comes from the records that the runs left in Slurm's "
                          "accounting (sacct), and nothing was typed in."));
    page_paragraph(
        page,
        _("A record's figures are the job's own, and a job is its user's: nobody else can vouch "
          "for them. The step daemon published them in the admin comment, which users cannot "
          "write and which counts where the job's comment says something else. Step, nodes, ranks "
          "and times in it are Slurm's; where the record says checked, root saw that the site's "
          "program ran unchanged and that the steps fit into the step's time. Runs for which that "
          "failed stand aside."));
}

static void counted_and_checked(struct page *page)
{
    page_say(page,
             _("Runs that count: %zu; of them with program, nodes, ranks and time checked: %zu."),
             page->groups->counted, page_runs_that(page, row_is_checked));
}

void page_method(struct page *page)
{
    size_t files = page_runs_that(page, is_file);
    page_heading(page, "method", _("Method"));
    from_files(page, files);
    if (files < page->groups->counted || files == 0)
        from_slurm(page, files > 0);
    counted_and_checked(page);
    page_paragraph(
        page,
        _("Warm-up steps are trained and not measured. Throughput is the tokens without padding of "
          "all measured steps over their time on rank 0, communication included; in older "
          "records, marked M, over the median step. Figures of several repeats are medians over "
          "the repeats. MFU is against the dense bf16 peak of the data sheet, or, marked K, one "
          "that was said. A figure above its hardware's roofline is an error, and its run stands "
          "aside."));
    page_paragraph(page, _("A configuration's name has what tells it from others of its model: "
                           "tokens of a sequence, "
                           "sequences of a micro-batch x micro-batches of a step on one rank, "
                           "ranks of a node, data, "
                           "device."));
}
