/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/writer.h"

#include <stdarg.h>
#include <stdio.h>

void writer_begin(struct writer *writer, char *text, size_t size)
{
    *writer = (struct writer){.text = text, .size = size};
    text[0] = '\0';
}

void writer_put(struct writer *writer, char c)
{
    if (writer->used + 1 >= writer->size) {
        writer->cut = true;
        return;
    }
    writer->text[writer->used++] = c;
    writer->text[writer->used] = '\0';
}

void writer_text(struct writer *writer, const char *text)
{
    for (; *text != '\0'; text++)
        writer_put(writer, *text);
}

void writer_line(struct writer *writer, const char *format, ...)
{
    va_list arguments;
    size_t room = writer->size - writer->used;
    va_start(arguments, format);
    int length = vsnprintf(writer->text + writer->used, room, format, arguments);
    va_end(arguments);
    bool fits = length >= 0 && (size_t)length + 1 < room;
    if (fits) {
        writer->used += (size_t)length;
        writer->text[writer->used++] = '\n';
    }
    writer->cut |= !fits;
    writer->text[writer->used] = '\0';
}
