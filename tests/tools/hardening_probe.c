/* SPDX-License-Identifier: MIT */
/*
 * hardening_probe.c - a program in which each hardening flag has something to do.
 *
 * Built with the flags of a release and looked at by check_hardening.py.
 */
#include <stdio.h>
#include <string.h>

/* A buffer on the stack whose bound the compiler knows and whose use it does not. */
static int show_copy(const char *text)
{
    char room[32];

    memcpy(room, text, strlen(text) + 1);
    return puts(room);
}

int main(int argc, char **argv)
{
    return argc > 1 ? show_copy(argv[1]) : 0;
}
