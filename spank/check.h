/* SPDX-License-Identifier: Apache-2.0 */
/* The job's own look at its data and tokenizer, before anything is allocated. */
#ifndef SFT_SPANK_CHECK_H
#define SFT_SPANK_CHECK_H

enum { CHECK_NOT_HERE = 2, CHECK_NO_FOLDER = 3 };

/* Run `job --check request words...` in `folder` (NULL: here), as who we are. Returns 0 when all
 * is well, 1 when the job has said on stderr what is not, CHECK_NOT_HERE when it could not run on
 * this host, CHECK_NO_FOLDER when there is no such folder here. */
int check_run(const char *job, const char *request, char *const *words, int count,
              const char *folder);

#endif
