/* The benchmark's server: one thread, epoll, answers prepared beforehand, so that
 * the machine's time goes to the proxy in front of it.
 *
 *   backend PORT...     / : 200 bytes in all; /16k : a body of 16 KiB; /16m : of 16 MiB
 *
 * It keeps connections alive, answers pipelined requests in order and closes
 * after a request with "Connection: close". Request bodies are not read. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT = 8192, MAXFD = 65536, BIG = 16384 };

struct answer { char *text; size_t len; };

struct conn {
	char in[INPUT];
	size_t have;
	const struct answer *out; /* being sent */
	size_t sent;
	int close_after, listening;
};

static struct conn *conns[MAXFD];
static struct answer small, big, huge;
static int ep;

static struct answer prepare(size_t body, size_t total)
{
	struct answer a;
	char head[256];
	int n = snprintf(head, sizeof head,
		"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", body);
	if (total) { /* the length of the whole answer decides */
		body = total - (size_t)n;
		n = snprintf(head, sizeof head,
			"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", body);
	}
	a.len = (size_t)n + body;
	a.text = malloc(a.len);
	if (!a.text) { perror("malloc"); exit(1); }
	memcpy(a.text, head, (size_t)n);
	memset(a.text + n, 'x', body);
	return a;
}

static void drop(int fd)
{
	free(conns[fd]);
	conns[fd] = NULL;
	close(fd);
}

static void watch(int fd, unsigned events, int listening)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };
	if (fd >= MAXFD || !(conns[fd] = calloc(1, sizeof **conns))) { close(fd); return; }
	conns[fd]->listening = listening;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)) { perror("epoll_ctl"); exit(1); }
}

/* flush returns 1 when everything is sent, 0 when the socket is full, -1 when
 * the connection is gone. */
static int flush(int fd, struct conn *c)
{
	while (c->out) {
		ssize_t n = send(fd, c->out->text + c->sent, c->out->len - c->sent, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		c->sent += (size_t)n;
		if (c->sent == c->out->len) {
			c->out = NULL;
			if (c->close_after)
				return -1;
		}
	}
	return 1;
}

/* serve answers the requests that are complete; it returns as flush does. */
static int serve(int fd, struct conn *c)
{
	char *end;
	while (!c->out && (end = memmem(c->in, c->have, "\r\n\r\n", 4))) {
		size_t len = (size_t)(end - c->in) + 4;
		*end = 0;
		c->close_after = strcasestr(c->in, "\r\nconnection: close") != NULL;
		c->out = !strncmp(c->in, "GET /16k", 8) ? &big : !strncmp(c->in, "GET /16m", 8) ? &huge : &small;
		c->sent = 0;
		c->have -= len;
		memmove(c->in, c->in + len, c->have);
		int done = flush(fd, c);
		if (done <= 0)
			return done;
	}
	return 1;
}

static void ready(int fd, unsigned events)
{
	struct conn *c = conns[fd];
	if (!c)
		return;
	if (c->out && events & EPOLLOUT && (flush(fd, c) < 0 || serve(fd, c) < 0)) {
		drop(fd);
		return;
	}
	for (;;) {
		if (c->out || c->have == INPUT)
			return; /* what waits is read when the answer is out */
		size_t room = INPUT - c->have;
		ssize_t n = recv(fd, c->in + c->have, room, 0);
		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				drop(fd);
			return;
		}
		c->have += (size_t)n;
		if (serve(fd, c) < 0) {
			drop(fd);
			return;
		}
		if ((size_t)n < room)
			return; /* drained; the next bytes make an edge */
	}
}

static void listen_on(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4096)) { perror("listen"); exit(1); }
	watch(fd, EPOLLIN, 1);
}

int main(int argc, char **argv)
{
	struct epoll_event evs[256];
	small = prepare(100, 200);
	big = prepare(BIG, 0);
	huge = prepare((size_t)16 << 20, 0);
	ep = epoll_create1(0);
	for (int i = 1; i < argc; i++)
		listen_on(atoi(argv[i]));
	puts("listening");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(ep, evs, 256, -1);
		for (int i = 0; i < n; i++) {
			int fd = evs[i].data.fd, one = 1, got;
			if (!conns[fd] || !conns[fd]->listening) {
				ready(fd, evs[i].events);
				continue;
			}
			while ((got = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				watch(got, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 0);
			}
		}
	}
}
