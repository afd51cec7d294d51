// SPDX-License-Identifier: BSD-2-Clause
/* fault_options.c - What goes wrong on a wire, as text */
#include <errno.h>
#include <stddef.h>

#include "wire/fault.h"
#include "wire/kinds.h"
#include "wire/spec.h"

#define WORD_BYTES 64
#define US_MAX (FAULT_DELAY_MAX / 1000)

enum type {
	PROBABILITY,
	COUNT,
	MICROSECONDS,
};

#define RATE(name) { #name, PROBABILITY, offsetof(struct fault_rates, name), 0 }

static const struct {
	const char *name;
	enum type type;
	size_t offset;
	uint64_t max;
} rates[] = {
	RATE(loss),
	RATE(burst_start),
	RATE(burst_end),
	RATE(burst_loss),
	RATE(truncate),
	RATE(corrupt),
	RATE(dup),
	RATE(reorder),
	{ "corrupt_bits", COUNT, offsetof(struct fault_rates, corrupt_bits), 64 },
	{ "reorder_span", COUNT, offsetof(struct fault_rates, reorder_span), 64 },
	{ "reorder_hold_us", MICROSECONDS,
	  offsetof(struct fault_rates, reorder_hold_ns), US_MAX },
	{ "delay_us", MICROSECONDS, offsetof(struct fault_rates, delay_ns),
	  US_MAX },
	{ "jitter_us", MICROSECONDS, offsetof(struct fault_rates, jitter_ns),
	  US_MAX },
};

void fault_defaults(struct fault_options *o)
{
	static const struct fault_rates none = {
		.burst_end = 0.25,
		.burst_loss = 1,
		.corrupt_bits = 1,
		.reorder_span = 3,
		.reorder_hold_ns = 1000000,
	};

	*o = (struct fault_options){
		.seed = 1,
		.queue = 256,
		.rx = none,
		.tx = none,
	};
}

static int set_rate(struct fault_rates *r, size_t which, const char *value)
{
	void *to = (uint8_t *)r + rates[which].offset;
	uint64_t v;

	if (rates[which].type == PROBABILITY)
		return spec_probability(value, to);
	if (spec_number(value, rates[which].max, &v))
		return -EINVAL;
	if (rates[which].type == MICROSECONDS)
		*(ns_t *)to = v * 1000;
	else if (v)
		*(uint32_t *)to = (uint32_t)v;
	else
		return -EINVAL;
	return 0;
}

/* Return: 0; -EINVAL: the value; -ENOENT: there is no such name. */
static int set_rates(struct fault_options *o, const char *name,
		     const char *value)
{
	bool is_rx = !strncmp(name, "rx.", 3), is_tx = !strncmp(name, "tx.", 3);
	size_t which = 0;
	int err = 0;

	if (is_rx || is_tx)
		name += 3;
	while (which < ARRAY_SIZE(rates) && strcmp(rates[which].name, name))
		which++;
	if (which == ARRAY_SIZE(rates))
		return -ENOENT;
	if (!is_tx)
		err = set_rate(&o->rx, which, value);
	if (!err && !is_rx)
		err = set_rate(&o->tx, which, value);
	return err;
}

static int set_option(struct fault_options *o, const char *name,
		      const char *value)
{
	uint64_t v;

	if (!strcmp(name, "seed"))
		return spec_number(value, UINT64_MAX, &o->seed);
	if (strcmp(name, "queue"))
		return set_rates(o, name, value);
	if (spec_number(value, 65536, &v) || v < 8)
		return -EINVAL;
	o->queue = (uint32_t)v;
	return 0;
}

/* Takes one word, "name=value". */
static int parse_option(struct fault_options *o, char *word,
			struct wire_error *error)
{
	char *value = strchr(word, '=');
	int err;

	if (!value)
		return spec_error(error, -EINVAL, word,
				  "an option of fault has a value");
	*value++ = '\0';
	err = set_option(o, word, value);
	if (err == -ENOENT)
		return spec_error(error, -EINVAL, word,
				  "not an option of fault");
	if (err)
		return spec_error(error, -EINVAL, word,
				  "%.40s is not a value it can have", value);
	return 0;
}

/* Moves @text to what ended the options. */
static int parse(struct fault_options *o, const char **text, const char *stops,
		 struct wire_error *error)
{
	char word[WORD_BYTES];
	int err;

	for (;;) {
		err = spec_word(word, sizeof(word), text, stops);
		if (err)
			return spec_error(error, -EINVAL, "fault",
					  "an option is too long");
		if (*word)
			err = parse_option(o, word, error);
		if (err || **text != ',')
			return err;
		(*text)++;
	}
}

int fault_parse(struct fault_options *o, const char *text,
		struct wire_error *error)
{
	return parse(o, &text, ",", error);
}

int fault_open(struct wire **out, const char *args, struct wire_error *error)
{
	struct fault_options o;
	struct wire *inner;
	int err;

	fault_defaults(&o);
	err = parse(&o, &args, ",:", error);
	if (err)
		return err;
	if (*args != ':')
		return spec_error(error, -EINVAL, "fault",
				  "fault:OPTIONS:WIRE is what it takes");
	err = wire_open(&inner, args + 1, error);
	if (err)
		return err;
	err = fault_wrap(out, inner, &o);
	if (err) {
		spec_error(error, err, "fault", "%s", strerror(-err));
		(void)!wire_close(inner);
	}
	return err;
}
