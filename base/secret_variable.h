/* SPDX-License-Identifier: MIT */
/*
 * secret_variable.h - environment variables that hold secrets.
 *
 * The environment of a process can be read from outside for as long as it lives, by
 * its user, by root, by every tool that lists processes. A variable that was read here
 * is therefore wiped from it, and still found here when the conf is read again.
 */
#ifndef BASE_SECRET_VARIABLE_H
#define BASE_SECRET_VARIABLE_H

#include <stdbool.h>

#include "base/attrs.h"

/*
 * The value of a variable, whether it stands in the environment or has been hidden;
 * NULL when there is none. Borrowed, until the next call of any function here.
 */
const char *secret_variable_get(const char *name);

/* Wipe every variable that was asked for out of the environment, and out of its memory. */
void secret_variables_hide(void);

/*
 * Put them back, for a program that is about to be executed and needs them as we did.
 * False when memory is out.
 */
bool secret_variables_show(void) MUST_USE;

/* Wipe what is hidden: for a process that will read no conf again. */
void secret_variables_forget(void);

#endif
