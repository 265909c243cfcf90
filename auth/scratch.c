/* SPDX-License-Identifier: MIT */
/*
 * scratch.c - working memory of a token check.
 */
#include "auth/scratch.h"

bool scratch_init(struct scratch *scratch)
{
    scratch->doc = json_doc_new();
    return scratch->doc != NULL;
}

void scratch_fini(struct scratch *scratch)
{
    json_doc_free(scratch->doc);
    scratch->doc = NULL;
}

bool scratch_string(struct scratch *scratch, json_ref at, struct span *text)
{
    struct span raw;

    if (!json_is(scratch->doc, at, JSON_STRING)) {
        return false;
    }
    raw = json_raw(scratch->doc, at);
    if (json_string_is_plain(scratch->doc, at)) {
        *text = raw;
        return true;
    }
    if (raw.length > sizeof scratch->unescaped) {
        return false;
    }
    *text = span_of(scratch->unescaped, json_unescape(raw, scratch->unescaped));
    return true;
}
