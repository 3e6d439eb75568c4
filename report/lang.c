/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "report/lang.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef ENABLE_NLS
#include <libintl.h>

#ifndef SFT_LOCALEDIR
#define SFT_LOCALEDIR "/usr/share/locale"
#endif

/* The locale ja_JP.UTF-8 need not be generated on this machine: in any locale but C, gettext goes
 * by LANGUAGE (gettext's manual, "Locale Environment Variables"). C.UTF-8 is part of glibc
 * since 2.35. */
int lang_set(bool japanese, struct sft_error *err)
{
    const char *folder = getenv("SFT_LOCALEDIR");
    if (!japanese)
        return 0;
    setenv("LANGUAGE", "ja", 1);
    if (setlocale(LC_MESSAGES, "ja_JP.UTF-8") == NULL && setlocale(LC_MESSAGES, "C.UTF-8") == NULL)
        return sft_error_set(
            err, "--lang ja: this system has neither the locale ja_JP.UTF-8 nor C.UTF-8: "
                 "generate one of them");
    bindtextdomain(LANG_DOMAIN, folder != NULL && *folder != '\0' ? folder : SFT_LOCALEDIR);
    bind_textdomain_codeset(LANG_DOMAIN, "UTF-8");
    textdomain(LANG_DOMAIN);
    /* Translators: the two letters of your language. */
    return strcmp(_("language"), "ja") == 0
               ? 0
               : sft_error_set(
                     err,
                     "--lang ja: no catalogue %s.mo for ja in %s: is sft-report installed whole?",
                     LANG_DOMAIN, folder != NULL && *folder != '\0' ? folder : SFT_LOCALEDIR);
}

const char *lang_text(const char *text)
{
    return *text == '\0' ? "" : dgettext(LANG_DOMAIN, text);
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
