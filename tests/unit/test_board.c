/* SPDX-License-Identifier: MIT */
/* What one process shows, another one sees: whole, or not at all. */
#include "gateway/board.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CAPACITY 200000
#define READS_MAX 1000000
#define SEEN_ENOUGH 1000

static void expect_shown(const struct board *board, const char *text)
{
    char *shown = board_read(board);

    assert_non_null(shown);
    assert_string_equal(shown, text);
    free(shown);
}

static void the_last_text_is_shown(void **state)
{
    struct board *board = board_new(8);

    (void)state;
    expect_shown(board, "");
    board_show(board, "12345678", 8);
    expect_shown(board, "12345678");
    board_show(board, "abc", 3);
    expect_shown(board, "abc");
    board_show(board, "123456789", 9); /* no room: rather nothing than half of it */
    expect_shown(board, "");
    board_free(board);
}

/* Texts of one letter each, of different lengths, hardly with a pause. */
_Noreturn static void show_for_ever(struct board *board)
{
    static char text[CAPACITY];

    for (unsigned i = 0;; i++) {
        size_t length = 1 + (size_t)i * 7919 % CAPACITY;
        memset(text, 'a' + (int)(i % 26), length);
        board_show(board, text, length);
        (void)sched_yield();
    }
}

static void a_text_that_changes_is_seen_whole(void **state)
{
    struct board *board = board_new(CAPACITY);
    pid_t writer;
    int seen = 0;

    (void)state;
    board_show(board, "z", 1);
    writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        show_for_ever(board);
    }
    for (int i = 0; i < READS_MAX && seen < SEEN_ENOUGH; i++) {
        char *shown = board_read(board);
        assert_non_null(shown);
        for (size_t j = 1; shown[0] != '\0' && shown[j] != '\0'; j++) {
            assert_int_equal(shown[j], shown[0]);
        }
        seen += shown[0] != '\0' && shown[0] != 'z' ? 1 : 0;
        free(shown);
    }
    assert_int_equal(kill(writer, SIGKILL), 0);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    board_free(board);
    assert_int_equal(seen, SEEN_ENOUGH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_text_is_shown),
        cmocka_unit_test(a_text_that_changes_is_seen_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
