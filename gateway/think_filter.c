/* SPDX-License-Identifier: MIT */
/*
 * think_filter.c - see think_filter.h.
 */
#include "gateway/think_filter.h"

static const struct span open_tag = SPAN_LITERAL("<think>");
static const struct span close_tag = SPAN_LITERAL("</think>");

struct pieces {
    struct think_piece *items;
    size_t count;
};

static void add(struct pieces *pieces, struct span text, bool is_thinking)
{
    if (!span_is_empty(text)) {
        pieces->items[pieces->count++] = (struct think_piece){text, is_thinking};
    }
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span skip_white(struct span text)
{
    while (text.length > 0 && is_white(text.data[0])) {
        text = span_skip(text, 1);
    }
    return text;
}

/*
 * Go on with <tag>, of which some letters have come: take what <text> has of it. False when
 * <text> has other letters; then nothing is taken.
 */
static bool take_tag(struct think_filter *filter, struct span tag, struct span *text)
{
    size_t used = 0;

    while (used < text->length && filter->matched + used < tag.length) {
        if (text->data[used] != tag.data[filter->matched + used]) {
            return false;
        }
        used++;
    }
    filter->matched += (unsigned)used;
    *text = span_skip(*text, used);
    return true;
}

/* True when the tag is whole: then <next> is entered. */
static bool pass_tag(struct think_filter *filter, struct span tag, enum think_state next)
{
    if (filter->matched < tag.length) {
        return false;
    }
    filter->matched = 0;
    filter->state = next;
    return true;
}

/* The answer may begin with the tag, behind white space, which is passed on at once. */
static struct span before(struct think_filter *filter, struct span text, struct pieces *pieces)
{
    struct span rest = filter->matched > 0 ? text : skip_white(text);
    struct span white = span_of(text.data, text.length - rest.length);

    if (!take_tag(filter, open_tag, &rest)) {
        add(pieces, span_of(open_tag.data, filter->matched), false);
        filter->matched = 0;
        filter->state = THINK_PLAIN;
        return text;
    }
    add(pieces, white, false);
    (void)pass_tag(filter, open_tag, THINK_BEGIN); /* or the rest of it is still to come */
    return rest;
}

/* Thinking up to the closing tag, or to what may be the beginning of it. */
static struct span inside(struct think_filter *filter, struct span text, struct pieces *pieces)
{
    struct span rest = text;

    if (filter->matched > 0 && take_tag(filter, close_tag, &rest)) {
        (void)pass_tag(filter, close_tag, THINK_END);
        return rest;
    }
    add(pieces, span_of(close_tag.data, filter->matched), true);
    filter->matched = 0;
    while (rest.length > 0) {
        const char *at = memchr(rest.data, '<', rest.length);
        struct span thinking =
            span_of(text.data, at == NULL ? text.length : (size_t)(at - text.data));
        rest = span_skip(text, thinking.length);
        if (at == NULL || take_tag(filter, close_tag, &rest)) {
            add(pieces, thinking, true);
            (void)pass_tag(filter, close_tag, THINK_END);
            return rest;
        }
        rest = span_skip(rest, 1);
    }
    add(pieces, text, true);
    return rest;
}

size_t think_filter_split(struct think_filter *filter, struct span text,
                          struct think_piece pieces[THINK_PIECES_MAX])
{
    struct pieces made = {pieces, 0};

    if (filter->state == THINK_BEFORE) {
        text = before(filter, text, &made);
    }
    if (filter->state == THINK_BEGIN) {
        text = skip_white(text);
        filter->state = text.length > 0 ? THINK_INSIDE : THINK_BEGIN;
    }
    if (filter->state == THINK_INSIDE) {
        text = inside(filter, text, &made);
    }
    if (filter->state == THINK_END) {
        text = skip_white(text);
        filter->state = text.length > 0 ? THINK_PLAIN : THINK_END;
    }
    if (filter->state == THINK_PLAIN) {
        add(&made, text, false);
    }
    return made.count;
}

bool think_filter_finish(struct think_filter *filter, struct think_piece *piece)
{
    bool is_thinking = filter->state == THINK_INSIDE;
    struct span tag = is_thinking ? close_tag : open_tag;

    *piece = (struct think_piece){span_of(tag.data, filter->matched), is_thinking};
    filter->matched = 0;
    return !span_is_empty(piece->text);
}
