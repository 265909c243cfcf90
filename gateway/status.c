/* SPDX-License-Identifier: MIT */
/*
 * status.c - see status.h.
 */
#include "gateway/status.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/config_json.h"
#include "gateway/json_writer.h"
#include "gateway/log.h"

/* The longest lists of the conf file, of the longest names, would fit. */
#define CONF_BYTES_MAX (4 * 1024 * 1024)

struct board *status_board_new(void)
{
    return board_new(CONF_BYTES_MAX);
}

void status_show_conf(struct board *board, const struct config *config, unsigned generation)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    struct json_writer writer = {.out = out};

    if (out == NULL) {
        log_event(LOG_WARN, "status_conf_missing", "problem", "no memory");
        return;
    }
    json_open_object(&writer, NULL);
    json_put_text(&writer, "file", config->path);
    json_put_count(&writer, "generation", generation);
    config_put_json(config, &writer, "keys");
    json_close_object(&writer);
    if (fclose(out) == 0) {
        board_show(board, text, length);
    }
    free(text);
}

char *status_render(const struct status *status, size_t *length)
{
    char *conf = board_read(status->conf);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = conf == NULL ? NULL : open_memstream(&text, &bytes);
    struct json_writer writer = {.out = out};

    if (out == NULL) {
        free(conf);
        return NULL;
    }
    json_open_object(&writer, NULL);
    metrics_put_json(status->metrics, &writer);
    json_put_raw(&writer, "conf", conf[0] == '\0' ? "null" : conf);
    json_close_object(&writer);
    (void)fputc('\n', out);
    free(conf);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    *length = bytes;
    return text;
}
