<?php
// SPDX-License-Identifier: BSD-2-Clause
/* ask.php - Asks web.py, by streams of PHP: ask.php ADDRESS */
$url = "http://$argv[1]:8000";
foreach (["empty", "one", "middle", "big"] as $file)
	echo hash("sha256", file_get_contents("$url/$file")), "\n";

$stream = stream_socket_client("tcp://$argv[1]:8000", $error, $text, 5);
echo stream_socket_get_name($stream, true), "\n";
stream_set_timeout($stream, 0, 200000);
var_dump(fread($stream, 10), stream_get_meta_data($stream)["timed_out"]);
stream_set_timeout($stream, 5);
fwrite($stream, "GET /one HTTP/1.0\r\n\r\n");
echo strtok(stream_get_contents($stream), "\r"), "\n";

var_dump(@stream_socket_client("tcp://$argv[1]:9", $error, $text, 5));
echo "$error $text\n";
