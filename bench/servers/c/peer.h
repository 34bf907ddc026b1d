/* What the C peers share with the servers in Rust: the buffer, the line that says where they listen, the time limit. */
#ifndef PEER_H
#define PEER_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER (16 * 1024)
#define BACKLOG 1024

static void announce(const struct sockaddr_in *addr)
{
    printf("listening on 127.0.0.1:%d pid %d\n", ntohs(addr->sin_port), (int)getpid());
    fflush(stdout);
}

/* Seconds after which the process ends itself, whatever became of the one that started it. */
static void limit_lifetime(int argc, char **argv)
{
    alarm(argc > 1 ? (unsigned)atoi(argv[1]) : 600);
}

static void check(int failed, const char *what)
{
    if (failed) {
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

#endif
