/* SPDX-License-Identifier: MIT */
/*
 * test_chat_request.c - which chat bodies pass, and which texts they yield.
 *
 * Clauses name what they come from: "contract" is the body rule of the chat
 * route, "AI SDK v3".."v5" are the bodies that its useChat() posts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/chat_request.h"
#include "tests/unit/guard_page.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define ONE(message) "{\"messages\":[" message "]}"
#define USER(rest) ONE("{\"role\":\"user\"," rest "}")
#define CONTENT(text) USER("\"content\":\"" text "\"")
#define PARTS(parts) USER("\"parts\":[" parts "]")
#define TEXT_PART(text) "{\"type\":\"text\",\"text\":\"" text "\"}"

enum {
    MESSAGES_MAX = 8,
    ROOM_BYTES = 8192,
    LARGE_BYTES = 1024 * 1024,
    CPU_SECONDS_MAX = 5
};

struct row {
    const char *name;
    const char *body;
    enum chat_request_status status;
    const char *messages; /* as render() writes them */
    const char *clause;
};

/* clang-format off */
static const struct row rows[] = {
    {"one message", CONTENT("Hi"), CHAT_REQUEST_OK, "user<Hi>", "contract"},
    {"a conversation", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},{\"content\":\"c\",\"role\":\"user\"}]}",
     CHAT_REQUEST_OK, "user<a>assistant<b>user<c>", "contract"},
    {"blanks around everything", " {\n\"messages\" : [ { \"role\" : \"user\" , \"content\" : \" a \" } ] } ", CHAT_REQUEST_OK, "user< a >", "contract"},
    {"escapes stay as they came", CONTENT("\\u0041\\n\\\"\\ud83d\\ude00\xC3\xA9"), CHAT_REQUEST_OK, "user<\\u0041\\n\\\"\\ud83d\\ude00\xC3\xA9>", "contract"},
    {"escaped names and role", "{\"mess\\u0061ges\":[{\"r\\u006fle\":\"\\u0075ser\",\"c\\u006Fntent\":\"a\"}]}", CHAT_REQUEST_OK, "user<a>", "RFC 8259 section 8.3"},
    {"other members are ignored", "{\"model\":1,\"messages\":[{\"id\":[],\"role\":\"user\",\"content\":\"a\",\"createdAt\":{}}],\"stream\":true}", CHAT_REQUEST_OK, "user<a>", "contract"},
    {"the last messages count", "{\"messages\":7,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", CHAT_REQUEST_OK, "user<a>", "RFC 8259 section 4"},
    {"the last content counts", USER("\"content\":\"a\",\"content\":\"b\""), CHAT_REQUEST_OK, "user<b>", "RFC 8259 section 4"},
    {"the last role counts", ONE("{\"role\":\"user\",\"content\":\"a\",\"role\":\"assistant\"}"), CHAT_REQUEST_OK, "assistant<a>", "RFC 8259 section 4"},
    {"the last content is bad", USER("\"content\":\"a\",\"content\":null"), CHAT_REQUEST_BAD_SHAPE, NULL, "RFC 8259 section 4"},
    {"the last messages are bad", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"messages\":{}}", CHAT_REQUEST_BAD_SHAPE, NULL, "RFC 8259 section 4"},

    {"v3 with extra fields", "{\"messages\":[{\"id\":\"x1\",\"createdAt\":\"2026-01-01T00:00:00Z\",\"role\":\"user\",\"content\":\"Hi\"}]}", CHAT_REQUEST_OK, "user<Hi>", "AI SDK v3"},
    {"v4 content and parts", "{\"id\":\"c\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\",\"parts\":[" TEXT_PART("Hi") "]}]}", CHAT_REQUEST_OK, "user<Hi>", "AI SDK v4"},
    {"v4 assistant with tools", "{\"messages\":[{\"role\":\"assistant\",\"content\":\"ok\",\"toolInvocations\":[{\"state\":\"result\"}],\"annotations\":[1],\"reasoning\":\"r\",\"experimental_attachments\":[]}],\"data\":{}}",
     CHAT_REQUEST_OK, "assistant<ok>", "AI SDK v4"},
    {"v5 parts only", "{\"id\":\"c\",\"messages\":[{\"parts\":[" TEXT_PART("Hi") "],\"id\":\"m\",\"role\":\"user\"}],\"trigger\":\"submit-message\"}", CHAT_REQUEST_OK, "user<Hi>", "AI SDK v5"},
    {"v5 assistant parts", "{\"messages\":[{\"role\":\"assistant\",\"parts\":[{\"type\":\"step-start\"},{\"type\":\"reasoning\",\"text\":\"hm\"},{\"type\":\"text\",\"text\":\"a\",\"state\":\"done\"},"
     "{\"type\":\"tool-x\",\"input\":{}},{\"type\":\"file\",\"url\":\"u\"},{\"type\":\"data-y\",\"data\":1}," TEXT_PART("b") "]}],\"messageId\":\"m\"}", CHAT_REQUEST_OK, "assistant<a|b>", "AI SDK v5"},
    {"an empty text part adds nothing", PARTS(TEXT_PART("") "," TEXT_PART("a")), CHAT_REQUEST_OK, "user<a>", "AI SDK v5"},
    {"blank parts between texts are kept", PARTS(TEXT_PART("a") "," TEXT_PART(" ") "," TEXT_PART("b")), CHAT_REQUEST_OK, "user<a| |b>", "AI SDK v5"},
    {"an escaped part type", PARTS("{\"type\":\"te\\u0078t\",\"text\":\"a\"}"), CHAT_REQUEST_OK, "user<a>", "RFC 8259 section 8.3"},
    {"content wins over parts", USER("\"parts\":[" TEXT_PART("b") "],\"content\":\"a\""), CHAT_REQUEST_OK, "user<a>", "AI SDK v4"},
    {"bad parts do not matter when content counts", USER("\"content\":\"a\",\"parts\":7"), CHAT_REQUEST_OK, "user<a>", "contract"},
    {"parts count when content is empty", USER("\"content\":\"\",\"parts\":[" TEXT_PART("b") "]"), CHAT_REQUEST_OK, "user<b>", "AI SDK v4"},
    {"parts count when content is blank", USER("\"content\":\" \\n\",\"parts\":[" TEXT_PART("b") "]"), CHAT_REQUEST_OK, "user<b>", "AI SDK v4"},
    {"parts count when content is null", USER("\"content\":null,\"parts\":[" TEXT_PART("b") "]"), CHAT_REQUEST_OK, "user<b>", "AI SDK v5"},
    {"pieces of one message do not reach the next", "{\"messages\":[{\"role\":\"user\",\"parts\":[" TEXT_PART("a") "," TEXT_PART("b") "]},{\"role\":\"assistant\",\"content\":\"c\"},{\"role\":\"user\",\"parts\":[" TEXT_PART("d") "]}]}",
     CHAT_REQUEST_OK, "user<a|b>assistant<c>user<d>", "contract"},

    {"no parts with text", ONE("{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool-x\"}]}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"no parts at all", PARTS(""), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"only blank parts", PARTS(TEXT_PART(" ") "," TEXT_PART("\\t")), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"parts are an object", USER("\"parts\":{}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a part is a string", PARTS("\"a\""), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a part is null", PARTS(TEXT_PART("a") ",null"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a part without a type", PARTS("{\"text\":\"a\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a part whose type is a number", PARTS("{\"type\":1,\"text\":\"a\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a text part without text", PARTS("{\"type\":\"text\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a text part whose text is a number", PARTS("{\"type\":\"text\",\"text\":1}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},

    {"no body", "", CHAT_REQUEST_NOT_JSON, NULL, "contract"},
    {"not JSON", "messages=1", CHAT_REQUEST_NOT_JSON, NULL, "contract"},
    {"a comma too many", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},]}", CHAT_REQUEST_NOT_JSON, NULL, "RFC 8259 section 5"},
    {"an ignored member is not JSON", "{\"x\":01,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", CHAT_REQUEST_NOT_JSON, NULL, "RFC 8259 section 6"},
    {"bad UTF-8 in an ignored member", "{\"x\":\"\xC0\x80\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", CHAT_REQUEST_NOT_JSON, NULL, "RFC 3629 section 4"},
    {"bytes behind the object", CONTENT("a") "x", CHAT_REQUEST_NOT_JSON, NULL, "RFC 8259 section 2"},
    {"a string", "\"messages\"", CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"an array", "[{\"role\":\"user\",\"content\":\"a\"}]", CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"null", "null", CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"no messages", "{\"message\":[]}", CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"messages in other case", "{\"Messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"messages further inside", "{\"a\":{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}}", CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"messages are an object", "{\"messages\":{\"role\":\"user\",\"content\":\"a\"}}", CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"messages are empty", ONE(""), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a message is a string", ONE("\"a\""), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a message is an array", ONE("[\"role\",\"user\"]"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"no role", ONE("{\"content\":\"a\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a system role", ONE("{\"role\":\"system\",\"content\":\"a\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a role in other case", ONE("{\"role\":\"User\",\"content\":\"a\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a role with a tail", ONE("{\"role\":\"user\\u0000\",\"content\":\"a\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a role that is a number", ONE("{\"role\":1,\"content\":\"a\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"no content", ONE("{\"role\":\"user\"}"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"content is a number", USER("\"content\":1"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"content is an array", USER("\"content\":[" TEXT_PART("a") "]"), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"content is empty", CONTENT(""), CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},
    {"a bad message behind a good one", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"\"}]}", CHAT_REQUEST_BAD_SHAPE, NULL, "contract"},

    {"blank: ASCII", CONTENT(" "), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: short escapes", CONTENT("\\t\\n\\f\\r"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: vertical tab", CONTENT("\\u000b"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: escaped space", CONTENT("\\u0020"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: no-break spaces", CONTENT("\xC2\xA0\\u00A0\xEF\xBB\xBF\\uFEFF"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: Ogham space", CONTENT("\xE1\x9A\x80\\u1680"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: U+2000 to U+200A", CONTENT("\xE2\x80\x80\xE2\x80\x81\xE2\x80\x82\xE2\x80\x83\xE2\x80\x84\xE2\x80\x85\xE2\x80\x86\xE2\x80\x87\xE2\x80\x88\xE2\x80\x89\xE2\x80\x8A"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: the same escaped", CONTENT("\\u2000\\u2001\\u2002\\u2003\\u2004\\u2005\\u2006\\u2007\\u2008\\u2009\\u200A"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: line separators", CONTENT("\xE2\x80\xA8\xE2\x80\xA9\\u2028\\u2029"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"blank: the last ones", CONTENT("\xE2\x80\xAF\xE2\x81\x9F\xE3\x80\x80\\u202f\\u205f\\u3000"), CHAT_REQUEST_BAD_SHAPE, NULL, "ECMA-262 TrimString"},
    {"not blank: zero width space", CONTENT("\xE2\x80\x8B"), CHAT_REQUEST_OK, "user<\xE2\x80\x8B>", "ECMA-262 TrimString"},
    {"not blank: the same escaped", CONTENT("\\u200b"), CHAT_REQUEST_OK, "user<\\u200b>", "ECMA-262 TrimString"},
    {"not blank: next line", CONTENT("\xC2\x85"), CHAT_REQUEST_OK, "user<\xC2\x85>", "ECMA-262 TrimString"},
    {"not blank: Mongolian separator", CONTENT("\\u180e"), CHAT_REQUEST_OK, "user<\\u180e>", "ECMA-262 TrimString"},
    {"not blank: backspace", CONTENT("\\b"), CHAT_REQUEST_OK, "user<\\b>", "ECMA-262 TrimString"},
    {"not blank: NUL escape", CONTENT("\\u0000"), CHAT_REQUEST_OK, "user<\\u0000>", "ECMA-262 TrimString"},
    {"not blank: an escaped pair", CONTENT("\\ud83d\\ude00"), CHAT_REQUEST_OK, "user<\\ud83d\\ude00>", "ECMA-262 TrimString"},
    {"not blank: a pair in capitals", CONTENT(" \\uDBC0\\uDC00"), CHAT_REQUEST_OK, "user< \\uDBC0\\uDC00>", "ECMA-262 TrimString"},
    {"not blank: below the surrogates", CONTENT("\\uD7FF"), CHAT_REQUEST_OK, "user<\\uD7FF>", "ECMA-262 TrimString"},
    {"not blank: four bytes", CONTENT("\xF0\x9F\x98\x80"), CHAT_REQUEST_OK, "user<\xF0\x9F\x98\x80>", "ECMA-262 TrimString"},
    {"not blank: text behind blanks", CONTENT(" \\u3000 a"), CHAT_REQUEST_OK, "user< \\u3000 a>", "ECMA-262 TrimString"},
};
/* clang-format on */

struct fixture {
    struct chat_request_parser *parser;
    struct guard_page guard;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture.parser = chat_request_parser_new();
    fixture.guard = guard_page_new(ROOM_BYTES);
    *state = &fixture;
    return fixture.parser == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    chat_request_parser_free(fixture->parser);
    guard_page_free(&fixture->guard);
    return 0;
}

/* "user<piece|piece>assistant<piece>" */
static void render(const struct chat_request *request, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < request->message_count; i++) {
        const struct upstream_message *message = &request->messages[i];
        const char *role = message->role == UPSTREAM_ROLE_USER ? "user" : "assistant";
        used += (size_t)snprintf(out + used, size - used, "%s<", role);
        for (size_t piece = 0; piece < message->content_count; piece++) {
            used +=
                (size_t)snprintf(out + used, size - used, "%s%.*s", piece > 0 ? "|" : "",
                                 (int)message->content[piece].length, message->content[piece].data);
        }
        used += (size_t)snprintf(out + used, size - used, ">");
    }
}

static void expect_messages(const struct chat_request *request, const struct row *row)
{
    char got[256];

    render(request, got, sizeof(got));
    if (strcmp(got, row->messages) != 0) {
        fail_msg("%s (%s): %s, expected %s", row->name, row->clause, got, row->messages);
    }
}

static void expect_row(const struct fixture *fixture, const struct row *row)
{
    struct span body = guard_page_place(&fixture->guard, span_from_string(row->body));
    struct chat_request request = {NULL, 77};
    const char *problem = NULL;
    enum chat_request_status status =
        chat_request_parse(fixture->parser, body, MESSAGES_MAX, &request, &problem);

    if (status != row->status) {
        fail_msg("%s (%s): status %u, expected %u: %s", row->name, row->clause, status, row->status,
                 problem == NULL ? "" : problem);
    }
    if (status == CHAT_REQUEST_OK) {
        expect_messages(&request, row);
    } else if (problem == NULL || request.message_count != 77) {
        fail_msg("%s: a refusal says why and writes nothing else", row->name);
    }
}

static void bodies_are_read_or_refused_as_the_contract_says(void **state)
{
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect_row(*state, &rows[i]);
    }
}

static void expect_no_prefix_passes(const struct fixture *fixture, const struct row *row)
{
    size_t whole = strlen(row->body);

    while (row->body[whole - 1] == ' ') {
        whole--; /* without the blanks behind it the body is still whole */
    }
    for (size_t length = 0; length < whole; length++) {
        struct span body = guard_page_place(&fixture->guard, span_of(row->body, length));
        struct chat_request request;
        if (chat_request_parse(fixture->parser, body, MESSAGES_MAX, &request, NULL) !=
            CHAT_REQUEST_NOT_JSON) {
            fail_msg("%s: its first %zu bytes are not refused", row->name, length);
        }
    }
}

static void every_prefix_of_a_good_body_is_refused(void **state)
{
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (rows[i].status == CHAT_REQUEST_OK) {
            expect_no_prefix_passes(*state, &rows[i]);
        }
    }
}

static void append(char *text, size_t *length, const char *piece)
{
    while (*piece != '\0') {
        text[(*length)++] = *piece++;
    }
    text[*length] = '\0';
}

/* "<open><unit>,<unit>,...<close>", owned. */
static char *repeated(const char *open, const char *unit, const char *close, size_t count)
{
    size_t length = 0;
    char *text = malloc(strlen(open) + count * (strlen(unit) + 1) + strlen(close) + 1);

    assert_non_null(text);
    append(text, &length, open);
    for (size_t i = 0; i < count; i++) {
        append(text, &length, i > 0 ? "," : "");
        append(text, &length, unit);
    }
    append(text, &length, close);
    return text;
}

static void more_messages_than_allowed_are_refused(void **state)
{
    struct fixture *fixture = *state;

    for (size_t count = MESSAGES_MAX - 1; count <= MESSAGES_MAX + 1; count++) {
        struct chat_request request = {NULL, 0};
        char *body =
            repeated("{\"messages\":[", "{\"role\":\"user\",\"content\":\"a\"}", "]}", count);
        enum chat_request_status status = chat_request_parse(
            fixture->parser, span_from_string(body), MESSAGES_MAX, &request, NULL);

        assert_int_equal(status, count <= MESSAGES_MAX ? CHAT_REQUEST_OK : CHAT_REQUEST_BAD_SHAPE);
        assert_int_equal(request.message_count, count <= MESSAGES_MAX ? count : 0);
        free(body);
    }
}

static void nesting_of_64_is_allowed_and_of_65_is_not(void **state)
{
    struct fixture *fixture = *state;

    for (int depth = 63; depth <= 65; depth++) {
        struct chat_request request;
        char deep[80] = "";
        char body[256];
        memset(deep, '[', (size_t)depth - 1); /* the root object is the first level */
        int length =
            snprintf(body, sizeof(body),
                     "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"x\":%s", deep);
        memset(body + length, ']', (size_t)depth - 1);
        memcpy(body + length + depth - 1, "}", 2);
        assert_int_equal(chat_request_parse(fixture->parser, span_from_string(body), MESSAGES_MAX,
                                            &request, NULL),
                         depth <= 64 ? CHAT_REQUEST_OK : CHAT_REQUEST_NOT_JSON);
    }
}

/* Pieces move in memory while they grow; the messages must point at the last place. */
static void many_messages_of_many_parts_keep_their_texts(void **state)
{
    struct fixture *fixture = *state;
    const char *unit = "{\"role\":\"user\",\"parts\":[" TEXT_PART("a") "," TEXT_PART("bc") "]}";
    const size_t count = LARGE_BYTES / strlen(unit);
    char *body = repeated("{\"messages\":[", unit, "]}", count);
    struct chat_request request = {NULL, 0};

    for (int round = 0; round < 2; round++) {
        assert_int_equal(
            chat_request_parse(fixture->parser, span_from_string(body), count, &request, NULL),
            CHAT_REQUEST_OK);
        assert_int_equal(request.message_count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(request.messages[i].content_count, 2);
            assert_true(span_equals_string(request.messages[i].content[0], "a"));
            assert_true(span_equals_string(request.messages[i].content[1], "bc"));
        }
    }
    free(body);
}

static void hostile_bodies_are_answered_in_linear_time(void **state)
{
    static const struct {
        const char *open;
        const char *unit;
        const char *close;
    } bodies[] = {
        {"{\"messages\":[", "[]", "]}"},
        {"{\"messages\":[", "{\"role\":\"user\",\"content\":\"a\"}", "]}"},
        {"{\"messages\":[{\"role\":\"user\",\"parts\":[", "{\"type\":\"x\"}", "]}]}"},
        {"{\"messages\":[{\"role\":\"user\",\"parts\":[", TEXT_PART(" "), "]}]}"},
        {"{\"messages\":[{\"role\":\"user\",", "\"content\":\"\"", "}]}"},
        {"{", "\"messages\":[]", "}"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"", "\\u0020", "\"}]}"},
        {"{\"x\":[", "{}", "],\"messages\":[]}"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ROWS(bodies); i++) {
        char *body = repeated(bodies[i].open, bodies[i].unit, bodies[i].close,
                              LARGE_BYTES / (strlen(bodies[i].unit) + 1));
        struct chat_request request;
        clock_t start = clock();
        enum chat_request_status status =
            chat_request_parse(fixture->parser, span_from_string(body), SIZE_MAX, &request, NULL);

        assert_int_not_equal(status, CHAT_REQUEST_NOT_JSON);
        if (clock() - start > CPU_SECONDS_MAX * CLOCKS_PER_SEC) {
            fail_msg("%s%s,... took too long", bodies[i].open, bodies[i].unit);
        }
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read_or_refused_as_the_contract_says),
        cmocka_unit_test(every_prefix_of_a_good_body_is_refused),
        cmocka_unit_test(more_messages_than_allowed_are_refused),
        cmocka_unit_test(nesting_of_64_is_allowed_and_of_65_is_not),
        cmocka_unit_test(many_messages_of_many_parts_keep_their_texts),
        cmocka_unit_test(hostile_bodies_are_answered_in_linear_time),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
