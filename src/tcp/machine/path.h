/* SPDX-License-Identifier: BSD-2-Clause */
/* path.h - How large segments may be, for the other files of the machine */
#ifndef TCP_MACHINE_PATH_H
#define TCP_MACHINE_PATH_H

#include "tcp/machine/machine.h"

/* Payload of a frame: what peer, path, option and timestamps leave. */
void set_mss(struct tcp_tcb *t);
void recover_on_new_mss(struct tcp_tcb *t, const struct tcp_env *env);
void recover_on_path_mtu_timer(struct tcp_tcb *t, const struct tcp_env *env);
/* Payload of a probe for a larger path MTU to be sent next, or 0. */
uint32_t mtu_probe_bytes(const struct tcp_tcb *t, const struct tcp_env *env);
void mtu_probe_sent(struct tcp_tcb *t, seq_t start, uint32_t bytes);
/*
 * Something is lost. Is it the probe alone? Then its size was the reason, and not
 * congestion. In any case no probe is out any more.
 */
bool mtu_probe_is_lost(struct tcp_tcb *t, const struct tcp_env *env);
void mtu_on_ack(struct tcp_tcb *t, const struct tcp_env *env,
		const struct ack_facts *f);
void mtu_on_rto(struct tcp_tcb *t, const struct tcp_env *env);

#endif
