/* SPDX-License-Identifier: Apache-2.0 */
#include "report/html.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/lang.h"
#include "accounts/text.h"

static void put_byte(FILE *out, unsigned char c)
{
    switch (c) {
    case '&':
        fputs("&amp;", out);
        return;
    case '<':
        fputs("&lt;", out);
        return;
    case '>':
        fputs("&gt;", out);
        return;
    case '"':
        fputs("&quot;", out);
        return;
    case '\'':
        fputs("&#39;", out);
        return;
    }
    putc(c < ' ' || c == 127 ? '?' : c, out);
}

enum {
    WORD_LONG = 24, /* letters from which a word may break behind punctuation */
    WORD_MOST = 40  /* a line of every width holds so many */
};

/* A comma between digits is a number's. */
static bool is_thousands(const char *at, size_t begun)
{
    return begun > 1 && isdigit((unsigned char)at[-1]) && isdigit((unsigned char)at[1]);
}

/* May a line end behind the letter, the `begun`th of its word? */
static bool breaks_behind(const char *at, size_t begun)
{
    if (at[1] == '\0' || at[1] == ' ' || ((unsigned char)at[1] & 0xc0) == 0x80)
        return false;
    return (*at == ',' && !is_thousands(at, begun)) ||
           (begun >= WORD_LONG && strchr("/:;=_.-+@|", *at) != NULL) || begun >= WORD_MOST;
}

static void put_text(FILE *out, const char *text, bool breaks)
{
    char *copy = strdup(text);
    size_t begun = 0;
    if (copy == NULL)
        return;
    text_make_plain(copy);
    for (const char *at = copy; *at != '\0'; at++) {
        put_byte(out, (unsigned char)*at);
        /* Other scripts break by themselves. */
        begun = *at == ' ' || (unsigned char)*at >= 0x80 ? 0 : begun + 1;
        if (breaks && breaks_behind(at, begun)) {
            fputs("<wbr>", out);
            begun = 0;
        }
    }
    free(copy);
}

void html_text(FILE *out, const char *text)
{
    put_text(out, text, true);
}

void html_attribute(FILE *out, const char *text)
{
    put_text(out, text, false);
}

void html_number_text(double value, int digits, char *text, size_t size)
{
    char plain[64];
    if (!isfinite(value) || fabs(value) > 1e18) {
        snprintf(text, size, "\xe2\x80\x93");
        return;
    }
    snprintf(plain, sizeof plain, "%.*f", digits, value);
    size_t whole = strcspn(plain, "."), used = 0;
    for (size_t i = 0; plain[i] != '\0' && used + 2 < size; i++) {
        bool digit = plain[i] >= '0' && plain[i] <= '9';
        if (i > 0 && i < whole && digit && (whole - i) % 3 == 0 && plain[i - 1] != '-')
            text[used++] = ',';
        text[used++] = plain[i];
    }
    text[used] = '\0';
}

void html_number(FILE *out, double value, int digits)
{
    char text[80];
    html_number_text(value, digits, text, sizeof text);
    fputs(text, out);
}

void html_origin_of(FILE *out, enum sft_origin origin)
{
    /* The joiner keeps it in the line of what it marks. */
    fprintf(out, "<sup>&#8288;%c</sup>", sft_origin_name(origin)[0]);
}

void html_origin(FILE *out, const char *key)
{
    const struct sft_figure *known = sft_figure_find(key);
    if (known != NULL)
        html_origin_of(out, known->origin);
}

void html_td_text(FILE *out, const char *text)
{
    fputs("<td>", out);
    html_text(out, *text != '\0' ? text : "\xe2\x80\x93");
    fputs("</td>", out);
}

void html_th_row(FILE *out, const char *text)
{
    fputs("<th scope=\"row\">", out);
    html_text(out, *text != '\0' ? text : "\xe2\x80\x93");
    fputs("</th>", out);
}

void html_td_number(FILE *out, double value, int digits)
{
    fputs("<td class=\"n\">", out);
    html_number(out, value, digits);
    fputs("</td>", out);
}

void html_td_whole(FILE *out, long long value)
{
    html_td_number(out, (double)value, 0);
}

static void th_begin(FILE *out, const char *title, bool number)
{
    fprintf(out, "<th scope=\"col\"%s>", number ? " class=\"n\"" : "");
    html_text(out, title);
}

void html_th(FILE *out, const char *title, const char *key)
{
    const struct sft_figure *known = key != NULL ? sft_figure_find(key) : NULL;
    th_begin(out, title, known != NULL && (known->type == SFT_INTEGER || known->type == SFT_REAL));
    if (known != NULL) {
        html_origin_of(out, known->origin);
        if (known->unit[0] != '\0') {
            fputs("<br><small>", out);
            html_text(out, _(known->unit));
            fputs("</small>", out);
        }
    }
    fputs("</th>", out);
}

void html_th_count(FILE *out, const char *title)
{
    th_begin(out, title, true);
    fputs("</th>", out);
}

void html_th_unit(FILE *out, const char *title, const char *unit, enum sft_origin origin)
{
    th_begin(out, title, true);
    html_origin_of(out, origin);
    if (unit[0] != '\0') {
        fputs("<br><small>", out);
        html_text(out, unit);
        fputs("</small>", out);
    }
    fputs("</th>", out);
}
