/* SPDX-License-Identifier: Apache-2.0 */
#include "report/html.h"

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

void html_text(FILE *out, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return;
    text_make_plain(copy);
    for (const char *at = copy; *at != '\0'; at++) {
        put_byte(out, (unsigned char)*at);
        if (*at == ',' && at[1] != ' ' && at[1] != '\0')
            fputs("<wbr>", out); /* a list of hosts may break behind a comma */
    }
    free(copy);
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
    fprintf(out, "<sup>%c</sup>", sft_origin_name(origin)[0]);
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
