/* SPDX-License-Identifier: MIT */
/*
 * prompt_template.c - the table of prompt templates.
 *
 * The server's tokenizer puts the begin-of-sequence token in front by itself, so
 * no template has it: twice would weaken the answer. Where a family knows no
 * system message, it is said by the user.
 */
#include "upstream/prompt_template.h"

#include <stddef.h>
#include <string.h>

#include "base/bug.h"
#include "upstream/upstream.h"

/* clang-format off */
static const struct prompt_template templates[] = {
    {
        .name = "plain",
        .marks = {
            [UPSTREAM_ROLE_USER] = {"", ""},
            [UPSTREAM_ROLE_ASSISTANT] = {"", ""},
            [UPSTREAM_ROLE_SYSTEM] = {"", ""},
        },
        .between = "\\n",
        .reply = "",
    },
    {
        .name = "chatml",
        .marks = {
            [UPSTREAM_ROLE_USER] = {"<|im_start|>user\\n", "<|im_end|>\\n"},
            [UPSTREAM_ROLE_ASSISTANT] = {"<|im_start|>assistant\\n", "<|im_end|>\\n"},
            [UPSTREAM_ROLE_SYSTEM] = {"<|im_start|>system\\n", "<|im_end|>\\n"},
        },
        .between = "",
        .reply = "<|im_start|>assistant\\n",
    },
    {
        .name = "llama3",
        .marks = {
            [UPSTREAM_ROLE_USER] =
                {"<|start_header_id|>user<|end_header_id|>\\n\\n", "<|eot_id|>"},
            [UPSTREAM_ROLE_ASSISTANT] =
                {"<|start_header_id|>assistant<|end_header_id|>\\n\\n", "<|eot_id|>"},
            [UPSTREAM_ROLE_SYSTEM] =
                {"<|start_header_id|>system<|end_header_id|>\\n\\n", "<|eot_id|>"},
        },
        .between = "",
        .reply = "<|start_header_id|>assistant<|end_header_id|>\\n\\n",
    },
    {
        .name = "mistral",
        .marks = {
            [UPSTREAM_ROLE_USER] = {"[INST] ", " [/INST]"},
            [UPSTREAM_ROLE_ASSISTANT] = {" ", "</s>"},
            [UPSTREAM_ROLE_SYSTEM] = {"[INST] ", " [/INST]"},
        },
        .between = "",
        .reply = "",
    },
    {
        .name = "openassistant",
        .marks = {
            [UPSTREAM_ROLE_USER] = {"<|prompter|>", "<|endoftext|>"},
            [UPSTREAM_ROLE_ASSISTANT] = {"<|assistant|>", "<|endoftext|>"},
            [UPSTREAM_ROLE_SYSTEM] = {"<|system|>", "<|endoftext|>"},
        },
        .between = "",
        .reply = "<|assistant|>",
    },
};
/* clang-format on */

/* NULL when there is none. */
static const struct prompt_template *look_up(const char *name)
{
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        if (strcmp(templates[i].name, name) == 0) {
            return &templates[i];
        }
    }
    return NULL;
}

const struct prompt_template *prompt_template_find(const char *name)
{
    if (name == NULL || name[0] == '\0') {
        return &templates[0];
    }
    const struct prompt_template *found = look_up(name);
    if (BUG_IF(found == NULL)) {
        return &templates[0]; /* the conf file's check lets none through */
    }
    return found;
}

bool prompt_template_exists(const char *name)
{
    return name != NULL && look_up(name) != NULL;
}

const char *prompt_template_names(void)
{
    return "plain, chatml, llama3, mistral, openassistant";
}
