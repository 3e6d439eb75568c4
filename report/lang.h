/* SPDX-License-Identifier: Apache-2.0 */
/* The page's language, by a catalogue of gettext's. */
#ifndef REPORT_LANG_H
#define REPORT_LANG_H

#include <stdbool.h>

#include "lib/error.h"

#define LANG_DOMAIN "sft-report"

/* Translate from now on. $SFT_LOCALEDIR, where set, has the catalogues in place of the folder that
 * was installed, or, where that is not there, share/locale beside the program's own. Fails where
 * the language's catalogue cannot be read: half a page in another language is none. */
int lang_set(bool japanese, struct sft_error *err);

/* The text in the page's language. */
const char *lang_text(const char *text) __attribute__((format_arg(1)));

#define _(text) lang_text(text)
#define N_(text) text /* marks what is translated where it is used */

/* Times of a Japanese page are Japan's, unless the environment's TZ says otherwise. */
void lang_zone(bool japanese);

/* The currency's word in the page's language; the code where there is none. */
const char *lang_currency(const char *code);

#endif
