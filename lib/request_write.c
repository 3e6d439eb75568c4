/* SPDX-License-Identifier: Apache-2.0 */
/* A request as text, and beside another. */
#include "lib/request.h"
#include "lib/writer.h"

#include <stdio.h>

static void write_key(struct writer *w, const struct sft_request *request,
                      const struct sft_field *key)
{
    char value[SFT_REQUEST_PATH];
    sft_field_write(key, request, value, sizeof value);
    writer_put(w, ',');
    writer_text(w, key->name);
    writer_put(w, '=');
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == ',' || *at == '\\')
            writer_put(w, '\\');
        writer_put(w, *at);
    }
}

bool sft_request_covers(const struct sft_request *wanted, const struct sft_request *actual)
{
    if (wanted->preset != actual->preset || wanted->task != actual->task ||
        wanted->nodes != actual->nodes)
        return false;
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++)
        if ((sft_field_said(key, wanted) || key->scope != SFT_SCOPE_SITE_TOO) &&
            !sft_field_same(key, wanted, actual))
            return false;
    return true;
}

int sft_request_format(const struct sft_request *request, char *text, size_t size,
                       struct sft_error *err)
{
    struct writer w;
    char nodes[16];
    writer_begin(&w, text, size);
    writer_text(&w, sft_request_subject(request->task, request->preset));
    if (request->nodes > 0) {
        snprintf(nodes, sizeof nodes, ":%d", request->nodes);
        writer_text(&w, nodes);
    }
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++)
        if (sft_field_said(key, request))
            write_key(&w, request, key);
    if (w.cut)
        return sft_error_set(err, "the request is longer than %zu bytes", size - 1);
    return 0;
}
