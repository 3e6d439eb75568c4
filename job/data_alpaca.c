/* SPDX-License-Identifier: Apache-2.0 */
/* Alpaca-format JSON: one array of objects, or objects one behind the other (JSON lines). The array
 * is walked here, object by object, so that memory holds one record at a time beside the file's text
 * and a complaint can name the record and its line. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "job/data_internal.h"

/* Word for word stanford_alpaca's PROMPT_DICT. */
static const char with_input[]
    = "Below is an instruction that describes a task, paired with an input that provides further "
      "context. Write a response that appropriately completes the request.\n\n"
      "### Instruction:\n%s\n\n### Input:\n%s\n\n### Response:";
static const char without_input[]
    = "Below is an instruction that describes a task. Write a response that appropriately completes "
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
    const char *text, *at, *end;
    const char *counted; /* lines are counted up to here */
    long line, record;   /* of the record that is read, both from 1 */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void reader_skip_space(struct reader *r)
{
    while (r->at < r->end && is_space(*r->at))
        r->at++;
}

static long reader_line(struct reader *r)
{
    for (; r->counted < r->at; r->counted++)
        r->line += *r->counted == '\n';
    return r->line;
}

static int record_error(struct reader *r, struct sft_error *err, const char *what, const char *field)
{
    return sft_error_set(err, "%s: record %ld (line %ld) %s%s%s: mend or remove it", r->name,
                         r->record, r->line, what, field == NULL ? "" : " ",
                         field == NULL ? "" : field);
}

/* The text of a field, NULL and an error where it is missing or no text. */
static const char *record_text(struct reader *r, json_t *object, const char *field, bool needed,
                               struct sft_error *err)
{
    json_t *value = json_object_get(object, field);
    if (value == NULL && !needed)
        return "";
    if (value == NULL)
        record_error(r, err, "has no field", field);
    else if (!json_is_string(value))
        record_error(r, err, "has no text in field", field);
    else if (needed && json_string_length(value) == 0)
        record_error(r, err, "has an empty", field);
    else
        return json_string_value(value);
    return NULL;
}

static int document_add(struct reader *r, const char *prompt, const char *output,
                        struct sft_error *err)
{
    int32_t *question = NULL, *answer = NULL, *all = NULL;
    long asked = tokenizer_encode(r->tokenizer, prompt, strlen(prompt), &question, err);
    long said = asked < 0 ? -1 : tokenizer_encode(r->tokenizer, output, strlen(output), &answer, err);
    int result = -1;
    if (said < 0)
        goto out;
    all = malloc((size_t)(asked + said + 2) * sizeof *all);
    if (all == NULL) {
        sft_error_set(err, "no memory for record %ld", r->record);
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

static int record_take(struct reader *r, json_t *object, struct sft_error *err)
{
    const char *instruction = record_text(r, object, "instruction", true, err);
    const char *input = instruction == NULL ? NULL : record_text(r, object, "input", false, err);
    const char *output = input == NULL ? NULL : record_text(r, object, "output", true, err);
    if (output == NULL)
        return -1;
    char *prompt = data_prompt(instruction, input);
    if (prompt == NULL)
        return sft_error_set(err, "no memory for record %ld", r->record);
    int result = document_add(r, prompt, output, err);
    free(prompt);
    return result;
}

/* One object at `at`. */
static int record_read(struct reader *r, struct sft_error *err)
{
    json_error_t json;
    r->record++;
    reader_line(r);
    if (*r->at != '{')
        return record_error(r, err, "is no object {...}", NULL);
    json_t *object = json_loadb(r->at, (size_t)(r->end - r->at),
                                JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &json);
    if (object == NULL)
        return sft_error_set(err, "%s: record %ld is not JSON: line %ld, column %d: %s", r->name,
                             r->record, r->line + json.line - 1, json.column, json.text);
    int result = record_take(r, object, err);
    json_decref(object);
    r->at += json.position;
    return result;
}

static int not_json(struct reader *r, struct sft_error *err, const char *what)
{
    return sft_error_set(err, "%s: not JSON: line %ld: %s", r->name, reader_line(r), what);
}

static int read_array(struct reader *r, struct sft_error *err)
{
    r->at++; /* [ */
    reader_skip_space(r);
    while (r->at < r->end && *r->at != ']') {
        if (record_read(r, err) < 0)
            return -1;
        reader_skip_space(r);
        if (r->at == r->end || *r->at == ']')
            break;
        if (*r->at != ',')
            return not_json(r, err, "expected , or ] behind a record");
        r->at++;
        reader_skip_space(r);
        if (r->at < r->end && *r->at == ']')
            return not_json(r, err, "a comma stands behind the last record");
    }
    if (r->at == r->end)
        return not_json(r, err, "the array has no end; is the file cut?");
    r->at++;
    reader_skip_space(r);
    return r->at < r->end ? not_json(r, err, "something stands behind the array") : 0;
}

static int read_lines(struct reader *r, struct sft_error *err)
{
    while (r->at < r->end) {
        if (record_read(r, err) < 0)
            return -1;
        reader_skip_space(r);
    }
    return 0;
}

int data_parse(struct data *data, struct tokenizer *tokenizer, const char *name, const char *text,
               size_t size, struct sft_error *err)
{
    struct reader r = { .data = data, .tokenizer = tokenizer, .name = name, .text = text,
                        .at = text, .end = text + size, .counted = text, .line = 1 };
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    reader_skip_space(&r);
    if (r.at == r.end)
        return sft_error_set(err, "%s: the file is empty; it must hold Alpaca-format records", name);
    const char *nul = memchr(r.at, '\0', (size_t)(r.end - r.at));
    if (nul != NULL)
        return sft_error_set(err, "%s: not JSON: byte %zu is NUL", name, (size_t)(nul - text) + 1);
    if (*r.at != '[' && *r.at != '{')
        return not_json(&r, err, "expected an array [...] or objects {...}");
    if ((*r.at == '[' ? read_array(&r, err) : read_lines(&r, err)) < 0)
        return -1;
    return r.record == 0 ? sft_error_set(err, "%s: the array holds no records", name) : 0;
}

static char *file_read(const char *path, size_t *size, struct sft_error *err)
{
    struct stat info;
    char *text = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &info) < 0) {
        sft_error_set(err, "%s: cannot read the data: %s", path, strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        sft_error_set(err, "%s: is no file: data= must name a JSON file", path);
    } else if ((text = malloc((size_t)info.st_size + 1)) == NULL) {
        sft_error_set(err, "%s: no memory for %lld bytes", path, (long long)info.st_size);
    } else {
        *size = fread(text, 1, (size_t)info.st_size, file);
        text[*size] = '\0';
        if (ferror(file)) {
            sft_error_set(err, "%s: cannot read the data: %s", path, strerror(errno));
            free(text);
            text = NULL;
        }
    }
    if (file != NULL)
        fclose(file);
    return text;
}

static uint64_t checksum(const char *text, size_t size)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3u;
    return sum;
}

struct data *data_open(const char *path, struct tokenizer *tokenizer, int seq, uint64_t seed,
                       struct sft_error *err)
{
    size_t size = 0;
    char *text = file_read(path, &size, err);
    if (text == NULL)
        return NULL;
    const char *slash = strrchr(path, '/');
    struct data *data = data_create(slash == NULL ? path : slash + 1, seq,
                                    tokenizer_end(tokenizer), seed, err);
    if (data != NULL) {
        data->checksum = checksum(text, size);
        if (data_parse(data, tokenizer, path, text, size, err) < 0 || data_pack(data, err) < 0) {
            data_close(data);
            data = NULL;
        }
    }
    free(text);
    return data;
}
