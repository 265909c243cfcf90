/* SPDX-License-Identifier: MIT */
#include "gateway/config.h"
void config_print(const struct config *config, FILE *out)
{
    (void)config;
    (void)out;
}
void config_print_default_file(FILE *out)
{
    (void)out;
}
void config_print_markdown(FILE *out)
{
    (void)out;
}
