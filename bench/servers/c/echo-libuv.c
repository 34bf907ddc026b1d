/* Sends back what it receives, on libuv, as its own documentation does it: a write request and its buffer for each
 * message, freed when it was sent. */
#include "peer.h"
#include <uv.h>

struct write {
    uv_write_t request;
    char *base;
};

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(malloc(BUFFER), BUFFER);
}

static void sent(uv_write_t *request, int status)
{
    struct write *write = (struct write *)request;
    if (status < 0)
        uv_close((uv_handle_t *)request->handle, closed);
    free(write->base);
    free(write);
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    if (count > 0) {
        struct write *write = malloc(sizeof *write);
        uv_buf_t out = uv_buf_init(buffer->base, (unsigned)count);
        write->base = buffer->base;
        uv_write(&write->request, stream, &out, 1, sent);
        return;
    }
    free(buffer->base);
    if (count < 0)
        uv_close((uv_handle_t *)stream, closed);
}

static void connected(uv_stream_t *listener, int status)
{
    if (status < 0)
        return;
    uv_tcp_t *client = malloc(sizeof *client);
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) != 0) {
        uv_close((uv_handle_t *)client, closed);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, allocate, received);
}

int main(int argc, char **argv)
{
    limit_lifetime(argc, argv);
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in addr;
    int length = sizeof addr;
    uv_ip4_addr("127.0.0.1", 0, &addr);
    uv_tcp_init(loop, &listener);
    check(uv_tcp_bind(&listener, (struct sockaddr *)&addr, 0) != 0, "bind");
    check(uv_listen((uv_stream_t *)&listener, BACKLOG, connected) != 0, "listen");
    check(uv_tcp_getsockname(&listener, (struct sockaddr *)&addr, &length) != 0, "getsockname");
    announce(&addr);
    return uv_run(loop, UV_RUN_DEFAULT);
}
