// SPDX-License-Identifier: BSD-2-Clause
/* sendfile_test.c - Files of all lengths, in the page cache or not: SPEC LIB-2, LIB-5 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <tto/tto.h>
#include <unistd.h>

#include "stack/loopback_scene.h"

#define FILE_BYTES ((1u << 20) + 12345)
#define SOON_MS 100		/* what is held back for more takes longer      */

static uint8_t content[FILE_BYTES], got[FILE_BYTES];
static int file;

static int make_file(void **state)
{
	char path[] = "/var/tmp/tto-sendfile-XXXXXX";
	uint32_t x = 7;

	for (size_t n = 0; n < FILE_BYTES; n++) {
		x = x * 1664525 + 1013904223;
		content[n] = (uint8_t)(x >> 24);
	}
	file = mkstemp(path);
	if (file < 0 || unlink(path) ||
	    write(file, content, FILE_BYTES) != (ssize_t)FILE_BYTES || fsync(file))
		return -1;
	return 0;
}

static int close_file(void **state)
{
	return close(file);
}

/* Reads @bytes there, in a process of its own. Return: it. */
static pid_t begin_reader(int fd, off_t place, size_t bytes)
{
	pid_t child = scene_fork();
	size_t at = 0;
	ssize_t n;

	if (child)
		return child;
	alarm(20);
	while (at < bytes && (n = scene_receive(fd, got + at, bytes - at, 0)) > 0)
		at += (size_t)n;
	_exit(at != bytes || memcmp(got, content + place, bytes) != 0);
}

static void assert_read(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void assert_sent(off_t place, size_t bytes, size_t there, bool is_cold)
{
	off_t at = place;
	int ends[2];
	pid_t child;

	scene_pair(ends);
	child = begin_reader(ends[1], place, there);
	if (is_cold)
		assert_int_equal(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
	assert_int_equal(tto_sendfile(ends[0], file, &at, bytes), there);
	assert_int_equal(at, place + (off_t)there);
	assert_read(child);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

static void lib_5_all_lengths_and_places(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 1447, 16383, 16384, 16385, 262143,
					    262144, 262145, FILE_BYTES };

	for (size_t n = 0; n < sizeof(lengths) / sizeof(*lengths); n++)
		for (int is_cold = 0; is_cold < 2; is_cold++) {
			assert_sent(0, lengths[n], lengths[n], is_cold);
			if (lengths[n] < 4000)
				assert_sent(777, lengths[n], lengths[n], is_cold);
		}
}

static void lib_5_less_than_was_asked_for(void **state)
{
	assert_sent(FILE_BYTES - 5000, 1 << 20, 5000, false);
	assert_sent(FILE_BYTES - 262144, 1 << 20, 262144, false);
	assert_sent(FILE_BYTES - 262144, 1 << 20, 262144, true);
	assert_sent(FILE_BYTES, 100, 0, false);
	assert_sent(FILE_BYTES + 100, 100, 0, false);
}

/*
 * The last piece looked as if more followed, and is less than a frame: 16 KiB, read from the
 * disk and through a buffer.
 */
static void lib_5_the_end_of_the_file_is_not_held_back(void **state)
{
	struct timespec begin, end;
	off_t at = FILE_BYTES - 16384;
	int ends[2];
	pid_t child;

	scene_pair(ends);
	child = begin_reader(ends[1], at, 16384);
	assert_int_equal(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(tto_sendfile(ends[0], file, &at, 1 << 20), 16384);
	assert_read(child);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true((end.tv_sec - begin.tv_sec) * 1000 +
		    (end.tv_nsec - begin.tv_nsec) / 1000000 < SOON_MS);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

static void lib_5_the_place_of_the_file_moves(void **state)
{
	int ends[2];
	pid_t child;

	scene_pair(ends);
	child = begin_reader(ends[1], 100, 3000);
	assert_int_equal(lseek(file, 100, SEEK_SET), 100);
	assert_int_equal(tto_sendfile(ends[0], file, NULL, 1000), 1000);
	assert_int_equal(tto_sendfile(ends[0], file, NULL, 2000), 2000);
	assert_int_equal(lseek(file, 0, SEEK_CUR), 3100);
	assert_read(child);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

/* Nobody reads. */
static void lib_2_what_does_not_fit_is_not_waited_for(void **state)
{
	off_t at = 0;
	ssize_t n, sent = 0;
	int ends[2];

	scene_pair(ends);
	assert_int_equal(tto_fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	alarm(20);
	for (int k = 0; k < 1000; k++) {
		if (at == FILE_BYTES)
			at = 0;
		n = tto_sendfile(ends[0], file, &at, FILE_BYTES - (size_t)at);
		if (n < 0)
			break;
		sent += n;
	}
	assert_int_equal(n, -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(sent > 0);
	assert_int_equal(at, sent % FILE_BYTES);
	alarm(0);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

static void assert_fails(int to, int from, off_t *place, int err)
{
	assert_int_equal(tto_sendfile(to, from, place, 100), -1);
	assert_int_equal(errno, err);
}

static void lib_5_errors_are_linuxs(void **state)
{
	int ends[2], tube[2], closed = 1 << 20, listener = scene_listen(1);
	off_t at = 0, before = -1;

	signal(SIGPIPE, SIG_IGN);
	scene_pair(ends);
	assert_int_equal(pipe(tube), 0);
	assert_fails(ends[0], tube[0], NULL, EINVAL);
	assert_fails(ends[0], ends[1], NULL, EINVAL);
	assert_fails(ends[0], closed, &at, EBADF);
	assert_fails(ends[0], file, &before, EINVAL);
	assert_fails(listener, file, &at, EPIPE);
	assert_int_equal(at, 0);
	assert_int_equal(tto_shutdown(ends[0], SHUT_WR), 0);
	assert_fails(ends[0], file, &at, EPIPE);
	close(tube[0]);
	close(tube[1]);
	tto_close_fd(listener);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_all_lengths_and_places),
		cmocka_unit_test(lib_5_less_than_was_asked_for),
		cmocka_unit_test(lib_5_the_end_of_the_file_is_not_held_back),
		cmocka_unit_test(lib_5_the_place_of_the_file_moves),
		cmocka_unit_test(lib_2_what_does_not_fit_is_not_waited_for),
		cmocka_unit_test(lib_5_errors_are_linuxs),
	};
	int err = scene_start();

	return err ? err : cmocka_run_group_tests(tests, make_file, close_file);
}
