/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "report/lang.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accounts/spawn.h"
#include "report/catalogue.h"

#ifdef ENABLE_NLS

#ifndef SFT_LOCALEDIR
#define SFT_LOCALEDIR "/usr/share/locale"
#endif

static struct catalogue catalogue; /* for as long as the program runs */

static int catalogue_path(char path[PATH_MAX], const char *folder)
{
    return snprintf(path, PATH_MAX, "%s/ja/LC_MESSAGES/" LANG_DOMAIN ".mo", folder) < PATH_MAX ? 0
                                                                                               : -1;
}

/* Of an installation that was moved as a whole: PREFIX/bin has the program. */
static bool catalogue_beside(char path[PATH_MAX])
{
    char folder[PATH_MAX];
    return spawn_beside("../share/locale", folder, sizeof folder) &&
           catalogue_path(path, folder) == 0 && access(path, R_OK) == 0;
}

static int catalogue_find_file(char path[PATH_MAX], struct sft_error *err)
{
    const char *folder = getenv("SFT_LOCALEDIR");
    char beside[PATH_MAX];
    bool said = folder != NULL && *folder != '\0';
    if (catalogue_path(path, said ? folder : SFT_LOCALEDIR) < 0)
        return sft_error_set(err, "--lang ja: SFT_LOCALEDIR's name is too long");
    if (!said && access(path, R_OK) < 0 && catalogue_beside(beside))
        strcpy(path, beside);
    return 0;
}

int lang_set(bool japanese, struct sft_error *err)
{
    char path[PATH_MAX];
    if (!japanese || catalogue.bytes != NULL)
        return 0;
    if (catalogue_find_file(path, err) < 0)
        return -1;
    if (catalogue_open(&catalogue, path, err) < 0)
        return sft_error_prefix(err, "--lang ja (is sft-report installed whole?)");
    /* Translators: the two letters of your language. */
    return strcmp(_("language"), "ja") == 0
               ? 0
               : sft_error_set(err, "--lang ja: %s is no catalogue for ja", path);
}

const char *lang_text(const char *text)
{
    const char *found = *text == '\0' ? NULL : catalogue_find(&catalogue, text);
    return found != NULL && *found != '\0' ? found : text;
}

#else

int lang_set(bool japanese, struct sft_error *err)
{
    return japanese ? sft_error_set(err, "--lang ja: built without gettext (--disable-nls)") : 0;
}

const char *lang_text(const char *text)
{
    return text;
}

#endif

void lang_zone(bool japanese)
{
    if (!japanese || getenv("TZ") != NULL)
        return;
    setenv("TZ", "JST-9", 1); /* needs no tzdata */
    tzset();
}

const char *lang_currency(const char *code)
{
    static const char *const known[] = {N_("JPY"), N_("USD"), N_("EUR")};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(code, known[i]) == 0)
            return _(known[i]);
    return code;
}
