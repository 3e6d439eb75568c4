/* SPDX-License-Identifier: Apache-2.0 */
/* Alpaca-format JSON: one array of objects, or objects one behind the other (JSON lines). It is
 * walked record by record, so that memory holds one at a time beside the file's text and a
 * complaint can name the record and its line. In JSON lines a broken record ends with its line; in
 * an array nothing tells where the next one begins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data_internal.h"
#include "job/data/data_kind.h"
#include "job/data/data_record.h"
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
    struct tokenizer *tokenizer;
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

static int document_add(struct reader *r, const char *prompt, const char *output,
                        struct sft_error *err)
{
    int32_t *question = NULL, *answer = NULL, *all = NULL;
    long asked = tokenizer_encode(r->tokenizer, prompt, strlen(prompt), &question, err);
    long said =
        asked < 0 ? -1 : tokenizer_encode(r->tokenizer, output, strlen(output), &answer, err);
    int result = -1;
    if (said < 0)
        goto out;
    all = malloc((size_t)(asked + said + 2) * sizeof *all);
    if (all == NULL) {
        sft_error_set(err, "no memory for record %ld", r->records);
        goto out;
    }
    all[0] = tokenizer_begin(r->tokenizer);
    if (asked > 0)
        memcpy(all + 1, question, (size_t)asked * sizeof *all);
    if (said > 0)
        memcpy(all + 1 + asked, answer, (size_t)said * sizeof *all);
    all[1 + asked + said] = tokenizer_end(r->tokenizer);
    result = data_add(r->data, all, asked + said + 2, asked + 1, err);
out:
    free(question);
    free(answer);
    free(all);
    return result;
}

static void fault_take(struct reader *r, bool empty, const char *why)
{
    struct faults *faults = &r->data->faults;
    fault_add(empty ? &faults->empty : &faults->bad, r->records, r->line, why);
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
    char *prompt = data_prompt(record_text(&r->record, RECORD_INSTRUCTION),
                               record_text(&r->record, RECORD_INPUT));
    if (prompt == NULL)
        return sft_error_set(err, "no memory for record %ld", r->records);
    int result = document_add(r, prompt, record_text(&r->record, RECORD_OUTPUT), err);
    free(prompt);
    r->data->mended += record_is_mended(&r->record);
    return result;
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
        return sft_error_set(err, "%s: the file is empty; it must hold Alpaca-format records",
                             r->name);
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
                       .tokenizer = tokenizer,
                       .name = name,
                       .scan = {text + mark_length(text, size), text + size, NULL},
                       .text = text,
                       .end = text + size,
                       .counted = text,
                       .line = 1};
    int failed = read_text(&r, err);
    record_clear(&r.record);
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

static uint64_t checksum(const char *text, size_t size)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3u;
    return sum;
}

struct data *data_open(const char *path, struct tokenizer *tokenizer, int seq, uint64_t seed,
                       double skip, struct sft_error *err)
{
    size_t size = 0;
    char *text = text_read(path, &size, err);
    if (text == NULL)
        return NULL;
    const char *slash = strrchr(path, '/');
    struct data *data =
        data_create(slash == NULL ? path : slash + 1, seq, tokenizer_end(tokenizer), seed, err);
    if (data != NULL) {
        data->checksum = checksum(text, size);
        if (data_parse(data, tokenizer, path, text, size, skip, err) < 0 ||
            data_pack(data, err) < 0) {
            data_close(data);
            data = NULL;
        }
    }
    free(text);
    return data;
}
