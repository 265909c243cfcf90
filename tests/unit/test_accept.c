/* SPDX-License-Identifier: MIT */
/* Who gets the page and who the data: RFC 9110 section 12.5.1. */
#include "gateway/accept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct row {
    const char *accept;
    bool is_html;
} rows[] = {
    {NULL, false},
    {"", false},
    {"*/*", false},
    {"application/json", false},
    {"text/*", false},
    {"text/html", true},
    {"TEXT/HTML", true},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true},
    {"application/json, text/html", false}, /* as much: data */
    {"application/json;q=0.9, text/html", true},
    {"application/json, text/html;q=0.9", false},
    {"text/html;q=0", false},
    {"text/html ; q=0.000 , */*", false},
    {"text/html; q=0.001", true},
    {"text/html;level=1;q=0.5, application/json;q=0.4", true},
    {"text/html;q=x", false},
    {"text/html;q=", false},
    {"text/html;q=9", true},
    {"text/htmlx, xtext/html", false},
    {",,;;,q=1,=", false},
    {";q=1,text/html", true},
};

static void browsers_get_the_page_and_others_the_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (accept_prefers_html(rows[i].accept) != rows[i].is_html) {
            fail_msg("%s", rows[i].accept == NULL ? "no field" : rows[i].accept);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsers_get_the_page_and_others_the_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
