// SPDX-License-Identifier: BSD-2-Clause
/* message_test.c - Always one line, whatever a name contains */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/message.h"

static FILE *file;
static int kept;
static char line[2048];

static void catch_stderr(void)
{
	file = tmpfile();
	assert_non_null(file);
	fflush(stderr);
	kept = dup(STDERR_FILENO);
	assert_true(kept >= 0);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
}

static void release_stderr(void)
{
	size_t len;

	fflush(stderr);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	rewind(file);
	len = fread(line, 1, sizeof(line) - 1, file);
	line[len] = '\0';
	fclose(file);
}

static void what_and_why(void **state)
{
	catch_stderr();
	message("%s: %d is too many", "eth1", 7);
	release_stderr();
	assert_string_equal(line, "tto: eth1: 7 is too many\n");
}

static void errno_of_either_sign(void **state)
{
	catch_stderr();
	message_errno(ENOENT, "in.pcap");
	message_errno(-ENOENT, "in.pcap");
	release_stderr();
	assert_string_equal(line, "tto: in.pcap: No such file or directory\n"
				  "tto: in.pcap: No such file or directory\n");
}

static void control_bytes_do_not_get_through(void **state)
{
	catch_stderr();
	message("%s: no capture", "a\nb\x1b[31m\x7f\xc3\xa9");
	release_stderr();
	assert_string_equal(line, "tto: a?b?[31m?\xc3\xa9: no capture\n");
}

static void a_long_one_says_that_it_was_cut(void **state)
{
	char name[5000];
	size_t len;

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	catch_stderr();
	message("%s: no capture", name);
	release_stderr();
	len = strlen(line);
	assert_in_range(len, 500, 1000);
	assert_string_equal(line + len - 5, "x...\n");
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_and_why),
		cmocka_unit_test(errno_of_either_sign),
		cmocka_unit_test(control_bytes_do_not_get_through),
		cmocka_unit_test(a_long_one_says_that_it_was_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
