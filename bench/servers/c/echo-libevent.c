/* Sends back what it receives, on libevent's bufferevents, as its own documentation does it: what is in the input buffer
 * is moved to the output buffer. */
#include "peer.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/tcp.h>

static void received(struct bufferevent *stream, void *context)
{
    (void)context;
    bufferevent_write_buffer(stream, bufferevent_get_input(stream));
}

static void ended(struct bufferevent *stream, short what, void *context)
{
    (void)context;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(stream);
}

static void connected(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr, int length,
                      void *context)
{
    (void)addr;
    (void)length;
    (void)context;
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct event_base *base = evconnlistener_get_base(listener);
    struct bufferevent *stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(stream, received, NULL, ended, NULL);
    bufferevent_enable(stream, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    limit_lifetime(argc, argv);
    struct event_base *base = event_base_new();
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof addr;
    struct evconnlistener *listener =
        evconnlistener_new_bind(base, connected, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, BACKLOG,
                                (struct sockaddr *)&addr, sizeof addr);
    check(listener == NULL, "bind");
    check(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&addr, &length) != 0, "getsockname");
    announce(&addr);
    return event_base_dispatch(base);
}
