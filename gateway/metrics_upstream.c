/* SPDX-License-Identifier: MIT */
/*
 * metrics_upstream.c - what is counted for each upstream, found by its name.
 *
 * The names are those of the conf file, so there are few; but a reload may change them
 * while workers with the old ones still drain, so each slot keeps names of its own, and
 * whoever renders shows each name once, with the sum over the slots that know it.
 */
#include "gateway/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "gateway/json_writer.h"
#include "upstream/upstream.h"

static const char *const state_names[] = {
    [CIRCUIT_CLOSED] = "closed",
    [CIRCUIT_OPEN] = "open",
    [CIRCUIT_HALF_OPEN] = "half_open",
};

static uint64_t load(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/* The place of <name> in <slot>; NULL when there is none. */
static const struct metrics_upstream *find(const struct metrics_slot *slot, const char *name)
{
    for (size_t i = 0; i < METRICS_UPSTREAMS; i++) {
        if (strcmp(slot->upstreams[i].name, name) == 0) {
            return &slot->upstreams[i];
        }
    }
    return NULL;
}

/* A free place, or one whose name this slot's worker does not use: there are twice as many. */
static struct metrics_upstream *make_place(struct metrics_slot *slot)
{
    struct metrics_upstream *unused = &slot->upstreams[0];

    for (size_t i = METRICS_UPSTREAMS; i-- > 0;) {
        struct metrics_upstream *place = &slot->upstreams[i];
        if (place->name[0] == '\0') {
            return place;
        }
        if (load(&place->circuit) == 0) {
            unused = place;
        }
    }
    return unused;
}

struct metrics_upstream *metrics_upstream(struct metrics_slot *slot, const char *name)
{
    const struct metrics_upstream *found = find(slot, name);
    struct metrics_upstream *place;

    if (found != NULL) {
        return &slot->upstreams[found - slot->upstreams];
    }
    place = make_place(slot);
    *place = (struct metrics_upstream){.name = ""};
    (void)snprintf(place->name, sizeof(place->name), "%s", name);
    return place;
}

/* True when a slot before <index> knows <name>, and has shown it. */
static bool is_shown(const struct metrics *metrics, size_t index, const char *name)
{
    for (size_t i = 0; i < index; i++) {
        if (find(metrics_look(metrics, i), name) != NULL) {
            return true;
        }
    }
    return false;
}

/* One family of series: how one of them is called, and what one upstream of a slot adds. */
struct family {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;   /* of a counter */
    bool has_states; /* instead: workers, by the state of their circuit */
};

/* clang-format off */
static const struct family families[] = {
    {"tidegate_upstream_circuit", "gauge",
     "Workers, by the state of their circuit before an upstream.",
     offsetof(struct metrics_upstream, circuit), true},
    {"tidegate_upstream_circuit_openings_total", "counter",
     "Times a circuit was opened by failures.",
     offsetof(struct metrics_upstream, openings), false},
    {"tidegate_upstream_retries_total", "counter",
     "Retries sent to an upstream.",
     offsetof(struct metrics_upstream, retries), false},
    {"tidegate_upstream_retries_withheld_total", "counter",
     "Retries not sent because the retry budget was used up.",
     offsetof(struct metrics_upstream, withheld), false},
};
/* clang-format on */

/* The sum over all slots; or how many of them hold <value>, when that is not 0. */
static uint64_t sum(const struct metrics *metrics, const char *name, size_t offset, uint64_t value)
{
    const struct metrics_slot *slot;
    uint64_t total = 0;

    for (size_t i = 0; (slot = metrics_look(metrics, i)) != NULL; i++) {
        const struct metrics_upstream *upstream = find(slot, name);
        if (upstream != NULL) {
            uint64_t has = load((const void *)((const char *)upstream + offset));
            total += value == 0 ? has : has == value;
        }
    }
    return total;
}

static void render_one(FILE *out, const struct metrics *metrics, const struct family *family,
                       const char *name)
{
    if (!family->has_states) {
        fprintf(out, "%s{upstream=\"%s\"} %" PRIu64 "\n", family->name, name,
                sum(metrics, name, family->offset, 0));
        return;
    }
    for (size_t state = 0; state < sizeof(state_names) / sizeof(state_names[0]); state++) {
        fprintf(out, "%s{upstream=\"%s\",state=\"%s\"} %" PRIu64 "\n", family->name, name,
                state_names[state], sum(metrics, name, family->offset, METRICS_CIRCUIT(state)));
    }
}

static void render_family(FILE *out, const struct metrics *metrics, const struct family *family)
{
    const struct metrics_slot *slot;

    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
            family->type);
    for (size_t i = 0; (slot = metrics_look(metrics, i)) != NULL; i++) {
        for (size_t j = 0; j < METRICS_UPSTREAMS; j++) {
            const char *name = slot->upstreams[j].name;
            if (name[0] != '\0' && !is_shown(metrics, i, name)) {
                render_one(out, metrics, family, name);
            }
        }
    }
}

void metrics_render_upstreams(const struct metrics *metrics, FILE *out)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        render_family(out, metrics, &families[i]);
    }
}

static void put_one(const struct metrics *metrics, struct json_writer *writer, const char *name)
{
    json_open_object(writer, NULL);
    json_put_text(writer, "name", name);
    for (size_t state = 0; state < sizeof(state_names) / sizeof(state_names[0]); state++) {
        json_put_count(
            writer, state_names[state],
            sum(metrics, name, offsetof(struct metrics_upstream, circuit), METRICS_CIRCUIT(state)));
    }
    json_put_count(writer, "openings",
                   sum(metrics, name, offsetof(struct metrics_upstream, openings), 0));
    json_put_count(writer, "retries",
                   sum(metrics, name, offsetof(struct metrics_upstream, retries), 0));
    json_put_count(writer, "retries_withheld",
                   sum(metrics, name, offsetof(struct metrics_upstream, withheld), 0));
    json_close_object(writer);
}

void metrics_put_upstreams(const struct metrics *metrics, struct json_writer *writer)
{
    const struct metrics_slot *slot;

    json_open_array(writer, "upstreams");
    for (size_t i = 0; (slot = metrics_look(metrics, i)) != NULL; i++) {
        for (size_t j = 0; j < METRICS_UPSTREAMS; j++) {
            const char *name = slot->upstreams[j].name;
            if (name[0] != '\0' && !is_shown(metrics, i, name)) {
                put_one(metrics, writer, name);
            }
        }
    }
    json_close_array(writer);
}
