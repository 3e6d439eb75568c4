/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations: texts and losses are transformers', and what reaches the model has no loss but on
 * the assistant's turns and their ends. */
#include "tests/unit/unit.h"

#include "job/data/data_internal.h"
#include "job/data/document.h"

static const struct golden {
    enum sft_template template;
    struct {
        const char *role, *text;
    } turns[8];
    const char *text, *mask; /* mask: "1" for each byte that has a loss */
} golden[] = {
#include "tests/golden/chat.inc"
};

static enum chat_role role_of(const char *name)
{
    return strcmp(name, "system") == 0 ? CHAT_SYSTEM
           : strcmp(name, "user") == 0 ? CHAT_USER
                                       : CHAT_ASSISTANT;
}

static void chat_make(struct chat *chat, const struct golden *one)
{
    chat_begin(chat);
    for (int i = 0; i < 8 && one->turns[i].role != NULL; i++) {
        struct chat_turn *turn = chat_add(chat, role_of(one->turns[i].role));
        assert_int_equal(chat_say(turn, one->turns[i].text), 0);
    }
}

/* The text with begin and end spelled out, and a digit a byte for the loss. */
static void spell(const struct chat_text *text, enum sft_template template, char *all, char *mask)
{
    all[0] = mask[0] = '\0';
    for (size_t i = 0; i < text->count; i++) {
        const struct chat_part *part = &text->parts[i];
        const char *bytes = text->bytes + part->begin;
        size_t length = part->length;
        if (part->kind == CHAT_BEGIN)
            bytes = template == SFT_TEMPLATE_LLAMA3 || template == SFT_TEMPLATE_LLAMA31
                        ? "<|begin_of_text|>"
                        : "<s>";
        if (part->kind == CHAT_END)
            bytes = "</s>";
        if (part->kind == CHAT_BEGIN || part->kind == CHAT_END)
            length = strlen(bytes);
        snprintf(all + strlen(all), 256, "%.*s", (int)length, bytes);
        for (size_t b = 0; b < length; b++)
            strcat(mask, part->trained ? "1" : "0");
    }
}

static void test_texts_and_losses_are_transformers(void **state)
{
    (void)state;
    struct chat chat = {0};
    struct chat_text text = {0};
    char all[4096], mask[4096];
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        chat_make(&chat, &golden[i]);
        assert_int_equal(chat_render(&chat, golden[i].template, &text), 0);
        spell(&text, golden[i].template, all, mask);
        assert_string_equal(all, golden[i].text);
        assert_string_equal(mask, golden[i].mask);
    }
    chat_clear(&chat);
    chat_text_clear(&text);
}

static struct data *parse_as(const char *text, enum sft_template template, struct sft_error *err)
{
    struct tokenizer *tokenizer = tokenizer_open("bytes", NULL);
    struct data *data = data_create("test", 512, tokenizer_end(tokenizer), 1, err);
    data->template = template;
    int failed = data_parse(data, tokenizer, "f.jsonl", text, strlen(text), 0, err) < 0 ||
                 data_pack(data, err) < 0;
    tokenizer_close(tokenizer);
    if (!failed)
        return data;
    data_close(data);
    return NULL;
}

/* What the model sees: the bytes that are targets, of all rows. */
static void trained_bytes(const struct data *data, char *text)
{
    struct batch batch;
    assert_int_equal(batch_create(&batch, 512, NULL), 0);
    data_fill(data, 0, 1, &batch);
    int count = 0;
    for (int i = 0; i < batch.rows; i++)
        if (batch.targets[i] >= 0)
            text[count++] = batch.targets[i] == 257 ? '$' : (char)batch.targets[i];
    text[count] = '\0';
    assert_int_equal(batch.trained, count);
    batch_destroy(&batch);
}

static void expect_trained(const char *record, enum sft_template template, const char *wanted)
{
    char text[513];
    struct sft_error err = {""};
    struct data *data = parse_as(record, template, &err);
    if (data == NULL)
        fail_msg("%s", err.text);
    trained_bytes(data, text);
    assert_string_equal(text, wanted);
    data_close(data);
}

#define TURN(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define SAID(from, text) "{\"from\":\"" from "\",\"value\":\"" text "\"}"
#define TWO                                                                                        \
    TURN("system", "Sys")                                                                          \
    "," TURN("user", "Usr") "," TURN("assistant",                                                  \
                                     "One") "," TURN("user", "Again") "," TURN("assistant", "Two")

static void test_loss_is_on_the_assistant_alone(void **state)
{
    (void)state;
    static const char openai[] = "{\"messages\":[" TWO "]}";
    static const char sharegpt[] =
        "{\"id\":1,\"system\":\"Sys\",\"conversations\":[" SAID("human", "Usr") "," SAID(
            "gpt", "One") "," SAID("human", "Again") "," SAID("gpt", "Two") "]}";
    static const char silent[] = "{\"messages\":[" TURN(
        "user", "a") ",{\"role\":\"assistant\",\"weight\":0,\"content\":"
                     "\"No\"}," TURN("user", "b") "," TURN("assistant", "Yes") "]}";
    for (int i = 0; i < 2; i++) {
        const char *record = i == 0 ? openai : sharegpt;
        expect_trained(record, SFT_TEMPLATE_LLAMA3, "One<|eot_id|>Two<|eot_id|>");
        expect_trained(record, SFT_TEMPLATE_CHATML, "One<|im_end|>Two<|im_end|>");
        expect_trained(record, SFT_TEMPLATE_LLAMA2, " One $ Two $");
        expect_trained(record, SFT_TEMPLATE_AUTO, "One$Two$"); /* bytes: Alpaca's */
    }
    expect_trained(silent, SFT_TEMPLATE_CHATML, "Yes<|im_end|>");
    expect_trained("{\"prompt\":\"p\",\"completion\":\"c\"}", SFT_TEMPLATE_AUTO, "c$");
    expect_trained("{\"prompt\":\"p\",\"completion\":\"c\"}", SFT_TEMPLATE_CHATML, "c<|im_end|>");
    expect_trained("{\"instruction\":\"i\",\"input\":\"n\",\"output\":\"o\"}", SFT_TEMPLATE_LLAMA3,
                   "o<|eot_id|>");
    expect_trained("{\"instruction\":\"i\",\"input\":\"n\",\"output\":\"o\"}", SFT_TEMPLATE_AUTO,
                   "o$");
}

/* A conversation that is cut keeps its losses, one that has none left is left out. */
static void test_cut(void **state)
{
    (void)state;
    struct data *data = data_create("test", 8, 0, 1, NULL);
    int32_t tokens[12] = {0};
    uint8_t early[12] = {0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1}, late[12] = {1, 0, 0, 0, 0, 0, 0, 0, 1};
    assert_int_equal(data_add_marked(data, tokens, early, 12, NULL), 0);
    assert_int_equal(data_add_marked(data, tokens, late, 12, NULL), 0);
    assert_int_equal(data_pack(data, NULL), 0);
    struct data_facts facts = data_facts(data);
    assert_int_equal(facts.records, 1);
    assert_int_equal(facts.cut, 2);
    data_close(data);
}

/* A list of parts is their texts, one behind the other; and ShareGPT's other assistants are one. */
static void test_parts_and_roles(void **state)
{
    (void)state;
    struct sft_error err = {""};
    static const char *const texts[] = {
        "{\"messages\":[" TURN("user", "one two") "," TURN("assistant", "three") "]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one \"}, "
        "{\"text\":\"two\",\"type\":\"text\"}]},{\"role\":\"assistant\",\"content\":"
        "[{\"type\":\"text\",\"text\":\"thr\"},{\"type\":\"text\",\"text\":\"ee\"}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"content\":[{\"text\":\"one two\"}]},"
        "{\"role\":\"assistant\",\"content\":\"three\"}]}",
        "{\"conversations\":[{\"from\":\"human\",\"value\":\"one two\"},"
        "{\"from\":\"bard\",\"value\":\"three\"}]}",
        "{\"conversations\":[{\"from\":\"human\",\"value\":\"one two\"},"
        "{\"from\":\"bing\",\"value\":\"three\"}]}"};
    struct data *plain = parse_as(texts[0], 0, &err);
    assert_non_null(plain);
    for (size_t i = 1; i < sizeof texts / sizeof *texts; i++) {
        struct data *other = parse_as(texts[i], 0, &err);
        if (other == NULL)
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(other->pool_count, plain->pool_count);
        assert_memory_equal(other->pool, plain->pool, plain->pool_count * sizeof *plain->pool);
        assert_memory_equal(other->marks, plain->marks, plain->pool_count);
        data_close(other);
    }
    data_close(plain);
}

static void test_faults_are_told(void **state)
{
    (void)state;
    static const struct {
        enum sft_template template;
        const char *text, *why;
    } cases[] = {
        {0, "{\"messages\":[" TURN("user", "a") "]}", "has no text of the assistant"},
        {0, "{\"messages\":[]}", "has no text of the assistant"},
        {0, "{\"messages\":[1]}", "has in turn 1 no object"},
        {0, "{\"messages\":[" TURN("tool", "a") "]}", "has in turn 1 the role 'tool'"},
        {0, "{\"messages\":[{\"role\":\"user\"}]}", "has no content in turn 1"},
        {0, "{\"messages\":[{\"role\":\"user\",\"content\":[]}]}", "has no text in turn 1"},
        {0,
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]"
         "}]}",
         "has in turn 1 a part that is no text"},
        {0, "{\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}",
         "has in turn 1 a part that is no text"},
        {0, "{\"messages\":\"text\"}", "messages that are no array of turns"},
        {0, "{\"prompt\":\"a\",\"completion\":1}", "has no text in field completion"},
        {0, "{\"prompt\":\"a\",\"completion\":\"\"}", "has an empty completion"},
        {SFT_TEMPLATE_LLAMA2,
         "{\"messages\":[" TURN("user", "a") "," TURN("user", "b") "," TURN("assistant", "c") "]}",
         "has turns that do not go user, assistant"},
        {0, "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"messages\":[" TWO "]}",
         "f.jsonl: record 2 (line 2) has turns (messages, conversations), those before it a prompt "
         "and a completion"},
        {0, "{\"messages\":[" TWO "}", "is not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sft_error err = {""};
        assert_null(parse_as(cases[i].text, cases[i].template, &err));
        assert_contains(err.text, cases[i].why);
        assert_null(strchr(err.text, '\n'));
    }
}

static void test_templates_are_recognized(void **state)
{
    (void)state;
    static const struct {
        const char *jinja;
        enum sft_template template;
    } cases[] = {
        {"'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' '<|eot_id|>'",
         SFT_TEMPLATE_LLAMA3},
        {"'<|im_start|>' + message['role'] + '\n' + '<|im_end|>'", SFT_TEMPLATE_CHATML},
        {"'<<SYS>>\\n' bos_token + '[INST] '", SFT_TEMPLATE_LLAMA2},
        {"### Instruction: ### Response:", SFT_TEMPLATE_ALPACA},
        {"<|start_header_id|> <|eot_id|> {%- if tools is not none %}", SFT_TEMPLATE_AUTO},
        {"'<|im_start|>system\nYou are a helpful assistant<|im_end|>'", SFT_TEMPLATE_AUTO},
        {"'[gMASK]'", SFT_TEMPLATE_AUTO},
        {"{%- set date_string = \"26 Jul 2024\" %} {%- if tools is not none %}"
         "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}"
         "{{- \"Cutting Knowledge Date: December 2023\\n\" }}{{- \"<|eot_id|>\" }}",
         SFT_TEMPLATE_LLAMA31},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(chat_template_find(cases[i].jinja), cases[i].template);
}

/* The special tokens are one id each, text that spells one is none, and what lacks them is refused.
 */
static void test_special_tokens(void **state)
{
    (void)state;
    char path[1024];
    struct sft_error err = {""};
    const char *top = getenv("SFT_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/golden/bpe/ranks.tiktoken", top == NULL ? "." : top);
    struct tokenizer *tokenizer = tokenizer_open(path, &err);
    if (tokenizer == NULL)
        skip(); /* built without PCRE2 */
    enum sft_template found, other;
    struct chat chat = {0};
    struct chat_text text = {0};
    int32_t *ids;
    uint8_t *marks;
    assert_int_equal(document_template(tokenizer, SFT_TEMPLATE_AUTO, &found, &err), 0);
    assert_int_equal(found, SFT_TEMPLATE_LLAMA3);
    assert_int_equal(document_template(tokenizer, SFT_TEMPLATE_CHATML, &other, &err), -1);
    assert_contains(err.text, "template=chatml wants the special token <|im_start|>");
    assert_int_equal(chat_say(chat_add(&chat, CHAT_USER), "<|eot_id|>"), 0);
    assert_int_equal(chat_say(chat_add(&chat, CHAT_ASSISTANT), "x"), 0);
    assert_int_equal(chat_render(&chat, found, &text), 0);
    long count = document_encode(tokenizer, &text, false, &ids, &marks, &err), ends = 0;
    assert_true(count > 0);
    for (long i = 0; i < count; i++)
        ends += ids[i] == tokenizer_special(tokenizer, "<|eot_id|>");
    assert_int_equal(ends, 2);
    assert_int_equal(ids[0], tokenizer_begin(tokenizer));
    assert_int_equal(marks[count - 1], 1);
    assert_int_equal(marks[count - 2], 1);
    assert_int_equal(marks[count - 3], 0);
    free(ids);
    free(marks);
    chat_clear(&chat);
    chat_text_clear(&text);
    tokenizer_close(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_and_losses_are_transformers),
        cmocka_unit_test(test_loss_is_on_the_assistant_alone),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_parts_and_roles),
        cmocka_unit_test(test_faults_are_told),
        cmocka_unit_test(test_templates_are_recognized),
        cmocka_unit_test(test_special_tokens),
    };
    return cmocka_run_group_tests_name("chat", tests, NULL, NULL);
}
