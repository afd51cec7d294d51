// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_write_test.c - What the writer writes, and under which name, when
 *
 * Source: draft-ietf-opsawg-pcapng §4.1, §4.2, §4.3.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/capture.h"

#define PACKETS 300
#define INTERFACES 5

static char directory[] = "capture_write_test.XXXXXX";

static int enter_directory(void **state)
{
	strcpy(strrchr(directory, '.'), ".XXXXXX");
	return mkdtemp(directory) && !chdir(directory) ? 0 : -1;
}

/* Removes all that a test left, however it ended. */
static int leave_directory(void **state)
{
	DIR *d = opendir(".");
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		unlink(e->d_name);
	closedir(d);
	return chdir("..") || rmdir(directory);
}

/* Names in the directory, in alphabetical order, with a space behind each. */
static const char *names(void)
{
	static char all[4096];
	struct dirent **entries;
	int n = scandir(".", &entries, NULL, alphasort);

	all[0] = '\0';
	for (int at = 0; at < n; at++) {
		const char *name = entries[at]->d_name;

		if (strcmp(name, ".") && strcmp(name, "..")) {
			strcat(all, name);
			strcat(all, " ");
		}
		free(entries[at]);
	}
	free(entries);
	return all;
}

static uint64_t seed;

static uint64_t next_random(void)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return seed >> 33;
}

static struct capture_writer *must_create(const char *path)
{
	struct capture_writer *w;
	struct wire_error error;

	if (capture_create(&w, path, &error))
		fail_msg("%s", error.text);
	return w;
}

static void must_finish(struct capture_writer *w)
{
	struct wire_error error;

	if (capture_finish(w, &error))
		fail_msg("%s", error.text);
}

/* ---- Content ----------------------------------------------------------------- */

static uint8_t bytes[CAPTURE_PACKET_MAX];
static char comment[CAPTURE_COMMENT_MAX + 1];

/* The packet of this number and seed, always the same. */
static void make_packet(struct capture_packet *p, uint32_t n)
{
	seed = n + 1;
	*p = (struct capture_packet){
		.data = bytes,
		.len = (uint32_t)next_random() % 200,
		.time = next_random() << 31 | next_random(),
		.interface = (uint32_t)next_random() % INTERFACES,
		.direction = (uint8_t)(next_random() % 3),
	};
	if (n == 7)
		p->len = CAPTURE_PACKET_MAX;
	p->linktype = (uint16_t)(p->interface * 100 + 1);
	p->full_len = p->len + (next_random() & 1 ? 1000 : 0);
	for (uint32_t at = 0; at < p->len; at++)
		bytes[at] = (uint8_t)next_random();
	if (next_random() & 1) {
		size_t len = n == 9 ? CAPTURE_COMMENT_MAX :
				      1 + next_random() % 40;

		memset(comment, 'a' + (int)(n % 26), len);
		comment[len] = '\0';
		p->comment = comment;
	}
}

/* Interfaces are added when they are first needed, so between packets too. */
static void write_packets(const char *path)
{
	struct capture_writer *w = must_create(path);
	uint32_t added = 0, idx;

	for (uint32_t n = 0; n < PACKETS; n++) {
		struct capture_packet p;
		char name[16];

		make_packet(&p, n);
		while (added <= p.interface) {
			snprintf(name, sizeof(name), "if%u", added);
			assert_int_equal(capture_add_interface(w,
				(uint16_t)(added * 100 + 1), name, &idx), 0);
			assert_int_equal(idx, added++);
		}
		assert_int_equal(capture_write(w, &p), 0);
	}
	must_finish(w);
}

static void what_is_written_is_read_back(void **state)
{
	struct capture_interface i;
	struct capture_packet p, q;
	struct wire_error error;
	struct capture *c;

	write_packets("out.pcapng");
	assert_string_equal(names(), "out.pcapng ");
	assert_int_equal(capture_open(&c, "out.pcapng", &error), 0);
	for (uint32_t n = 0; n < PACKETS; n++) {
		assert_int_equal(capture_next(c, &q), 1);
		make_packet(&p, n);
		assert_int_equal(q.len, p.len);
		assert_int_equal(q.full_len, p.full_len);
		assert_int_equal(q.time, p.time);
		assert_int_equal(q.interface, p.interface);
		assert_int_equal(q.linktype, p.linktype);
		assert_int_equal(q.direction, p.direction);
		assert_memory_equal(q.data, p.data, p.len);
		assert_int_equal(!q.comment, !p.comment);
		if (p.comment)
			assert_string_equal(q.comment, p.comment);
	}
	assert_int_equal(capture_next(c, &q), 0);
	assert_true(capture_get_interface(c, 3, &i));
	assert_string_equal(i.name, "if3");
	assert_int_equal(i.linktype, 301);
	capture_close(c);
}

static size_t read_file(const char *path, uint8_t *to, size_t size)
{
	FILE *file = fopen(path, "rb");
	size_t n;

	assert_non_null(file);
	n = fread(to, 1, size, file);
	fclose(file);
	return n;
}

static void the_same_calls_write_the_same_bytes(void **state)
{
	static uint8_t a[1 << 20], b[1 << 20];
	size_t n;

	write_packets("a");
	write_packets("b");
	n = read_file("a", a, sizeof(a));
	assert_in_range(n, CAPTURE_PACKET_MAX, sizeof(a) - 1);
	assert_int_equal(read_file("b", b, sizeof(b)), n);
	assert_memory_equal(a, b, n);
}

static void frames_get_an_interface_for_each_link_type(void **state)
{
	static uint8_t long_frame[CAPTURE_PACKET_MAX + 100];
	struct iovec iov[] = { { bytes, 3 }, { NULL, 0 }, { bytes + 3, 2 },
			       { long_frame, sizeof(long_frame) } };
	struct wire_frame frames[] = {
		{ .iov = iov, .n_iov = 3, .len = 5, .linktype = 1 },
		{ .iov = iov, .n_iov = 1, .len = 3, .full_len = 90,
		  .linktype = 101 },
		{ .iov = iov + 3, .n_iov = 1, .len = sizeof(long_frame),
		  .linktype = 1 },
	};
	struct capture_writer *w = must_create("out");
	struct capture_packet p = { .time = 77, .comment = "c" };
	struct wire_error error;
	struct capture *c;

	memcpy(bytes, "12345", 5);
	for (size_t n = 0; n < ARRAY_SIZE(frames); n++)
		assert_int_equal(capture_write_frame(w, "eth1", &p, &frames[n]),
				 0);
	must_finish(w);
	assert_int_equal(capture_open(&c, "out", &error), 0);
	assert_int_equal(capture_next(c, &p), 1);
	assert_int_equal(p.len, 5);
	assert_int_equal(p.full_len, 5);
	assert_memory_equal(p.data, "12345", 5);
	assert_int_equal(p.interface, 0);
	assert_int_equal(capture_next(c, &p), 1);
	assert_int_equal(p.full_len, 90);
	assert_int_equal(p.interface, 1);
	assert_int_equal(p.linktype, 101);
	assert_int_equal(capture_next(c, &p), 1);
	assert_int_equal(p.len, CAPTURE_PACKET_MAX);
	assert_int_equal(p.full_len, sizeof(long_frame));
	assert_int_equal(p.interface, 0);
	assert_int_equal(p.time, 77);
	assert_string_equal(p.comment, "c");
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
}

static void what_cannot_be_written_is_refused(void **state)
{
	struct capture_writer *w = must_create("out");
	struct capture_packet p = { .data = bytes, .len = 4 };
	char *longer = calloc(1, CAPTURE_COMMENT_MAX + 2);
	struct wire_error error;
	struct capture *c;
	uint32_t idx = 77;

	assert_non_null(longer);
	assert_int_equal(capture_write(w, &p), -EINVAL);
	for (uint32_t n = 0; n < CAPTURE_INTERFACES_MAX; n++)
		assert_int_equal(capture_add_interface(w, 1, NULL, &idx), 0);
	assert_int_equal(capture_add_interface(w, 1, NULL, &idx), -E2BIG);
	p.interface = idx;
	p.len = CAPTURE_PACKET_MAX + 1;
	assert_int_equal(capture_write(w, &p), -EMSGSIZE);
	p.len = 4;
	memset(longer, 'c', CAPTURE_COMMENT_MAX + 1);
	p.comment = longer;
	assert_int_equal(capture_write(w, &p), -EINVAL);
	p.comment = "";
	assert_int_equal(capture_write(w, &p), 0);
	must_finish(w);
	/* Nothing of what was refused is in the file. */
	assert_int_equal(capture_open(&c, "out", &error), 0);
	assert_int_equal(capture_next(c, &p), 1);
	assert_null(p.comment);
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
	free(longer);
}

/* ---- Name ------------------------------------------------------------------------ */

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void expect_file(const char *path, const char *text)
{
	char found[64] = "";

	read_file(path, (uint8_t *)found, sizeof(found) - 1);
	assert_string_equal(found, text);
}

static void unfinished_has_another_name(void **state)
{
	struct capture_writer *w = must_create("out");

	assert_string_not_equal(names(), "out ");
	assert_int_equal(access("out", F_OK), -1);
	assert_int_equal(access(capture_temporary(w), F_OK), 0);
	must_finish(w);
	assert_string_equal(names(), "out ");
}

static void aborted_leaves_nothing(void **state)
{
	capture_abort(must_create("out"));
	assert_string_equal(names(), "");
	put_file("out", "before");
	capture_abort(must_create("out"));
	assert_string_equal(names(), "out ");
	expect_file("out", "before");
	capture_abort(NULL);
}

static void file_of_that_name_is_replaced_at_the_end(void **state)
{
	struct capture_writer *w;
	struct stat s;

	put_file("out", "before");
	assert_int_equal(chmod("out", 0640), 0);
	w = must_create("out");
	expect_file("out", "before");
	must_finish(w);
	assert_int_equal(stat("out", &s), 0);
	assert_int_equal(s.st_mode & 0777, 0640);
	assert_true(s.st_size > 6);
	assert_string_equal(names(), "out ");
}

static void symbolic_link_stays_one(void **state)
{
	struct stat s;

	put_file("file", "before");
	assert_int_equal(symlink("file", "out"), 0);
	must_finish(must_create("out"));
	assert_int_equal(lstat("out", &s), 0);
	assert_true(S_ISLNK(s.st_mode));
	assert_int_equal(stat("file", &s), 0);
	assert_true(s.st_size > 6);
	assert_string_equal(names(), "file out ");
}

static void longest_name_is_possible(void **state)
{
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	must_finish(must_create(name));
	assert_int_equal(access(name, F_OK), 0);
}

static void two_writers_of_one_name_do_not_meet(void **state)
{
	struct capture_writer *a = must_create("out"), *b = must_create("out");

	assert_string_not_equal(capture_temporary(a), capture_temporary(b));
	capture_abort(a);
	must_finish(b);
	assert_string_equal(names(), "out ");
}

static void expect_refused(const char *path, int err, const char *text)
{
	struct capture_writer *w;
	struct wire_error error;

	assert_int_equal(capture_create(&w, path, &error), err);
	assert_string_equal(error.text, text);
}

static void names_that_cannot_be_are_refused(void **state)
{
	expect_refused("", -ENOENT, ": No such file or directory");
	expect_refused(".", -EISDIR, ".: Is a directory");
	expect_refused("no/out", -ENOENT, "no/out: No such file or directory");
	expect_refused("no/", -ENOENT, "no/: No such file or directory");
	if (geteuid()) {
		put_file("out", "before");
		assert_int_equal(chmod("out", 0444), 0);
		expect_refused("out", -EACCES, "out: Permission denied");
	}
}

/* A write fails at once or when the buffer is flushed: both are told. */
static void full_disk_is_told_and_leaves_nothing(void **state)
{
	struct capture_packet p = { .data = bytes, .len = 60 };
	struct capture_writer *w = must_create("/dev/full");
	struct wire_error error;
	uint32_t idx;
	int err = 0;

	assert_null(capture_temporary(w));
	assert_int_equal(capture_add_interface(w, 1, "", &idx), 0);
	for (int n = 0; n < 100000 && !err; n++)
		err = capture_write(w, &p);
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(capture_write(w, &p), -ENOSPC);
	assert_int_equal(capture_finish(w, &error), -ENOSPC);
	assert_string_equal(error.text, "/dev/full: No space left on device");
	w = must_create("/dev/full");
	assert_int_equal(capture_finish(w, NULL), -ENOSPC);
	assert_int_equal(access("/dev/full", F_OK), 0);
}

static void lost_directory_is_told(void **state)
{
	struct capture_writer *w;
	struct wire_error error;

	assert_int_equal(mkdir("d", 0777), 0);
	w = must_create("d/out");
	assert_int_equal(unlink(capture_temporary(w)), 0);
	assert_int_equal(rmdir("d"), 0);
	assert_int_equal(capture_finish(w, &error), -ENOENT);
	assert_string_equal(error.text, "d/out: No such file or directory");
}

static void dash_is_standard_output(void **state)
{
	int saved = dup(STDOUT_FILENO), file;
	struct capture_writer *w;
	struct wire_error error;
	struct capture *c;

	file = open("stdout", O_CREAT | O_WRONLY, 0666);
	assert_true(saved >= 0 && file >= 0);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	w = must_create("-");
	assert_null(capture_temporary(w));
	must_finish(w);
	dup2(saved, STDOUT_FILENO);
	close(file);
	close(saved);
	assert_string_equal(names(), "stdout ");
	assert_int_equal(capture_open(&c, "stdout", &error), 0);
	capture_close(c);
}

#define in_directory(test) \
	cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory(what_is_written_is_read_back),
		in_directory(the_same_calls_write_the_same_bytes),
		in_directory(frames_get_an_interface_for_each_link_type),
		in_directory(what_cannot_be_written_is_refused),
		in_directory(unfinished_has_another_name),
		in_directory(aborted_leaves_nothing),
		in_directory(file_of_that_name_is_replaced_at_the_end),
		in_directory(symbolic_link_stays_one),
		in_directory(longest_name_is_possible),
		in_directory(two_writers_of_one_name_do_not_meet),
		in_directory(names_that_cannot_be_are_refused),
		in_directory(full_disk_is_told_and_leaves_nothing),
		in_directory(lost_directory_is_told),
		in_directory(dash_is_standard_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
