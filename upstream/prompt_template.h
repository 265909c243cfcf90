/* SPDX-License-Identifier: MIT */
/*
 * prompt_template.h - how a chat becomes one prompt, for models behind the tgi dialect.
 */
#ifndef UPSTREAM_PROMPT_TEMPLATE_H
#define UPSTREAM_PROMPT_TEMPLATE_H

#include <stdbool.h>

/* Marks around one message. All texts are insides of JSON strings, escapes in place. */
struct prompt_marks {
    const char *before;
    const char *after;
};

struct prompt_template {
    const char *name;
    struct prompt_marks marks[3]; /* by enum upstream_role */
    const char *between;          /* stands between two messages */
    const char *reply;            /* opens the reply that the model shall write */
};

/* The template of this name, which must exist; NULL or "" gives "plain". Static. */
const struct prompt_template *prompt_template_find(const char *name);

/* True when <name> is a known prompt template of the tgi dialect. */
bool prompt_template_exists(const char *name);

/* Their names, comma separated, for messages. Static text. */
const char *prompt_template_names(void);

#endif
