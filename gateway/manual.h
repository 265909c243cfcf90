/* SPDX-License-Identifier: MIT */
/*
 * manual.h - the manual pages, from the tables that the program itself runs by.
 */
#ifndef GATEWAY_MANUAL_H
#define GATEWAY_MANUAL_H

#include <stdio.h>

/* tidegate(8): options, signals, exit statuses, end reasons. In man(7) macros. */
void manual_print_program(FILE *out);

/* tidegate.conf(5): every key. In man(7) macros. */
void manual_print_conf(FILE *out);

#endif
