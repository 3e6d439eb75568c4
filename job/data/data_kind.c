/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/data_kind.h"

#include <string.h>
#include <strings.h>

static bool has(const char *text, size_t size, const char *part)
{
    return memmem(text, size, part, strlen(part)) != NULL;
}

static size_t space_length(const char *text, size_t size)
{
    size_t length = 0;
    while (length < size && strchr(" \t\r\n", text[length]) != NULL && text[length] != '\0')
        length++;
    return length;
}

static bool begins(const char *text, size_t size, const char *with)
{
    return size >= strlen(with) && strncasecmp(text, with, strlen(with)) == 0;
}

static bool is_zip_of_sheets(const char *text, size_t size)
{
    return has(text, size, "xl/") || has(text, size, "opendocument.spreadsheet");
}

static bool is_zip_of_tensors(const char *text, size_t size)
{
    return has(text, size, "data.pkl") || has(text, size, ".npy");
}

static bool is_zeros(const char *text, size_t size)
{
    return size > 0 && text[0] == '\0' && memcmp(text, text + 1, size - 1) == 0;
}

/* Without a mark: what is ASCII has a NUL in each other byte. */
static bool is_utf16(const char *text, size_t size)
{
    size_t nul[2] = {0, 0};
    if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return true;
    for (size_t i = 0; i < size && i < 64; i++)
        nul[i % 2] += text[i] == '\0';
    size_t half = (size < 64 ? size : 64) / 2;
    return half > 1 && (nul[0] == half || nul[1] == half) && nul[0] != nul[1];
}

/* The header's length, then the header, which is JSON. */
static bool is_safetensors(const char *text, size_t size)
{
    return size > 9 && text[8] == '{' && text[6] == '\0' && text[7] == '\0' &&
           (has(text, size, "\"dtype\"") || has(text, size, "__metadata__"));
}

static bool is_pickle(const char *text, size_t size)
{
    return size > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
}

static bool is_tar(const char *text, size_t size)
{
    return size > 262 && memcmp(text + 257, "ustar", 5) == 0;
}

static bool is_html(const char *text, size_t size)
{
    size_t space = space_length(text, size);
    return begins(text + space, size - space, "<!doctype html") ||
           begins(text + space, size - space, "<html");
}

static bool is_xml(const char *text, size_t size)
{
    size_t space = space_length(text, size);
    return begins(text + space, size - space, "<?xml") ||
           begins(text + space, size - space, "<error>");
}

/* A base64 word, a space, a rank. */
static bool is_tiktoken(const char *text, size_t size)
{
    static const char base64[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    size_t word = 0, digits = 0;
    while (word < size && text[word] != '\0' && strchr(base64, text[word]) != NULL)
        word++;
    if (word == 0 || word % 4 != 0 || word == size || text[word] != ' ')
        return false;
    while (word + 1 + digits < size && text[word + 1 + digits] >= '0' &&
           text[word + 1 + digits] <= '9')
        digits++;
    return digits > 0 &&
           (word + 1 + digits == size || strchr("\r\n", text[word + 1 + digits]) != NULL);
}

static bool is_object_with(const char *text, size_t size, const char *key, const char *other)
{
    size_t space = space_length(text, size);
    return space < size && text[space] == '{' && has(text, size, key) && has(text, size, other) &&
           !has(text, size, "\"instruction\"");
}

/* tokenizers writes "version" first, and its vocabulary may hold any word, "instruction" too. */
static bool is_tokenizers_own(const char *text, size_t size)
{
    static const char key[] = "\"added_tokens\"";
    size_t space = space_length(text, size);
    const char *found = memmem(text, size, key, sizeof key - 1), *end = text + size;
    if (space == size || text[space] != '{' || found == NULL ||
        !has(text, size < 128 ? size : 128, "\"version\""))
        return false;
    for (found += sizeof key - 1;
         found < end && strchr(" \t\r\n:", *found) != NULL && *found != '\0';)
        found++;
    return found < end && *found == '[';
}

static bool is_tokenizer_json(const char *text, size_t size)
{
    if (is_tokenizers_own(text, size))
        return true;
    return is_object_with(text, size, "\"model\"", "\"vocab\"") ||
           is_object_with(text, size, "\"version\"", "\"added_tokens\"");
}

static bool is_tokenizer_config(const char *text, size_t size)
{
    return is_object_with(text, size, "\"tokenizer_class\"", "") ||
           is_object_with(text, size, "\"added_tokens_decoder\"", "");
}

/* pieces begin with <unk>, <s>, </s>, each with its kind and score */
static bool is_sentencepiece(const char *text, size_t size)
{
    return size > 16 && text[0] == '\n' && text[2] == '\n' &&
           has(text, size < 256 ? size : 256, "<unk>");
}

static bool is_piece_list(const char *text, size_t size)
{
    return begins(text, size, "<unk>\t") || begins(text, size, "<pad>\t");
}

static size_t line_count(const char *text, size_t size, char what, size_t *length)
{
    const char *end = memchr(text, '\n', size);
    size_t count = 0;
    *length = end == NULL ? size : (size_t)(end - text);
    for (size_t i = 0; i < *length; i++)
        count += text[i] == what;
    return count;
}

/* Named columns: a first line of words, as many of them as in the second, or with a name that we
 * know. */
static bool is_columns(const char *text, size_t size, char separator)
{
    static const char *const names[] = {"instruction", "output", "prompt", "response", "question"};
    size_t length, second, space = space_length(text, size);
    text += space;
    size -= space;
    size_t count = size == 0 ? 0 : line_count(text, size, separator, &length);
    if (count == 0 || strchr("[{<", text[0]) != NULL || memchr(text, '\0', size) != NULL)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has(text, length, names[i]))
            return true;
    return length + 1 < size &&
           line_count(text + length + 1, size - length - 1, separator, &second) == count;
}

static bool is_csv(const char *text, size_t size)
{
    return is_columns(text, size, ',');
}

static bool is_tsv(const char *text, size_t size)
{
    return is_columns(text, size, '\t');
}

static bool is_yaml(const char *text, size_t size)
{
    return begins(text, size, "---\n") || begins(text, size, "- instruction:") ||
           begins(text, size, "instruction:");
}

/* repr() or str() of a dict or a list of them */
static bool is_python(const char *text, size_t size)
{
    size_t at = space_length(text, size);
    if (at < size && text[at] == '[')
        at += 1 + space_length(text + at + 1, size - at - 1);
    if (at == size || text[at] != '{')
        return false;
    at += 1 + space_length(text + at + 1, size - at - 1);
    return at < size && text[at] == '\'';
}

#define ONLY_JSON "only JSON arrays and JSON lines of records are read"
#define ONLY_PIECES "give a SentencePiece model or a tokenizer.json, or leave tokenizer= out"
#define AS_TOKENIZER "name it with tokenizer=, and the records with data="
#define UNPACK "unpack it first, and give what was in it"
#define FETCH "it is what a server said in place of the file: look at it, and fetch the file again"
#define TO_JSON(read) "write it as JSON lines: " read ".to_json(NEW, orient='records', lines=True)"
#define MAGIC(offset, text) offset, sizeof(text) - 1, text
#define NO_MAGIC 0, 0, NULL

static const struct data_kind kinds[] = {
    {"a git-lfs pointer and not the file itself", "fetch the file with git lfs pull",
     "fetch the file with git lfs pull", MAGIC(0, "version https://git-lfs"), NULL},
    {"a file of NUL bytes alone", "it was not written to its end: fetch it again",
     "it was not written to its end: fetch it again", NO_MAGIC, is_zeros},
    {"a gzip file", "unpack it first (gunzip)", "unpack it first (gunzip)", MAGIC(0, "\x1f\x8b"),
     NULL},
    {"a zstd file", "unpack it first (unzstd)", "unpack it first (unzstd)",
     MAGIC(0, "\x28\xb5\x2f\xfd"), NULL},
    {"an xz file", "unpack it first (unxz)", "unpack it first (unxz)",
     MAGIC(0, "\xfd"
              "7zXZ"),
     NULL},
    {"a bzip2 file", "unpack it first (bunzip2)", "unpack it first (bunzip2)", MAGIC(0, "BZh"),
     NULL},
    {"an lz4 file", "unpack it first (unlz4)", "unpack it first (unlz4)",
     MAGIC(0, "\x04\x22\x4d\x18"), NULL},
    {"a 7-Zip file", UNPACK, UNPACK, MAGIC(0, "7z\xbc\xaf\x27\x1c"), NULL},
    {"a tar file", UNPACK, UNPACK, NO_MAGIC, is_tar},
    {"a spreadsheet", TO_JSON("pandas.read_excel(FILE)"), ONLY_PIECES, MAGIC(0, "PK\x03\x04"),
     is_zip_of_sheets},
    {"a file of tensors (zip)", ONLY_JSON, ONLY_PIECES, MAGIC(0, "PK\x03\x04"), is_zip_of_tensors},
    {"a zip file", UNPACK, UNPACK, MAGIC(0, "PK\x03\x04"), NULL},
    {"an old Excel file", TO_JSON("pandas.read_excel(FILE)"), ONLY_PIECES,
     MAGIC(0, "\xd0\xcf\x11\xe0"), NULL},
    {"a Parquet file", TO_JSON("pandas.read_parquet(FILE)"), ONLY_PIECES, MAGIC(0, "PAR1"), NULL},
    {"an Arrow file", TO_JSON("pandas.read_feather(FILE)"), ONLY_PIECES, MAGIC(0, "ARROW1"), NULL},
    {"a Feather file", TO_JSON("pandas.read_feather(FILE)"), ONLY_PIECES, MAGIC(0, "FEA1"), NULL},
    {"an Arrow stream", "write it as JSON lines: datasets.Dataset.from_file(FILE).to_json(NEW)",
     ONLY_PIECES, MAGIC(0, "\xff\xff\xff\xff"), NULL},
    {"an ORC file", TO_JSON("pandas.read_orc(FILE)"), ONLY_PIECES, MAGIC(0, "ORC"), NULL},
    {"an Avro file", ONLY_JSON, ONLY_PIECES, MAGIC(0, "Obj\x01"), NULL},
    {"an HDF5 file", ONLY_JSON, ONLY_PIECES, MAGIC(0, "\x89HDF"), NULL},
    {"an SQLite database", ONLY_JSON, ONLY_PIECES, MAGIC(0, "SQLite format 3"), NULL},
    {"a NumPy array", ONLY_JSON, ONLY_PIECES, MAGIC(0, "\x93NUMPY"), NULL},
    {"a GGUF model", "data= wants records, not weights", "GGUF is not read: " ONLY_PIECES,
     MAGIC(0, "GGUF"), NULL},
    {"a safetensors file of weights", "data= wants records, not weights", ONLY_PIECES, NO_MAGIC,
     is_safetensors},
    {"a Python pickle", ONLY_JSON, ONLY_PIECES, NO_MAGIC, is_pickle},
    {"a PDF", ONLY_JSON, ONLY_PIECES, MAGIC(0, "%PDF-"), NULL},
    {"a picture", ONLY_JSON, ONLY_PIECES, MAGIC(0, "\x89PNG"), NULL},
    {"a program", ONLY_JSON, ONLY_PIECES,
     MAGIC(0, "\x7f"
              "ELF"),
     NULL},
    {"a web page (HTML)", FETCH, FETCH, NO_MAGIC, is_html},
    {"XML", FETCH, FETCH, NO_MAGIC, is_xml},
    {"UTF-16 text", "make it UTF-8 (iconv -f UTF-16 -t UTF-8)", ONLY_PIECES, NO_MAGIC, is_utf16},
    {"a SentencePiece model", AS_TOKENIZER, NULL, NO_MAGIC, is_sentencepiece},
    {"a file of tiktoken ranks", AS_TOKENIZER, NULL, NO_MAGIC, is_tiktoken},
    {"a Hugging Face tokenizer.json", AS_TOKENIZER, NULL, NO_MAGIC, is_tokenizer_json},
    {"a tokenizer's configuration", "data= wants records",
     "give the tokenizer.json or tokenizer.model beside it", NO_MAGIC, is_tokenizer_config},
    {"a list of BPE merges (merges.txt)", "data= wants records",
     "give the tokenizer.json that transformers' save_pretrained() writes", MAGIC(0, "#version:"),
     NULL},
    {"SentencePiece's list of pieces (.vocab)", "data= wants records",
     "give the .model file beside it", NO_MAGIC, is_piece_list},
    {"Python's own writing of records",
     "write it with json.dumps(), which puts names in double quotes", ONLY_PIECES, NO_MAGIC,
     is_python},
    {"YAML", "write it as JSON: " ONLY_JSON, ONLY_PIECES, NO_MAGIC, is_yaml},
    {"a TSV table", TO_JSON("pandas.read_csv(FILE, sep='\\t')"), ONLY_PIECES, NO_MAGIC, is_tsv},
    {"a CSV table", TO_JSON("pandas.read_csv(FILE)"), ONLY_PIECES, NO_MAGIC, is_csv},
};

const struct data_kind *data_kind_find(const char *text, size_t size)
{
    size_t looked = size < DATA_KIND_BYTES ? size : DATA_KIND_BYTES;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct data_kind *kind = &kinds[i];
        if (kind->length > 0 && (looked < kind->offset + kind->length ||
                                 memcmp(text + kind->offset, kind->magic, kind->length) != 0))
            continue;
        if (kind->test == NULL || kind->test(text, looked))
            return kind;
    }
    return NULL;
}

enum data_reader data_kind_reader(const struct data_kind *kind)
{
    if (kind == NULL)
        return READER_NONE;
    return kind->test == is_sentencepiece    ? READER_SENTENCEPIECE
           : kind->test == is_tiktoken       ? READER_TIKTOKEN
           : kind->test == is_tokenizer_json ? READER_TOKENIZER_JSON
                                             : READER_NONE;
}
