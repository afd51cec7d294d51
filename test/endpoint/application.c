// SPDX-License-Identifier: BSD-2-Clause
/* application.c - What the program of a host does with a connection */
#include "endpoint/host.h"

static const struct program *program_of(const struct connection *c)
{
	return &c->host->side->program;
}

static void set(struct connection *c, const struct tcp_env *env,
		enum tcp_option option, uint64_t value)
{
	if (tcp_set_option(&c->tcb, env, option, value))
		verdict_fail(c->host->verdict, "option %d refused", (int)option);
}

void application_begin(struct connection *c, const struct tcp_env *env)
{
	const struct program *p = program_of(c);

	if (p->no_delay)
		set(c, env, TCP_OPTION_NO_DELAY, 1);
	if (p->cork)
		set(c, env, TCP_OPTION_CORK, 1);
	if (p->no_quick_ack)
		set(c, env, TCP_OPTION_QUICK_ACK, 0);
	if (p->keepalive) {
		set(c, env, TCP_OPTION_KEEPALIVE_IDLE, p->keepalive);
		set(c, env, TCP_OPTION_KEEPALIVE_INTERVAL, p->keepalive);
		set(c, env, TCP_OPTION_KEEPALIVE, 1);
	}
	if (p->user_timeout)
		set(c, env, TCP_OPTION_USER_TIMEOUT, p->user_timeout);
	if (p->send_buffer)
		set(c, env, TCP_OPTION_SEND_BUFFER, p->send_buffer);
	if (p->receive_buffer)
		set(c, env, TCP_OPTION_RECEIVE_BUFFER, p->receive_buffer);
}

/* Not before @at: wake up then. Return: whether it is time. */
static bool is_time(struct connection *c, ns_t at)
{
	if (at <= c->host->now)
		return true;
	if (at < c->wake)
		c->wake = at;
	return false;
}

/* ---- Read --------------------------------------------------------------------------- */

static bool read_some(struct connection *c, const struct tcp_env *env)
{
	const struct program *p = program_of(c);
	uint32_t n = c->unread;

	if (n == 0 || c->closed || !is_time(c, c->read_after))
		return false;
	if (p->read_max && n > p->read_max)
		n = p->read_max;
	tcp_read(&c->tcb, env, n);
	c->unread -= n;
	c->taken += n;
	c->read_after = env->now + p->read_gap;
	if (p->stall && !c->stalled && c->taken >= p->stall_at) {
		c->stalled = true;
		c->read_after = env->now + p->stall;
	}
	return true;
}

/* ---- Write -------------------------------------------------------------------------- */

/* Bytes that may be written in all by now. */
static uint64_t allowance(const struct connection *c)
{
	const struct program *p = program_of(c);
	uint64_t turns, n;

	if (p->after_eof && (!c->out.eof || c->unread))
		return 0;
	if (!p->turn)
		return p->total;
	turns = c->taken / p->their_turn + (c->host->setup.number == 0);
	n = turns * p->turn;
	return n < p->total ? n : p->total;
}

static bool write_some(struct connection *c, const struct tcp_env *env)
{
	const struct program *p = program_of(c);
	uint64_t left = allowance(c), n = tcp_send_space(&c->tcb);
	bool more;
	int err;

	if (c->shut || c->closed || left <= c->out.written || n == 0 ||
	    !is_time(c, c->write_after))
		return false;
	left -= c->out.written;
	if (n > left)
		n = left;
	if (p->write_max && n > p->write_max)
		n = chance_range(&c->chance, 1, p->write_max);
	more = p->more && n < left && chance_one_in(&c->chance, 2);
	if (p->cork && chance_one_in(&c->chance, 64)) {
		set(c, env, TCP_OPTION_CORK, 0);
		set(c, env, TCP_OPTION_CORK, 1);
	}
	err = tcp_write(&c->tcb, env, (uint32_t)n, more);
	if (err) {
		verdict_fail(c->host->verdict, "tcp_write(): %d", err);
		return false;
	}
	c->out.written += n;
	c->write_after = env->now + p->write_gap;
	return true;
}

/* ---- The end -------------------------------------------------------------------------- */

static bool close_it(struct connection *c, const struct tcp_env *env)
{
	c->closed = c->shut = true;
	tcp_close(&c->tcb, env);
	return true;
}

static bool end_whole(struct connection *c, const struct tcp_env *env)
{
	const struct program *p = program_of(c);

	if (c->out.written < p->total || c->taken < p->expect)
		return false;
	if (c->close_after == NS_NEVER)
		c->close_after = env->now + p->close_delay;
	return is_time(c, c->close_after) && close_it(c, env);
}

static bool end_halves(struct connection *c, const struct tcp_env *env)
{
	const struct program *p = program_of(c);

	if (!c->shut && c->out.written >= p->total &&
	    (c->out.eof || !p->after_eof)) {
		c->shut = true;
		tcp_shutdown(&c->tcb, env);
		return true;
	}
	return c->shut && c->out.eof && c->unread == 0 && close_it(c, env);
}

static bool end_it(struct connection *c, const struct tcp_env *env)
{
	const struct program *p = program_of(c);

	if (c->closed)
		return false;
	if (p->abort_after && c->out.written + c->taken >= p->abort_after) {
		c->closed = c->out.aborted = true;
		tcp_abort(&c->tcb, env);
		return true;
	}
	return p->close_whole ? end_whole(c, env) : end_halves(c, env);
}

bool application_step(struct connection *c, const struct tcp_env *env)
{
	bool did;

	c->wake = NS_NEVER;
	if (!c->out.established)
		return false;
	did = read_some(c, env);
	did |= write_some(c, env);
	did |= end_it(c, env);
	return did;
}
