/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: mkstemps */
#include "report/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/pdf.h"

/* The name's end tells a browser what it is. */
#define BESIDE ".XXXXXX.html"

static int output_target(struct output *output, const char *path, struct sft_error *err)
{
    struct stat there;
    if (lstat(path, &there) < 0 && errno == ENOENT) {
        if ((size_t)snprintf(output->target, sizeof output->target, "%s", path) >= sizeof output->target)
            return sft_error_set(err, "--output: the name is too long");
        return 0;
    }
    if (realpath(path, output->target) == NULL || stat(output->target, &there) < 0)
        return sft_error_set(err, "--output %s: %s", path, strerror(errno));
    return S_ISREG(there.st_mode) ? 0 : sft_error_set(err, "--output %s: is there and no regular file", path);
}

int output_begin(struct output *output, const char *path, struct sft_error *err)
{
    *output = (struct output) { .file = stdout, .path = path };
    if (path == NULL)
        return 0;
    if (output_target(output, path, err) < 0)
        return -1;
    if ((size_t)snprintf(output->beside, sizeof output->beside, "%s" BESIDE, output->target)
        >= sizeof output->beside)
        return sft_error_set(err, "--output: the name is too long");
    int fd = mkstemps(output->beside, (int)strlen(".html"));
    mode_t mask = umask(0);
    umask(mask);
    output->file = fd < 0 || fchmod(fd, 0666 & ~mask) < 0 ? NULL : fdopen(fd, "w");
    if (output->file != NULL)
        return 0;
    int saved = errno;
    if (fd >= 0) {
        close(fd);
        unlink(output->beside);
    }
    return sft_error_set(err, "--output %s: %s", path, strerror(saved));
}

static int output_file_end(struct output *output, int rc, enum options_form form, struct sft_error *err)
{
    bool bad = ferror(output->file) != 0;
    bad = fclose(output->file) != 0 || bad;
    if (rc == 0 && bad)
        rc = sft_error_set(err, "--output %s: %s", output->path, strerror(errno));
    if (rc == 0 && form == OPTIONS_PDF)
        rc = pdf_make(output->beside, output->target, err);
    else if (rc == 0 && rename(output->beside, output->target) < 0)
        rc = sft_error_set(err, "--output %s: %s", output->path, strerror(errno));
    if (rc < 0 || form == OPTIONS_PDF)
        unlink(output->beside);
    return rc;
}

int output_end(struct output *output, int rc, enum options_form form, struct sft_error *err)
{
    return output->path == NULL ? rc : output_file_end(output, rc, form, err);
}
