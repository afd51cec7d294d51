/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h - Write JSON to a stream, as it comes
 *
 * A value inside an object has a key, any other has NULL. A call that does not
 * fit where the writer stands (a key in an array, an end without a begin) writes
 * nothing, makes the writer mute, and is reported by json_end().
 *
 * Source: RFC 8259.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16

struct json {
	FILE *out;
	int error;			/* 0, or the first -errno               */
	unsigned depth;			/* containers that are open             */
	bool is_object[JSON_DEPTH_MAX];
	bool is_empty[JSON_DEPTH_MAX + 1];	/* nothing written at this depth */
};

/**
 * json_begin() - Start a document of one value
 * @j:		Overwritten
 * @out:	Stays the caller's
 */
void json_begin(struct json *j, FILE *out);

/**
 * json_end() - End the document with a newline and flush
 * @j:		Needs no release
 *
 * Return: 0; -EINVAL when calls did not fit together; -errno when writing failed.
 */
int json_end(struct json *j);

/**
 * json_object_begin() - Open an object
 * @j:		Writer
 * @key:	Name of the object inside an object, else NULL
 */
void json_object_begin(struct json *j, const char *key);

/** json_object_end() - Close the object that was opened last */
void json_object_end(struct json *j);

/** json_array_begin() - Open an array; as json_object_begin() */
void json_array_begin(struct json *j, const char *key);

/** json_array_end() - Close the array that was opened last */
void json_array_end(struct json *j);

/**
 * json_string() - Write a string
 * @j:		Writer
 * @key:	Name of the value inside an object, else NULL
 * @text:	Any bytes; what is not UTF-8 becomes U+FFFD. NULL is null
 */
void json_string(struct json *j, const char *key, const char *text);

/** json_u64() - Write an unsigned integer, all digits; as json_string() */
void json_u64(struct json *j, const char *key, uint64_t value);

/** json_i64() - Write a signed integer, all digits; as json_string() */
void json_i64(struct json *j, const char *key, int64_t value);

/** json_double() - Write a number; what is not finite is null */
void json_double(struct json *j, const char *key, double value);

/** json_bool() - Write true or false; as json_string() */
void json_bool(struct json *j, const char *key, bool value);

#endif
