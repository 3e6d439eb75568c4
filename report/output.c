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

/* A link in a folder in which everyone may make files, by a user other than this one and the
 * folder's, was put there to be followed. Linux can refuse such (protected_symlinks); realpath
 * would not hear of it. */
static bool link_is_planted(const char *path, const struct stat *link)
{
    char folder[PATH_MAX];
    struct stat there;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s",
             slash == NULL   ? 1
             : slash == path ? 1
                             : (int)(slash - path),
             slash == NULL ? "." : path);
    return stat(folder, &there) == 0 && (there.st_mode & S_ISVTX) != 0 &&
           (there.st_mode & S_IWOTH) != 0 && link->st_uid != geteuid() &&
           link->st_uid != there.st_uid;
}

/* Every link on the way that the path names, not what these lead to. */
static bool way_is_planted(const char *path)
{
    char part[PATH_MAX];
    struct stat there;
    for (size_t length = 1; length < sizeof part && path[length - 1] != '\0'; length++) {
        if (path[length] != '/' && path[length] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        if (lstat(part, &there) == 0 && S_ISLNK(there.st_mode) && link_is_planted(part, &there))
            return true;
    }
    return false;
}

static int output_target(struct output *output, const char *path, struct sft_error *err)
{
    struct stat there;
    if (way_is_planted(path))
        return sft_error_set(
            err, "--output %s: another user's link in a folder of everyone's: name another file",
            path);
    if (lstat(path, &there) < 0 && errno == ENOENT) {
        if ((size_t)snprintf(output->target, sizeof output->target, "%s", path) >=
            sizeof output->target)
            return sft_error_set(err, "--output: the name is too long");
        return 0;
    }
    if (realpath(path, output->target) == NULL || stat(output->target, &there) < 0)
        return sft_error_set(err, "--output %s: %s", path, strerror(errno));
    return S_ISREG(there.st_mode)
               ? 0
               : sft_error_set(err, "--output %s: is there and no regular file", path);
}

int output_begin(struct output *output, const char *path, struct sft_error *err)
{
    *output = (struct output){.file = stdout, .path = path};
    if (path == NULL)
        return 0;
    if (output_target(output, path, err) < 0)
        return -1;
    if ((size_t)snprintf(output->beside, sizeof output->beside, "%s" BESIDE, output->target) >=
        sizeof output->beside)
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

static int output_file_end(struct output *output, int rc, enum options_form form,
                           struct sft_error *err)
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
