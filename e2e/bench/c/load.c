/* The benchmark's open-loop client: requests leave at a fixed rate whether or not
 * earlier ones were answered, and each is timed from the moment it was due. One
 * that finds no free connection waits its turn with its clock running, so a
 * proxy that stops for a while is charged for everything that it delayed.
 *
 *   load PORT RATE SECONDS CONNECTIONS REQUEST
 *
 * The first second is not counted. Prints one line of JSON, times in µs. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { INPUT = 65536, FINE = 100000, COARSE = 60000, QUEUE = 1 << 22 };

struct conn {
	int fd, busy;
	int64_t due;
	size_t have, want; /* want: of the whole answer, 0 while its head is not in */
	char in[INPUT];
};

static struct conn *all;
static int *idle, nidle;
static int64_t queue[QUEUE];
static unsigned head, tail;
static uint32_t fine[FINE], coarse[COARSE];
static uint64_t counted, errors;
static int64_t counted_from, worst;
static const char *request;
static size_t request_len;

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) { perror(what); exit(1); }

static void start(struct conn *c, int64_t due)
{
	c->busy = 1;
	c->due = due;
	c->have = c->want = 0;
	if (send(c->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len)
		die("send");
}

static void count(int64_t due)
{
	int64_t took = (now() - due) / 1000;
	if (due < counted_from)
		return;
	counted++;
	if (took > worst)
		worst = took;
	if (took < FINE)
		fine[took]++;
	else
		coarse[took / 1000 < COARSE ? took / 1000 : COARSE - 1]++;
}

static void finish(struct conn *c)
{
	count(c->due);
	if (head != tail)
		start(c, queue[head++ % QUEUE]);
	else {
		c->busy = 0;
		idle[nidle++] = (int)(c - all);
	}
}

static void receive(struct conn *c)
{
	ssize_t n;
	while ((n = recv(c->fd, c->in + c->have, INPUT - 1 - c->have, 0)) > 0) {
		c->have += (size_t)n;
		if (!c->want) {
			c->in[c->have] = 0;
			char *end = strstr(c->in, "\r\n\r\n"), *len;
			if (!end)
				continue;
			if (strncmp(c->in, "HTTP/1.1 200", 12))
				errors++;
			len = strcasestr(c->in, "\r\ncontent-length:");
			if (!len || len > end) { fputs("an answer without a length\n", stderr); exit(1); }
			c->want = (size_t)(end - c->in) + 4 + (size_t)atol(len + 17);
			if (c->want >= INPUT) { fputs("an answer too large\n", stderr); exit(1); }
		}
		if (c->have >= c->want) {
			finish(c);
			return;
		}
	}
	if (n == 0 || errno != EAGAIN) { fputs("the proxy closed a connection\n", stderr); exit(1); }
}

static int64_t quantile(double q)
{
	uint64_t at = (uint64_t)(q * (double)counted), sum = 0;
	for (int i = 0; i < FINE; i++)
		if ((sum += fine[i]) > at)
			return i;
	for (int i = 0; i < COARSE; i++)
		if ((sum += coarse[i]) > at)
			return i * 1000LL;
	return worst;
}

static void connect_all(int n, int port, int ep)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (int i = 0; i < n; i++) {
		int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&a, sizeof a))
			die("connect");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (fcntl(fd, F_SETFL, O_NONBLOCK))
			die("fcntl");
		all[i].fd = fd;
		idle[nidle++] = i;
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
			die("epoll_ctl");
	}
}

int main(int argc, char **argv)
{
	if (argc != 6) { fputs("load PORT RATE SECONDS CONNECTIONS REQUEST\n", stderr); return 2; }
	double rate = atof(argv[2]);
	int64_t seconds = atoll(argv[3]), issued = 0, most = 0;
	int n = atoi(argv[4]), ep = epoll_create1(0);
	struct epoll_event evs[256];
	request = argv[5];
	request_len = strlen(request);
	prctl(PR_SET_TIMERSLACK, 1);
	all = calloc((size_t)n, sizeof *all);
	idle = calloc((size_t)n, sizeof *idle);
	connect_all(n, atoi(argv[1]), ep);
	int64_t begin = now(), end = begin + (seconds + 1) * 1000000000LL;
	counted_from = begin + 1000000000LL;
	for (;;) {
		int64_t t = now(), due;
		while ((due = begin + (int64_t)((double)issued * 1e9 / rate)) <= t && due < end) {
			issued++;
			if (nidle)
				start(&all[idle[--nidle]], due);
			else if (tail - head < QUEUE)
				queue[tail++ % QUEUE] = due;
			else
				die("more requests wait than this client holds");
			if ((int64_t)(tail - head) > most)
				most = tail - head;
		}
		if (due >= end && nidle == n)
			break;
		if (t > end + 30000000000LL) { fputs("answers are missing after 30 s\n", stderr); return 1; }
		int64_t wait = due < end ? due - t : 1000000000LL;
		struct timespec ts = { wait / 1000000000LL, wait % 1000000000LL };
		int got = epoll_pwait2(ep, evs, 256, &ts, NULL);
		for (int i = 0; i < got; i++)
			receive(&all[evs[i].data.u32]);
	}
	printf("{\"counted\":%llu,\"errors\":%llu,\"p50\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld,\"waited\":%lld}\n",
		(unsigned long long)counted, (unsigned long long)errors, (long long)quantile(.5),
		(long long)quantile(.99), (long long)quantile(.999), (long long)worst, (long long)most);
	return 0;
}
