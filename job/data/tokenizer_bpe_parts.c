/* SPDX-License-Identifier: Apache-2.0 */
/* The small members of tokenizer.json: what they ask for is done, or refused with its name. */
#include <string.h>

#include <jansson.h>

#include "job/data/tokenizer_bpe_internal.h"

/* As GPT-2's ByteLevel has it. */
#define GPT2 "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define PIECES "; a SentencePiece tokenizer has a tokenizer.model beside it"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static int split_put(struct bpe *bpe, const char *pattern, bool literal, bool keep_gaps,
                     struct sft_error *err)
{
    if (bpe->split_count == BPE_SPLITS)
        return sft_error_set(err, "its pre_tokenizer has more than %d patterns", BPE_SPLITS);
    struct bpe_split *split = bpe_split_create(pattern, literal, keep_gaps, err);
    if (split == NULL)
        return -1;
    bpe->splits[bpe->split_count++] = split;
    return 0;
}

static int split_read(struct bpe *bpe, const json_t *part, struct sft_error *err)
{
    const json_t *pattern = json_object_get(part, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char *literal = json_string_value(json_object_get(pattern, "String"));
    const char *behavior = text_of(part, "behavior");
    bool invert = json_is_true(json_object_get(part, "invert"));
    bool removed = strcmp(behavior, "Removed") == 0 && invert;
    if (regex == NULL && literal == NULL)
        return sft_error_set(err, "a Split of its pre_tokenizer has no pattern");
    if (!removed && (invert || strcmp(behavior, "Isolated") != 0))
        return sft_error_set(err,
                             "a Split of its pre_tokenizer has behavior %.40s%s, which is not "
                             "supported: Isolated is",
                             behavior, invert ? " with invert" : "");
    return split_put(bpe, regex != NULL ? regex : literal, regex == NULL, !removed, err);
}

static int digits_read(struct bpe *bpe, const json_t *part, struct sft_error *err)
{
    bool each = json_is_true(json_object_get(part, "individual_digits"));
    return split_put(bpe, each ? "\\p{N}" : "\\p{N}+", false, true, err);
}

static int byte_level_read(struct bpe *bpe, const json_t *part, struct sft_error *err)
{
    const json_t *regex = json_object_get(part, "use_regex"); /* true where it is missing */
    if (!json_is_false(json_object_get(part, "add_prefix_space")))
        return sft_error_set(
            err, "its pre_tokenizer adds a space (add_prefix_space), which is not supported");
    return json_is_false(regex) ? 0 : split_put(bpe, GPT2, false, true, err);
}

/* ByteLevel must be the last: what follows it would see letters for bytes. */
static int pre_tokenizer_read(struct bpe *bpe, const json_t *part, bool *bytes, int depth,
                              struct sft_error *err)
{
    const char *type = text_of(part, "type");
    const json_t *parts = json_object_get(part, "pretokenizers");
    if (*bytes)
        return sft_error_set(err,
                             "its pre_tokenizer has %.40s behind ByteLevel, which is not "
                             "supported",
                             type);
    if (strcmp(type, "Split") == 0)
        return split_read(bpe, part, err);
    if (strcmp(type, "Digits") == 0)
        return digits_read(bpe, part, err);
    if (strcmp(type, "ByteLevel") == 0) {
        *bytes = true;
        return byte_level_read(bpe, part, err);
    }
    if (strcmp(type, "Sequence") != 0 || depth > 2)
        return sft_error_set(err,
                             "its pre_tokenizer %.40s is not supported: byte-level BPE is" PIECES,
                             type[0] == '\0' ? "of no type" : type);
    for (size_t i = 0; i < json_array_size(parts); i++)
        if (pre_tokenizer_read(bpe, json_array_get(parts, i), bytes, depth + 1, err) < 0)
            return -1;
    return 0;
}

static int normalizer_read(const json_t *part, struct sft_error *err)
{
    const json_t *parts = json_object_get(part, "normalizers");
    const char *type = text_of(part, "type");
    if (strcmp(type, "Sequence") == 0 && json_is_array(parts) && json_array_size(parts) == 0)
        return 0;
    if (json_array_size(parts) > 0)
        type = text_of(json_array_get(parts, 0), "type");
    return sft_error_set(
        err, "its normalizer %.40s is not supported: none is, as Llama 3 has it" PIECES, type);
}

/* The special token in front of the text. Those behind it are the training's own matter. */
static int template_read(struct bpe *bpe, const json_t *part, struct sft_error *err)
{
    const json_t *first = json_array_get(json_object_get(part, "single"), 0);
    const json_t *special = json_object_get(first, "SpecialToken");
    if (special == NULL)
        return 0;
    bpe->begin = bpe_special(bpe, text_of(special, "id"));
    if (bpe->begin < 0)
        return sft_error_set(err, "its post_processor names '%.60s', which is no added token",
                             text_of(special, "id"));
    return 0;
}

static int post_processor_read(struct bpe *bpe, const json_t *part, int depth,
                               struct sft_error *err)
{
    const char *type = text_of(part, "type");
    const json_t *parts = json_object_get(part, "processors");
    if (strcmp(type, "ByteLevel") == 0)
        return 0; /* offsets alone */
    if (strcmp(type, "TemplateProcessing") == 0)
        return template_read(bpe, part, err);
    if (strcmp(type, "Sequence") != 0 || depth > 2)
        return sft_error_set(err,
                             "its post_processor %.40s is not supported: ByteLevel and "
                             "TemplateProcessing are",
                             type);
    for (size_t i = 0; i < json_array_size(parts); i++)
        if (post_processor_read(bpe, json_array_get(parts, i), depth + 1, err) < 0)
            return -1;
    return 0;
}

/* One that is no special token is found in texts, where only the plain kind is supported. */
static int added_token_read(struct bpe *bpe, const json_t *token, struct sft_error *err)
{
    static const char *const flags[] = {"single_word", "lstrip", "rstrip"};
    const char *text = text_of(token, "content");
    long long id = json_is_integer(json_object_get(token, "id"))
                       ? json_integer_value(json_object_get(token, "id"))
                       : -1;
    bool special = json_is_true(json_object_get(token, "special"));
    if (text[0] == '\0' || bpe_id_check(bpe, id) < 0)
        return sft_error_set(err,
                             "the added token '%.60s' has no text or an id that is not 0 to %d",
                             text, BPE_IDS - 1);
    for (size_t i = 0; i < sizeof flags / sizeof *flags && !special; i++)
        if (json_is_true(json_object_get(token, flags[i])))
            return sft_error_set(err, "the added token '%.60s' has %s, which is not supported",
                                 text, flags[i]);
    if (bpe_vocab_put(&bpe->specials, text, strlen(text), (int32_t)id) < 0 ||
        (!special && bpe_add(bpe, text, (int32_t)id) < 0))
        return sft_error_set(err, "no memory for added tokens");
    return 0;
}

static int added_read(struct bpe *bpe, const json_t *tokens, struct sft_error *err)
{
    for (size_t i = 0; i < json_array_size(tokens); i++)
        if (added_token_read(bpe, json_array_get(tokens, i), err) < 0)
            return -1;
    return 0;
}

static int part_read(struct bpe *bpe, const char *key, const json_t *part, struct sft_error *err)
{
    bool bytes = false;
    if (json_is_null(part))
        return 0;
    if (strcmp(key, "added_tokens") == 0)
        return added_read(bpe, part, err);
    if (strcmp(key, "normalizer") == 0)
        return normalizer_read(part, err);
    if (strcmp(key, "post_processor") == 0)
        return post_processor_read(bpe, part, 0, err);
    if (strcmp(key, "pre_tokenizer") != 0)
        return 0; /* version, truncation, padding, decoder: nothing of how a text is encoded */
    if (pre_tokenizer_read(bpe, part, &bytes, 0, err) < 0)
        return -1;
    if (!bytes)
        return sft_error_set(err, "its pre_tokenizer is not of bytes (ByteLevel)" PIECES);
    return 0;
}

int bpe_parts_read(struct bpe *bpe, const char *key, const char *text, size_t size,
                   struct sft_error *err)
{
    json_error_t why;
    json_t *part = json_loadb(text, size, JSON_DECODE_ANY, &why);
    if (part == NULL)
        return sft_error_set(err, "its %s is not JSON: %s", key, why.text);
    int result = part_read(bpe, key, part, err);
    json_decref(part);
    return result;
}

/* What stands there in BPE models that need it; nothing is worth more words. */
static bool model_is_plain(struct bpe *bpe, const char *key, const json_t *value)
{
    if (strcmp(key, "type") == 0)
        return json_is_string(value) && strcmp(json_string_value(value), "BPE") == 0;
    if (strcmp(key, "ignore_merges") == 0)
        bpe->whole = json_is_true(value);
    if (strcmp(key, "dropout") == 0)
        return json_is_null(value) || json_number_value(value) == 0;
    if (strcmp(key, "continuing_subword_prefix") == 0 || strcmp(key, "end_of_word_suffix") == 0)
        return json_is_null(value) || json_string_length(value) == 0;
    if (strcmp(key, "byte_fallback") == 0)
        return !json_is_true(value);
    return true; /* unk_token, fuse_unk: each byte has a token */
}

int bpe_parts_model(struct bpe *bpe, const char *key, const char *text, size_t size,
                    struct sft_error *err)
{
    json_error_t why;
    json_t *value = json_loadb(text, size, JSON_DECODE_ANY, &why);
    if (value == NULL)
        return sft_error_set(err, "its model's %s is not JSON: %s", key, why.text);
    bool plain = model_is_plain(bpe, key, value);
    json_decref(value);
    if (plain)
        return 0;
    return sft_error_set(err,
                         "its model's %s is %.*s, which is not supported: byte-level BPE is" PIECES,
                         key, (int)(size < 40 ? size : 40), text);
}

/* "<|end_of_text|>", or an added token with its content; NULL and "": not said. */
static int config_token(const struct bpe *bpe, const json_t *config, const char *key, int32_t *id,
                        struct sft_error *err)
{
    const json_t *value = json_object_get(config, key);
    const char *text = json_is_object(value) ? text_of(value, "content") : json_string_value(value);
    if (text == NULL || text[0] == '\0')
        return 0;
    *id = bpe_special(bpe, text);
    if (*id < 0)
        return sft_error_set(err, "its %s '%.60s' is no added token of the tokenizer", key, text);
    return 0;
}

int bpe_config_read(struct bpe *bpe, const char *text, size_t size, struct sft_error *err)
{
    json_error_t why;
    json_t *config = json_loadb(text, size, 0, &why);
    if (config == NULL)
        return sft_error_set(err, "not JSON: line %d: %s", why.line, why.text);
    int result = config_token(bpe, config, "bos_token", &bpe->begin, err) < 0 ||
                         config_token(bpe, config, "eos_token", &bpe->end, err) < 0
                     ? -1
                     : 0;
    json_decref(config);
    return result;
}
