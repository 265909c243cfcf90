/* SPDX-License-Identifier: MIT */
/*
 * token_command.h - `tidegate token`: print one development token.
 */
#ifndef GATEWAY_TOKEN_COMMAND_H
#define GATEWAY_TOKEN_COMMAND_H

/*
 * Run the command: argv[0] is "token". The token goes to stdout as one line,
 * everything else to stderr. Returns the exit status of the process: 0 when a
 * token (or the help) was printed, 1 when it could not be made, 2 when the
 * command line or the conf file is wrong.
 */
int token_command(int argc, char **argv);

#endif
