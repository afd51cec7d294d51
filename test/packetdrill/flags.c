// SPDX-License-Identifier: BSD-2-Clause
/* flags.c - --so_flags: key=value,... */
#include "packetdrill/flags.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"

#define PART_MAX 80		/* [bytes] of key=value                         */

/* ---- Profiles ---------------------------------------------------------------- */

struct profile {
	const char *name;
	void (*apply)(struct flags *f);
};

/* As the scripts of Google's suite set up the kernel before they begin. */
static void apply_google(struct flags *f)
{
	f->config.receive_buffer = 540000;
	f->config.receive_buffer_max = 15728640;	/* window scale 8       */
	f->config.send_buffer = 262144;
	f->config.send_buffer_max = 4194304;
	f->config.syn_retries = 5;
	f->config.syn_ack_retries = 5;
	f->config.slow_start_after_idle = false;
	f->config.ecn = TCP_ECN_OFF;
	f->config.path_mtu_probing = false;
}

/* What the RFCs recommend where they leave a choice. */
static void apply_rfc(struct flags *f)
{
	f->config.receive_buffer = f->config.receive_buffer_max = 65535;
	f->config.quick_acks = 0;
	f->config.rto_min = TCP_SECOND;		/* RFC 6298 §2.4                */
	f->config.slow_start_after_idle = true;	/* RFC 5681 §4.1                */
	f->config.ecn = TCP_ECN_ACCEPT;
	f->config.congestion = 0;		/* RFC 5681                     */
	f->config.time_wait = 240 * TCP_SECOND;	/* MSL is 2 minutes             */
	f->config.timestamps_required = true;	/* RFC 7323 §3.2                */
	f->config.path_mtu_probing = true;	/* RFC 4821                     */
}

static const struct profile profiles[] = {
	{ "google", apply_google },
	{ "rfc", apply_rfc },
};

static int set_profile(struct flags *f, const char *value)
{
	for (size_t n = 0; n < ARRAY_SIZE(profiles); n++) {
		if (strcmp(profiles[n].name, value))
			continue;
		tcp_config_default(&f->config);
		f->mtu_v4 = 1500;
		f->mtu_v6 = 1520;	/* so that scripts fit both: MSS 1460   */
		profiles[n].apply(f);
		return 0;
	}
	message("--so_flags: profile=%s: there are google and rfc", value);
	return -EINVAL;
}

/* ---- Addresses ----------------------------------------------------------------- */

/* Return: bits of the family, or 0 if @text is no address. */
static unsigned read_ip(struct address *a, const char *text)
{
	uint8_t ip[16];
	bool v6 = strchr(text, ':');

	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, ip) != 1)
		return 0;
	address_set_ip(a, ip, v6);
	return v6 ? 128 : 32;
}

static bool read_prefix(unsigned *prefix, const char *text, unsigned max)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoul(text, &end, 10);
	if (*end || n > max)
		return false;
	*prefix = (unsigned)n + 128 - max;
	return true;
}

static int add_local(struct flags *f, const char *value)
{
	struct local *local = &f->local[f->n_local];
	char ip[PART_MAX];
	const char *slash = strchr(value, '/');
	unsigned bits;

	if (f->n_local == FLAGS_LOCALS_MAX) {
		message("--so_flags: local=: at most %d", FLAGS_LOCALS_MAX);
		return -EINVAL;
	}
	*local = (struct local){ 0 };
	strcpy(ip, value);
	if (slash)
		ip[slash - value] = '\0';
	bits = read_ip(&local->address, ip);
	if (!slash || !bits || !read_prefix(&local->prefix, slash + 1, bits)) {
		message("--so_flags: local=%s: not ADDRESS/PREFIX", value);
		return -EINVAL;
	}
	f->n_local++;
	return 0;
}

/* ---- The whole ------------------------------------------------------------------ */

static const struct key {
	const char *name;
	int (*set)(struct flags *f, const char *value);
} keys[] = {
	{ "profile=", set_profile },
	{ "local=", add_local },
};

static int parse_part(struct flags *f, const char *part)
{
	for (size_t n = 0; n < ARRAY_SIZE(keys); n++) {
		size_t len = strlen(keys[n].name);

		if (!strncmp(part, keys[n].name, len))
			return keys[n].set(f, part + len);
	}
	message("--so_flags: %s: not profile=NAME or local=ADDRESS/PREFIX", part);
	return -EINVAL;
}

static int parse_parts(struct flags *f, const char *text)
{
	char part[PART_MAX];

	while (*text) {
		size_t len = strcspn(text, ",");
		int err;

		if (len >= sizeof(part)) {
			message("--so_flags: %.40s...: too long", text);
			return -EINVAL;
		}
		memcpy(part, text, len);
		part[len] = '\0';
		err = parse_part(f, part);
		if (err)
			return err;
		text += len;
		text += *text == ',';
	}
	return 0;
}

int flags_parse(struct flags *f, const char *text)
{
	int err;

	*f = (struct flags){ 0 };
	err = set_profile(f, "google");
	if (!err)
		err = parse_parts(f, text ? text : "");
	if (!err && !f->n_local) {
		f->any_local = true;
		err = parse_parts(f, "local=192.168.0.1/16,"
				     "local=fd3d:a0b:17d6::1/48");
	}
	return err;
}
