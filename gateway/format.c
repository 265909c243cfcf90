/* SPDX-License-Identifier: MIT */
/*
 * format.c - the list of formats.
 */
#include "gateway/format.h"

static const struct format *const formats[] = {&format_text, &format_data, &format_ui,
                                               &format_openai};

const struct format *format_find(struct span name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (span_equals_string(name, formats[i]->name)) {
            return formats[i];
        }
    }
    return NULL;
}

const char *format_names(void)
{
    return "text, data, ui, openai";
}
