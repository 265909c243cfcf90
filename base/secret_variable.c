/* SPDX-License-Identifier: MIT */
/*
 * secret_variable.c - environment variables that hold secrets.
 *
 * What the kernel shows as a process's environment is the memory that it was started
 * with, so taking a variable out of environ hides nothing: the bytes themselves are
 * overwritten.
 */
#include "base/secret_variable.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct variable {
    struct variable *next; /* owned */
    char *name;            /* owned */
    struct secret value;   /* owned */
};

static struct variable *variables;

static struct variable *find(const char *name)
{
    for (struct variable *variable = variables; variable != NULL; variable = variable->next) {
        if (strcmp(variable->name, name) == 0) {
            return variable;
        }
    }
    return NULL;
}

/* NULL without memory. */
static struct variable *find_or_add(const char *name)
{
    struct variable *variable = find(name);

    if (variable != NULL) {
        return variable;
    }
    variable = calloc(1, sizeof(*variable));
    if (variable == NULL || (variable->name = strdup(name)) == NULL) {
        free(variable);
        return NULL;
    }
    variable->next = variables;
    variables = variable;
    return variable;
}

const char *secret_variable_get(const char *name)
{
    const char *value = getenv(name);
    const struct variable *hidden;

    if (value != NULL) {
        (void)find_or_add(name); /* without memory it is not hidden later, and found again */
        return value;
    }
    hidden = find(name);
    return hidden == NULL ? NULL : hidden->value.bytes;
}

void secret_variables_hide(void)
{
    for (struct variable *variable = variables; variable != NULL; variable = variable->next) {
        char *value = getenv(variable->name);
        struct secret copy = {NULL, 0};
        if (value != NULL && value[0] != '\0' && secret_copy(span_from_string(value), &copy)) {
            secret_fini(&variable->value);
            variable->value = copy;
            explicit_bzero(value, strlen(value));
            (void)unsetenv(variable->name);
        }
    }
}

bool secret_variables_show(void)
{
    for (const struct variable *variable = variables; variable != NULL; variable = variable->next) {
        if (variable->value.bytes != NULL &&
            setenv(variable->name, variable->value.bytes, 1) != 0) {
            return false;
        }
    }
    return true;
}

void secret_variables_forget(void)
{
    while (variables != NULL) {
        struct variable *next = variables->next;
        secret_fini(&variables->value);
        free(variables->name);
        free(variables);
        variables = next;
    }
}
