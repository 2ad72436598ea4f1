/*
 * Traffic between two namespaces, made with as little of its own as can be, so that the datapath is what is seen.
 *
 *     connector sink-tcp ADDRESS PORT               accept, read until the peer ends, close; for ever
 *     connector sink-udp ADDRESS PORT               count datagrams, answer those that ask; for ever
 *     connector connect  ADDRESS PORT MILLISECONDS  new TCP connections, one after the other
 *     connector stream   ADDRESS PORT MILLISECONDS  one TCP stream, operations are bytes
 *     connector ping     ADDRESS PORT MILLISECONDS  UDP round trips; at least one, also with 0 milliseconds
 *     connector flood    ADDRESS PORT MILLISECONDS  UDP datagrams of a flow that was answered once
 *     connector shout    ADDRESS PORT MILLISECONDS  UDP datagrams, whether or not anybody gets them; at least one
 *     connector report   ADDRESS PORT MILLISECONDS  no traffic: only ask a UDP sink what arrived since it was last asked
 *
 * A sink writes "ready" once it can be reached. Everything else writes "OPERATIONS NANOSECONDS ARRIVED", where
 * ARRIVED is what the sink says it got (0 for `shout`, which does not ask), and ends with 1 and a message when the
 * sink is not reached within ANSWER_SECONDS. Addresses are IPv4.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	ANSWER_SECONDS = 2,
	BACKLOG = 65535,	/* cut to net.core.somaxconn */
	BATCH = 64,		/* datagrams per system call */
	CHUNK = 128 * 1024,	/* bytes per system call of a stream */
	DATAGRAM = 18,		/* bytes: with UDP, IPv4 and Ethernet the smallest frame, 60 */
	RECEIVE_BUFFER = 256 * 1024 * 1024,
};

/* The first byte of a datagram: what the sink does with it. */
enum { COUNT = 'c', ECHO = 'e', REPORT = 'r' };

struct result {
	uint64_t operations, nanoseconds, arrived;
};

static char buffer[CHUNK];

static void die(const char *what)
{
	fprintf(stderr, "connector: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void set(int at, int level, int option, const void *value, socklen_t size, const char *what)
{
	if (setsockopt(at, level, option, value, size) < 0)
		die(what);
}

/* A socket that gives up waiting, also in connect(2), after ANSWER_SECONDS. */
static int open_socket(int kind)
{
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	int made = socket(AF_INET, kind | SOCK_CLOEXEC, 0);

	if (made < 0)
		die("socket");
	set(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience), "SO_RCVTIMEO");
	set(made, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience), "SO_SNDTIMEO");
	return made;
}

static int connected(int kind, const struct sockaddr_in *peer)
{
	int made = open_socket(kind);

	if (connect(made, (const struct sockaddr *)peer, sizeof(*peer)) < 0)
		die("connect");
	return made;
}

static void ready(void)
{
	if (puts("ready") < 0 || fflush(stdout) != 0)
		die("ready");
}

/* ---- sinks ---- */

static void sink_tcp(const struct sockaddr_in *here)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1, stream;

	if (listener < 0)
		die("socket");
	set(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes), "SO_REUSEADDR");
	if (bind(listener, (const struct sockaddr *)here, sizeof(*here)) < 0 || listen(listener, BACKLOG) < 0)
		die("listen");
	ready();
	for (;;) {
		stream = accept(listener, NULL, NULL);
		if (stream < 0 && errno != ECONNABORTED)
			die("accept");
		if (stream < 0)
			continue;
		while (recv(stream, buffer, sizeof(buffer), 0) > 0)
			;	/* the end is EOF for a stream, ECONNRESET for a new connection: both are fine */
		close(stream);
	}
}

/* Answer one datagram where it came from; REPORT is answered with the number of those counted since the last. */
static void answer(int at, const char *datagram, size_t size, struct sockaddr_in *peer, uint64_t *counted)
{
	switch (datagram[0]) {
	case COUNT:
		++*counted;
		return;
	case REPORT:
		sendto(at, counted, sizeof(*counted), 0, (struct sockaddr *)peer, sizeof(*peer));
		*counted = 0;
		return;
	case ECHO:
		sendto(at, datagram, size, 0, (struct sockaddr *)peer, sizeof(*peer));
		return;
	}
}

static void sink_udp(const struct sockaddr_in *here)
{
	static char datagrams[BATCH][DATAGRAM];
	static struct sockaddr_in peers[BATCH];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	int at = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = RECEIVE_BUFFER, got, i;
	uint64_t counted = 0;

	if (at < 0)
		die("socket");
	set(at, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room), "SO_RCVBUFFORCE");
	if (bind(at, (const struct sockaddr *)here, sizeof(*here)) < 0)
		die("bind");
	for (i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ datagrams[i], DATAGRAM };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i], .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	ready();
	for (;;) {
		for (i = 0; i < BATCH; i++)
			messages[i].msg_hdr.msg_namelen = sizeof(peers[i]);
		got = recvmmsg(at, messages, BATCH, MSG_WAITFORONE, NULL);
		if (got < 0)
			die("recvmmsg");
		for (i = 0; i < got; i++)
			if (messages[i].msg_len > 0)
				answer(at, datagrams[i], messages[i].msg_len, &peers[i], &counted);
	}
}

/* ---- sources ---- */

/* One stream that the sink has read to its end and closed, after everything that came before it. */
static void finish(int stream)
{
	if (shutdown(stream, SHUT_WR) < 0 || recv(stream, buffer, sizeof(buffer), 0) != 0)
		die("the sink does not close");
	close(stream);
}

/*
 * SYN, SYN-ACK, ACK, RST: with SO_LINGER 0 nothing is left waiting, so that the ports never run out. The last
 * connection ends in order: when the sink has closed that one, it has taken all of them.
 */
static struct result connect_many(const struct sockaddr_in *sink, uint64_t duration)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	uint64_t begin = now(), count = 0;
	int stream;

	do {
		stream = connected(SOCK_STREAM, sink);
		set(stream, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset), "SO_LINGER");
		close(stream);
		count++;
	} while (now() - begin < duration);
	finish(connected(SOCK_STREAM, sink));
	count++;
	return (struct result){ count, now() - begin, count };
}

static struct result stream_bytes(const struct sockaddr_in *sink, uint64_t duration)
{
	int stream = connected(SOCK_STREAM, sink);
	uint64_t begin = now(), count = 0;
	ssize_t sent;

	do {
		sent = send(stream, buffer, sizeof(buffer), MSG_NOSIGNAL);
		if (sent < 0)
			die("send");
		count += (uint64_t)sent;
	} while (now() - begin < duration);
	finish(stream);
	return (struct result){ count, now() - begin, count };
}

/* The answer to one datagram of a kind, in `buffer`. */
static void ask(int at, char kind)
{
	char question[DATAGRAM] = { kind };

	if (send(at, question, sizeof(question), 0) < 0)
		die("send");
	if (recv(at, buffer, sizeof(buffer), 0) < 0)
		die("no answer");
}

static struct result ping(const struct sockaddr_in *sink, uint64_t duration)
{
	int at = connected(SOCK_DGRAM, sink);
	uint64_t begin = now(), count = 0;

	do {
		ask(at, ECHO);
		count++;
	} while (now() - begin < duration);
	return (struct result){ count, now() - begin, count };
}

/* The receiving side of a datagram's way is walked by its sender (softirq), so the sender's time is the whole way's. */
static struct result send_many(int at, uint64_t duration)
{
	static char datagram[DATAGRAM] = { COUNT };
	static struct iovec part = { datagram, sizeof(datagram) };
	static struct mmsghdr messages[BATCH];
	uint64_t begin, count = 0;
	int sent, i;

	for (i = 0; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 };
	begin = now();
	do {
		sent = sendmmsg(at, messages, BATCH, 0);
		if (sent < 0)
			die("sendmmsg");
		count += (uint64_t)sent;
	} while (now() - begin < duration);
	return (struct result){ .operations = count, .nanoseconds = now() - begin };
}

/* The number of datagrams that the sink counted since it was last asked. */
static uint64_t ask_arrived(int at)
{
	uint64_t arrived;

	ask(at, REPORT);
	memcpy(&arrived, buffer, sizeof(arrived));
	return arrived;
}

static struct result flood(const struct sockaddr_in *sink, uint64_t duration)
{
	int at = connected(SOCK_DGRAM, sink);
	struct result result;

	ask_arrived(at);	/* answered: an established flow, and a count from zero */
	result = send_many(at, duration);
	result.arrived = ask_arrived(at);
	return result;
}

static struct result shout(const struct sockaddr_in *sink, uint64_t duration)
{
	return send_many(connected(SOCK_DGRAM, sink), duration);
}

static struct result report(const struct sockaddr_in *sink, uint64_t duration)
{
	(void)duration;
	return (struct result){ .arrived = ask_arrived(connected(SOCK_DGRAM, sink)) };
}

/* ---- the command line ---- */

static const struct {
	const char *name;
	struct result (*run)(const struct sockaddr_in *sink, uint64_t duration);
} SOURCES[] = {
	{ "connect", connect_many }, { "stream", stream_bytes }, { "ping", ping },
	{ "flood", flood },	     { "shout", shout },	 { "report", report },
};

static const struct {
	const char *name;
	void (*run)(const struct sockaddr_in *here);
} SINKS[] = { { "sink-tcp", sink_tcp }, { "sink-udp", sink_udp } };

static int usage(void)
{
	fputs("usage: connector MODE ADDRESS PORT [MILLISECONDS]\n", stderr);
	return 2;
}

int main(int count, char **words)
{
	struct sockaddr_in peer = { .sin_family = AF_INET };
	struct result result;
	size_t i;

	if (count < 4 || inet_pton(AF_INET, words[2], &peer.sin_addr) != 1)
		return usage();
	peer.sin_port = htons((uint16_t)atoi(words[3]));
	for (i = 0; count == 4 && i < sizeof(SINKS) / sizeof(SINKS[0]); i++)
		if (strcmp(words[1], SINKS[i].name) == 0)
			SINKS[i].run(&peer);
	for (i = 0; count == 5 && i < sizeof(SOURCES) / sizeof(SOURCES[0]); i++)
		if (strcmp(words[1], SOURCES[i].name) == 0) {
			result = SOURCES[i].run(&peer, strtoull(words[4], NULL, 10) * 1000000u);
			printf("%llu %llu %llu\n", (unsigned long long)result.operations,
			       (unsigned long long)result.nanoseconds, (unsigned long long)result.arrived);
			return 0;
		}
	return usage();
}
