// SPDX-License-Identifier: BSD-2-Clause
/* machine.c - Kernel, CPU, clock, network settings, programs */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "packet/checksum.h"
#include "tool/doctor/doctor.h"

#define SLEEP_NS 50000L		/* a quarter of timeout_aggregation             */
#define SLEEPS 15
#define SLEEP_WARN_NS 200000L
#define BUFFER_WANTED (4L << 20)

static void check_kernel(struct doctor *d)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	if (uname(&u))
		return;
	sscanf(u.release, "%u.%u", &major, &minor);
	if (major * 100 + minor >= 602)
		doctor_say(d, DOCTOR_OK, "", "kernel %s %s", u.release, u.machine);
	else
		doctor_say(d, DOCTOR_WARN, "Linux 6.2 or later",
			   "kernel %s %s: UDP units cannot pass a TAP device",
			   u.release, u.machine);
}

static void check_cpu(struct doctor *d)
{
	const char *name = checksum_select(NULL)->name;
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	doctor_say(d, DOCTOR_OK, "", "CPU: checksums by %s", name);
	if (n < 2)
		doctor_say(d, DOCTOR_WARN, "two cores or more",
			   "CPU: one core; device, host and peer share it");
	else
		doctor_say(d, DOCTOR_OK, "", "CPU: %ld cores", n);
}

static long elapsed_ns(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000000000L + to->tv_nsec -
	       from->tv_nsec;
}

static int compare_longs(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static long median_sleep_ns(void)
{
	const struct timespec wanted = { .tv_nsec = SLEEP_NS };
	struct timespec from, to;
	long took[SLEEPS];

	for (int n = 0; n < SLEEPS; n++) {
		clock_gettime(CLOCK_MONOTONIC, &from);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &wanted, NULL);
		clock_gettime(CLOCK_MONOTONIC, &to);
		took[n] = elapsed_ns(&from, &to);
	}
	qsort(took, SLEEPS, sizeof(*took), compare_longs);
	return took[SLEEPS / 2];
}

/* With the timer slack of tto bridge. */
static void check_timer(struct doctor *d)
{
	long took;

	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	took = median_sleep_ns();
	if (took > SLEEP_WARN_NS)
		doctor_say(d, DOCTOR_WARN,
			   "an idle machine, high-resolution timers, or tto bridge --busy",
			   "timer: a sleep of %ld us takes %ld us; deadlines will be late",
			   SLEEP_NS / 1000, took / 1000);
	else
		doctor_say(d, DOCTOR_OK, "", "timer: a sleep of %ld us takes %ld us",
			   SLEEP_NS / 1000, took / 1000);
}

static void check_clock(struct doctor *d)
{
	char source[64];

	if (!doctor_read("/sys/devices/system/clocksource/clocksource0/current_clocksource",
			 source, sizeof(source)))
		return;
	if (!strcmp(source, "tsc") || !strcmp(source, "kvm-clock") ||
	    !strcmp(source, "arch_sys_counter"))
		doctor_say(d, DOCTOR_OK, "", "clock source %s", source);
	else
		doctor_say(d, DOCTOR_WARN, "a clock source that is read without a system call",
			   "clock source %s: each look at the clock is slow",
			   source);
}

static void check_congestion_control(struct doctor *d)
{
	char name[64];

	if (!doctor_read("/proc/sys/net/ipv4/tcp_congestion_control", name,
			 sizeof(name))) {
		doctor_say(d, DOCTOR_UNKNOWN, "",
			   "congestion control: /proc/sys is not readable");
		return;
	}
	if (strncmp(name, "bbr", 3))
		doctor_say(d, DOCTOR_OK, "", "congestion control %s", name);
	else
		doctor_say(d, DOCTOR_WARN,
			   "sysctl net.ipv4.tcp_congestion_control=cubic for a measurement",
			   "congestion control %s: senders pace themselves, which hides what the device does",
			   name);
}

/* Units that do not fit a place in the ring wait in the socket's buffer. */
static void check_buffers(struct doctor *d)
{
	char value[32];
	long bytes;

	if (!doctor_read("/proc/sys/net/core/rmem_max", value, sizeof(value)))
		return;
	bytes = atol(value);
	if (bytes >= BUFFER_WANTED || !geteuid())
		doctor_say(d, DOCTOR_OK, "", "socket buffers up to %ld KiB",
			   bytes / 1024);
	else
		doctor_say(d, DOCTOR_WARN, "sysctl net.core.rmem_max=4194304",
			   "socket buffers up to %ld KiB: a burst of 64 KiB units from a peer on this machine may be lost",
			   bytes / 1024);
}

static bool is_in_path(const char *program)
{
	char path[512], *copy, *at, *folder;
	const char *folders = getenv("PATH");
	bool found = false;

	copy = strdup(folders ? folders : "/usr/sbin:/usr/bin:/sbin:/bin");
	for (at = copy; at && !found && (folder = strsep(&at, ":"));) {
		snprintf(path, sizeof(path), "%s/%s", folder, program);
		found = !access(path, X_OK);
	}
	free(copy);
	return found;
}

static void check_programs(struct doctor *d)
{
	static const struct {
		const char *program, *package;
	} wanted[] = {
		{ "ip", "iproute2" },
		{ "ethtool", "ethtool" },
		{ "unshare", "util-linux" },
		{ "python3", "python3" },
	};
	char change[64];

	for (unsigned n = 0; n < ARRAY_SIZE(wanted); n++) {
		if (is_in_path(wanted[n].program))
			continue;
		snprintf(change, sizeof(change), "apt install %s (or PATH=$PATH:/usr/sbin)",
			 wanted[n].package);
		doctor_say(d, DOCTOR_WARN, change,
			   "%s: not found; the demo and the network tests need it",
			   wanted[n].program);
	}
}

void doctor_check_machine(struct doctor *d)
{
	check_kernel(d);
	check_cpu(d);
	check_timer(d);
	check_clock(d);
	check_congestion_control(d);
	check_buffers(d);
	check_programs(d);
}
