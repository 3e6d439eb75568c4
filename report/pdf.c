/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: realpath */
#include "report/pdf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/spawn.h"

/* As a file: URL has it. */
static void url_of(const char *path, char *url, size_t size)
{
    size_t used = (size_t)snprintf(url, size, "file://");
    for (; *path != '\0' && used + 4 < size; path++) {
        const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-~";
        if (strchr(plain, *path) != NULL)
            url[used++] = *path;
        else
            used += (size_t)sprintf(url + used, "%%%02X", (unsigned char)*path);
    }
    url[used] = '\0';
}

/* As root Chromium wants its sandbox off; the page is our own, without scripts and without anything
 * from outside. */
static int run_chromium(const char *program, const char *html, const char *pdf,
                        struct sft_error *err)
{
    char url[3 * PATH_MAX], out[PATH_MAX + 32], real[PATH_MAX];
    if (realpath(html, real) == NULL)
        return sft_error_set(err, "%s: %s", html, strerror(errno));
    url_of(real, url, sizeof url);
    snprintf(out, sizeof out, "--print-to-pdf=%s", pdf);
    const char *argv[] = {program,
                          "--headless",
                          "--disable-gpu",
                          "--disable-dev-shm-usage",
                          "--no-pdf-header-footer",
                          "--print-to-pdf-no-header",
                          "--log-level=3",
                          out,
                          url,
                          geteuid() == 0 ? "--no-sandbox" : NULL,
                          NULL};
    return spawn_quiet(argv, err); /* it writes of its own affairs */
}

static int run_weasyprint(const char *html, const char *pdf, struct sft_error *err)
{
    const char *argv[] = {"weasyprint", "-q", html, pdf, NULL};
    return spawn_quiet(argv, err);
}

static int run_one(const char *html, const char *pdf, struct sft_error *err)
{
    static const char *const chromiums[] = {"chromium", "chromium-browser", "google-chrome"};
    for (size_t i = 0; i < sizeof chromiums / sizeof chromiums[0]; i++)
        if (spawn_has(chromiums[i]))
            return run_chromium(chromiums[i], html, pdf, err);
    if (spawn_has("weasyprint"))
        return run_weasyprint(html, pdf, err);
    return sft_error_set(
        err,
        "--format pdf: neither chromium nor weasyprint is installed: install one, or print the "
        "page of --format html from a browser");
}

static int pdf_write(const char *html, const char *beside, const char *pdf, struct sft_error *err)
{
    struct stat made;
    if (run_one(html, beside, err) < 0)
        return -1;
    if (lstat(beside, &made) < 0 || !S_ISREG(made.st_mode) || made.st_size == 0)
        return sft_error_set(err, "--output %s: no PDF came of it", pdf);
    return rename(beside, pdf) == 0 ? 0
                                    : sft_error_set(err, "--output %s: %s", pdf, strerror(errno));
}

/* Another program writes it, to a name: in a folder of our own, in which nobody puts a link of that
 * name first. */
int pdf_make(const char *html, const char *pdf, struct sft_error *err)
{
    char folder[PATH_MAX], beside[PATH_MAX + 16];
    if ((size_t)snprintf(folder, sizeof folder, "%s.XXXXXX", pdf) >= sizeof folder)
        return sft_error_set(err, "--output: the name is too long");
    if (mkdtemp(folder) == NULL)
        return sft_error_set(err, "--output %s: %s", pdf, strerror(errno));
    snprintf(beside, sizeof beside, "%s/report.pdf", folder);
    int rc = pdf_write(html, beside, pdf, err);
    unlink(beside);
    rmdir(folder);
    return rc;
}
