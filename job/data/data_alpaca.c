/* SPDX-License-Identifier: Apache-2.0 */
/* Records in JSON: one array of objects, or objects one behind the other (JSON lines). It is
 * walked record by record, so that memory holds one at a time beside the file's text and a
 * complaint can name the record and its line. In JSON lines a broken record ends with its line; in
 * an array nothing tells where the next one begins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data_files.h"
#include "job/data/data_internal.h"
#include "job/data/data_kind.h"
#include "job/data/data_record.h"
#include "job/data/document.h"
#include "lib/checksum.h"
#include "lib/file_read.h"

/* No piece of a tokenizer stands for more bytes: of a longer text what is behind seq * PIECE cannot
 * be among the first seq tokens, and is not worth its memory in tokens. */
enum { PIECE = 256 };

/* Word for word stanford_alpaca's PROMPT_DICT. */
static const char with_input[] =
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n%s\n\n### Input:\n%s\n\n### Response:";
static const char without_input[] =
    "Below is an instruction that describes a task. Write a response that appropriately completes "
    "the request.\n\n### Instruction:\n%s\n\n### Response:";

char *data_prompt(const char *instruction, const char *input)
{
    char *prompt = NULL;
    int length = input == NULL || input[0] == '\0'
                     ? asprintf(&prompt, without_input, instruction)
                     : asprintf(&prompt, with_input, instruction, input);
    return length < 0 ? NULL : prompt;
}

struct reader {
    struct data *data;
    struct document_maker maker;
    const char *name;
    struct scan scan;
    const char *text;    /* from its beginning */
    const char *end;     /* of the text; scan.end may be a line's */
    const char *counted; /* lines are counted up to here */
    bool lines;          /* JSON lines */
    bool narrow; /* one had no end: a record is looked for on one line, lest each reads to the
                    file's end */
    long line, records; /* from 1: of the record that is read, and its number */
    struct record record;
};

static long reader_line(struct reader *r)
{
    for (; r->counted < r->scan.at; r->counted++)
        r->line += *r->counted == '\n';
    return r->line;
}

static int not_json(struct reader *r, struct sft_error *err, const char *what)
{
    return sft_error_set(err, "%s: not JSON: line %ld: %s", r->name, reader_line(r), what);
}

static void fault_take(struct reader *r, bool empty, const char *why)
{
    struct faults *faults = &r->data->faults;
    fault_add(empty ? &faults->empty : &faults->bad, r->data->file, r->records, r->line, why);
}

/* A file has one format: of two that were thrown together neither's figures would be known. */
static int format_check(struct reader *r, struct sft_error *err)
{
    enum record_format format = record_format(&r->record);
    if (r->data->format == RECORD_NONE)
        r->data->format = format;
    if (r->data->format == format)
        return 0;
    return sft_error_set(err,
                         "%s: record %ld (line %ld) has %s, those before it %s: give data= files "
                         "of one format",
                         r->name, r->records, r->line, record_format_names[format],
                         record_format_names[r->data->format]);
}

/* What was read: a document, or one that is left out. */
static int record_take(struct reader *r, struct sft_error *err)
{
    char why[80];
    bool empty;
    struct faults *faults = &r->data->faults;
    if (record_has_fault(&r->record, &empty, why, sizeof why)) {
        if (!empty && faults->bad.count == 0)
            faults->keys = data_keys_find(record_keys(&r->record));
        fault_take(r, empty, why);
        return 0;
    }
    if (format_check(r, err) < 0)
        return -1;
    if (chat_put_system(&r->record.chat, record_text(&r->record, RECORD_SYSTEM)) < 0)
        return sft_error_set(err, "no memory for record %ld", r->records);
    int result = document_make(&r->maker, &r->record, why, sizeof why, err);
    if (result > 0)
        fault_take(r, false, why);
    else
        r->data->mended += record_is_mended(&r->record);
    return result < 0 ? -1 : 0;
}

/* Behind the line's end. */
static const char *line_end(const struct reader *r, const char *begin)
{
    const char *end = memchr(begin, '\n', (size_t)(r->end - begin));
    return end == NULL ? r->end : end + 1;
}

/* In JSON lines the record is left out up to its line's end, where the next one may begin. */
static int record_broken(struct reader *r, const char *begin, struct sft_error *err)
{
    const char *at = r->scan.at, *line = at;
    while (line > r->text && line[-1] != '\n')
        line--;
    long column = at - line + 1;
    char why[88];
    if (!r->lines)
        return sft_error_set(err, "%s: record %ld is not JSON: line %ld, column %ld: %s", r->name,
                             r->records, reader_line(r), column, r->scan.why);
    snprintf(why, sizeof why, "is not JSON: column %ld: %s", column, r->scan.why);
    fault_take(r, false, why);
    r->narrow |= at == r->scan.end;
    r->scan.at = line_end(r, begin);
    return 0;
}

/* What stands in a record's place. */
static int record_is_none(struct reader *r, const char *begin, struct sft_error *err)
{
    bool comma = r->lines && *begin == ',';
    if (r->lines) {
        r->scan.at = line_end(r, begin);
    } else if (scan_value(&r->scan) < 0) {
        return record_broken(r, begin, err);
    }
    fault_take(r, false,
               comma ? "is a comma: records with commas between need [ ] around them"
                     : "is no object {...}");
    return 0;
}

/* One record at `at`. */
static int record_next(struct reader *r, struct sft_error *err)
{
    const char *begin = r->scan.at;
    bool no_memory;
    if (r->narrow)
        r->scan.end = line_end(r, begin);
    r->records++;
    reader_line(r);
    if (*begin != '{')
        return record_is_none(r, begin, err);
    if (record_read(&r->record, &r->scan, (size_t)r->data->seq * PIECE, &no_memory) == 0)
        return record_take(r, err);
    return no_memory ? sft_error_set(err, "no memory for record %ld", r->records)
                     : record_broken(r, begin, err);
}

static int read_array(struct reader *r, struct sft_error *err)
{
    struct scan *scan = &r->scan;
    scan->at++; /* [ */
    scan_space(scan);
    while (scan->at < scan->end && *scan->at != ']') {
        if (record_next(r, err) < 0)
            return -1;
        scan_space(scan);
        if (scan->at == scan->end || *scan->at == ']')
            break;
        if (*scan->at != ',')
            return not_json(r, err, "expected , or ] behind a record");
        scan->at++;
        scan_space(scan);
        if (scan->at < scan->end && *scan->at == ']')
            return not_json(r, err, "a comma stands behind the last record");
    }
    if (scan->at == scan->end)
        return not_json(r, err, "the array has no end; is the file cut?");
    scan->at++;
    scan_space(scan);
    return scan->at < scan->end ? not_json(r, err, "something stands behind the array") : 0;
}

static int read_lines(struct reader *r, struct sft_error *err)
{
    while (r->scan.at < r->end) {
        if (record_next(r, err) < 0)
            return -1;
        r->scan.end = r->end;
        scan_space(&r->scan);
    }
    return 0;
}

static size_t mark_length(const char *text, size_t size)
{
    return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static int kind_check(const char *name, const char *text, size_t size, struct sft_error *err)
{
    const struct data_kind *kind = data_kind_find(text, size);
    if (kind == NULL)
        return 0;
    return sft_error_set(err, "%s: not JSON records: this is %s: %s", name, kind->name,
                         kind->as_data);
}

/* The whole text, from behind its byte order mark on. */
static int read_text(struct reader *r, struct sft_error *err)
{
    struct scan *scan = &r->scan;
    const char *begin = scan->at;
    scan_space(scan);
    if (scan->at == scan->end)
        return sft_error_set(err, "%s: the file is empty; it must hold records", r->name);
    if (kind_check(r->name, begin, (size_t)(scan->end - begin), err) < 0)
        return -1;
    if (*scan->at != '[' && *scan->at != '{')
        return not_json(r, err, "expected an array [...] or objects {...}");
    r->lines = *scan->at == '{';
    return r->lines ? read_lines(r, err) : read_array(r, err);
}

int data_parse(struct data *data, struct tokenizer *tokenizer, const char *name, const char *text,
               size_t size, double skip, struct sft_error *err)
{
    struct reader r = {.data = data,
                       .maker = {.data = data, .tokenizer = tokenizer, .asked = data->template},
                       .name = name,
                       .scan = {text + mark_length(text, size), text + size, NULL},
                       .text = text,
                       .end = text + size,
                       .counted = text,
                       .line = 1};
    int failed = read_text(&r, err);
    record_clear(&r.record);
    document_maker_clear(&r.maker);
    if (failed)
        return -1;
    if (r.records == 0)
        return sft_error_set(err, "%s: the array holds no records", name);
    return faults_judge(&data->faults, name, r.records, skip, err);
}

/* What is no JSON may be as large as it wants: its beginning says what it is. */
static char *text_read(const char *path, size_t *size, struct sft_error *err)
{
    char *head = file_read(path, "data", DATA_KIND_BYTES, size, err);
    size_t mark = head == NULL ? 0 : mark_length(head, *size);
    bool failed = head == NULL || kind_check(path, head + mark, *size - mark, err) < 0;
    free(head);
    return failed ? NULL : file_read(path, "data", SIZE_MAX - 1, size, err);
}

struct data *data_open(const char *path, struct tokenizer *tokenizer, int seq, uint64_t seed,
                       double skip, struct sft_error *err)
{
    return data_open_as(path, tokenizer, SFT_TEMPLATE_AUTO, seq, seed, skip, err);
}

/* Faults are judged file by file, and told together. */
static int file_add(struct data *data, struct tokenizer *tokenizer, const char *path, double skip,
                    struct sft_error *err)
{
    size_t size = 0;
    char *text = text_read(path, &size, err);
    if (text == NULL)
        return -1;
    struct faults before = data->faults;
    memset(&data->faults, 0, sizeof data->faults);
    data->checksum = sft_checksum(data->checksum, text, size);
    int result = data_parse(data, tokenizer, path, text, size, skip, err);
    faults_join(&before, &data->faults);
    data->faults = before;
    free(text);
    return result;
}

struct data *data_open_as(const char *path, struct tokenizer *tokenizer, enum sft_template template,
                          int seq, uint64_t seed, double skip, struct sft_error *err)
{
    struct data_files files;
    if (data_files_find(&files, path, err) < 0)
        return NULL;
    struct data *data = data_create(files.name, seq, tokenizer_end(tokenizer), seed, err);
    int failed = data == NULL ? -1 : 0;
    if (data != NULL) {
        data->template = template;
        data->checksum = SFT_CHECKSUM_BEGIN;
    }
    for (size_t i = 0; i < files.count && !failed; i++) {
        data->file = files.count > 1 ? (int)i + 1 : 0;
        failed = file_add(data, tokenizer, files.paths[i], skip, err);
    }
    if (!failed)
        failed = data_pack(data, err);
    data_files_clear(&files);
    if (!failed)
        return data;
    data_close(data);
    return NULL;
}
