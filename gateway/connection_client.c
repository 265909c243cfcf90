/* SPDX-License-Identifier: MIT */
/*
 * connection_client.c - who the client behind a connection is, and its address's share.
 *
 * A client that connects by itself is charged for its connection, from accept to close.
 * A trusted proxy carries many clients on one connection and keeps it open between
 * them; there the address that it names is charged for each request while that is
 * served, and the proxy itself for nothing (docs/decisions/0005).
 */
#include "gateway/connection.h"

#include <string.h>

#include "gateway/client_tls.h"
#include "gateway/connection_internal.h"
#include "gateway/forwarded.h"
#include "gateway/tally.h"

static bool is_trusted(const struct connection_set *set, const struct address *address)
{
    return networks_have(set->settings.trusted, set->settings.trusted_count, address);
}

void connection_name_peer(struct connection *connection, const struct address *peer)
{
    connection->peer = *peer;
    connection->client = *peer;
    connection->is_proxy = is_trusted(connection->set, peer);
    address_render(peer, connection->client_text);
    address_render(&connection->carrier, connection->via_text);
}

void connection_charge(struct connection *connection)
{
    struct connection_set *set = connection->set;
    struct address key = address_client_key(&connection->client);

    if (set->addresses == NULL || !key.is_known || is_trusted(set, &connection->client)) {
        return;
    }
    switch (tally_acquire(set->addresses, span_of((const char *)key.bytes, sizeof(key.bytes)),
                          &connection->share)) {
    case TALLY_OK:
        break;
    case TALLY_FULL:
        connection->verdict = END_ADDRESS_FULL;
        metrics_add(&set->settings.metrics->address_refusals, 1);
        break;
    case TALLY_NO_MEMORY:
        connection->verdict = END_NO_MEMORY;
        break;
    }
}

void connection_uncharge(struct connection *connection)
{
    tally_release(connection->set->addresses, connection->share);
    connection->share = NULL;
}

void connection_name_client(struct connection *connection)
{
    const struct connection_settings *settings = &connection->set->settings;
    const struct address *via;

    if (!connection->is_proxy) {
        return;
    }
    connection->client = forwarded_client(&connection->watch.head.head.forwarded, &connection->peer,
                                          settings->trusted, settings->trusted_count);
    address_render(&connection->client, connection->client_text);
    via = address_equal(&connection->client, &connection->peer) ? &connection->carrier
                                                                : &connection->peer;
    address_render(via, connection->via_text);
}

void connection_end_request(struct connection *connection)
{
    connection->verdict = END_DONE;
    if (connection->is_proxy) {
        connection_uncharge(connection);
    }
}

enum end_reason connection_verdict(const struct connection *connection, const char **problem)
{
    if (connection->verdict == END_ADDRESS_FULL) {
        *problem = "limits.connections_per_address reached";
    }
    return connection->verdict;
}

const char *connection_client(const struct connection *connection)
{
    return connection->client_text;
}

const char *connection_tls(const struct connection *connection)
{
    return connection->is_tls ? client_tls_version(connection->bev) : NULL;
}

const char *connection_via(const struct connection *connection)
{
    return connection->via_text;
}
