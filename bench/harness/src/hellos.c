// hellos: TLS handshakes that come to nothing, each with a ClientHello of its own: what a hostile client can vary most cheaply.
//   hellos --port P --total 200000 --seconds 60 --conns 64 --distinct 1 --networks 4096
// Connects from 127.16.0.0/12 (a /24 of its own for each of `networks`), says EHLO and STARTTLS, sends a hello of TLS 1.2 with 24
// unknown cipher suites (random ones, or always the same), and waits for the alert. One line of JSON at the end.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
enum { FREE, GREETING, EHLO, STARTTLS, HELLO };
enum { SUITES = 24 };
typedef struct { int fd, state, at; uint64_t since; char in[2048]; } conn;
static int ep, port = 25, distinct = 1, networks = 4096;
static long started, refused, failed;
static uint64_t seed = 88172645463325252ull;

static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static uint64_t rnd(void) { seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17; return seed; }

static void end(conn *c, int good) { close(c->fd); c->state = FREE; if (good) refused++; else failed++; }

static void begin(conn *c) {
  int one = 1, n = (int)(started % networks);
  long number = started++;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) { failed++; return; }
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in me = { .sin_family = AF_INET }, to = { .sin_family = AF_INET, .sin_port = htons(port) };
  me.sin_addr.s_addr = htonl(0x7f100000u + ((uint32_t)n << 8) + 1 + (uint32_t)(number / networks % 250));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->state = GREETING; c->at = 0; c->since = now();
  if (bind(c->fd, (void *)&me, sizeof me) < 0 || (connect(c->fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS)) { end(c, 0); return; }
  struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}

static int say(conn *c, const void *text, size_t length) { c->at = 0; return send(c->fd, text, length, MSG_NOSIGNAL) == (ssize_t)length; }

static int hello(conn *c) {
  unsigned char b[5 + 4 + 2 + 32 + 1 + 2 + 2 * SUITES + 2], *p = b;
  int body = 2 + 32 + 1 + 2 + 2 * SUITES + 2;
  *p++ = 22; *p++ = 3; *p++ = 1; *p++ = (body + 4) >> 8; *p++ = (body + 4) & 255;
  *p++ = 1; *p++ = 0; *p++ = body >> 8; *p++ = body & 255; *p++ = 3; *p++ = 3;
  for (int i = 0; i < 32; i++) *p++ = rnd();
  *p++ = 0; *p++ = 0; *p++ = 2 * SUITES;
  // 0xe0xx is nobody's; neither is it GREASE.
  for (int i = 0; i < SUITES; i++) { *p++ = 0xe0 + (distinct ? rnd() % 8 : i % 8); *p++ = distinct ? rnd() : i; }
  *p++ = 1; *p++ = 0;
  return say(c, b, p - b);
}

/** The last line of a reply is there: `250 `, not `250-`. */
static int whole(conn *c) {
  if (c->at < 4 || c->in[c->at - 1] != '\n') return 0;
  char *line = memrchr(c->in, '\n', c->at - 1);
  line = line ? line + 1 : c->in;
  return c->in + c->at - line >= 4 && line[3] == ' ';
}

static void heard(conn *c) {
  ssize_t n = recv(c->fd, c->in + c->at, sizeof c->in - c->at, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { end(c, c->state == HELLO && c->at > 0); return; }
  c->at += n;
  if (c->state == HELLO) { if (c->in[0] == 21) end(c, 1); else end(c, 0); return; }
  if (!whole(c)) { if (c->at == sizeof c->in) end(c, 0); return; }
  if (c->in[0] != '2') { end(c, 0); return; }
  int ok = c->state == GREETING ? say(c, "EHLO x\r\n", 8) : c->state == EHLO ? say(c, "STARTTLS\r\n", 10) : hello(c);
  if (!ok) { end(c, 0); return; }
  c->state++;
}

int main(int argc, char **argv) {
  long total = 200000; double seconds = 60; int conns = 64;
  for (int i = 1; i + 1 < argc; i += 2) {
    char *k = argv[i], *v = argv[i + 1];
    if (!strcmp(k, "--port")) port = atoi(v); else if (!strcmp(k, "--total")) total = atol(v);
    else if (!strcmp(k, "--seconds")) seconds = atof(v); else if (!strcmp(k, "--conns")) conns = atoi(v);
    else if (!strcmp(k, "--distinct")) distinct = atoi(v); else if (!strcmp(k, "--networks")) networks = atoi(v);
    else if (!strcmp(k, "--seed")) seed ^= (uint64_t)atol(v) * 0x9e3779b97f4a7c15ull; else { fprintf(stderr, "bad option %s\n", k); return 2; }
  }
  if (conns < 1 || networks < 1 || networks > 4096 || total < 1 || seconds <= 0) { fprintf(stderr, "hellos: bad value\n"); return 2; }
  for (int i = 0; i < 20; i++) rnd();
  ep = epoll_create1(EPOLL_CLOEXEC);
  conn *all = calloc(conns, sizeof *all);
  struct epoll_event events[256];
  uint64_t first = now(), last = first, spacing = seconds * 1e9 / total;
  for (;;) {
    uint64_t t = now();
    int busy = 0;
    for (int i = 0; i < conns; i++) {
      conn *c = &all[i];
      if (c->state == FREE && started < total && first + started * spacing <= t) begin(c);
      if (c->state != FREE && t > c->since + 20000000000ull) end(c, 0);
      busy += c->state != FREE;
    }
    if (started >= total && busy == 0) break;
    // Behind its time for long: the gateway is slower than that.
    if (t - first > seconds * 2e9) break;
    int n = epoll_wait(ep, events, 256, 1);
    for (int i = 0; i < n; i++) { conn *c = events[i].data.ptr; if (c->state != FREE) heard(c); }
    last = now();
  }
  printf("{\"started\":%ld,\"refused\":%ld,\"failed\":%ld,\"seconds\":%.3f}\n", started, refused, failed, (last - first) / 1e9);
  return 0;
}
