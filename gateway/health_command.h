/* SPDX-License-Identifier: MIT */
/*
 * health_command.h - `tidegate health`: ask a running gateway how it is.
 */
#ifndef GATEWAY_HEALTH_COMMAND_H
#define GATEWAY_HEALTH_COMMAND_H

/*
 * Run the command: argv[0] is "health". One GET to the admin listener of the conf
 * file (or of --admin), bounded in time. Returns the exit status of the process: 0
 * when the gateway says that it is well, 1 when it says that it is not or does not
 * answer in time, 2 when the command line or the conf file is wrong. What it said
 * goes to stdout, problems go to stderr.
 */
int health_command(int argc, char **argv);

#endif
