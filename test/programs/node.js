// SPDX-License-Identifier: BSD-2-Clause
/*
 * node.js - Files by HTTP, and somebody who asks for them
 *
 *	node.js serve ADDRESS PORT FOLDER alone|cluster
 *	node.js ask ADDRESS		of web.py at port 8000, of echo.py at 8002
 */
'use strict';
const cluster = require('cluster');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const net = require('net');

const [what, address, port, folder, how] = process.argv.slice(2);

// ---- Serve ----------------------------------------------------------------------------

function answer(request, response) {
	const path = folder + request.url;
	const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range || '');
	const part = range ? { start: +range[1], end: +range[2] } : {};
	fs.stat(path, (error, stat) => {
		if (error) {
			response.statusCode = 404;
			response.end();
			return;
		}
		response.statusCode = range ? 206 : 200;
		response.setHeader('Content-Length',
			range ? part.end - part.start + 1 : stat.size);
		fs.createReadStream(path, part).pipe(response);
	});
}

function serve() {
	process.on('SIGTERM', () => process.exit(0));
	if (how === 'cluster' && cluster.isPrimary)
		for (let n = 0; n < 3; n++)
			cluster.fork();
	else
		http.createServer(answer).listen(+port, address);
}

// ---- Ask ------------------------------------------------------------------------------

function get(path, agent) {
	return new Promise((resolve, reject) => {
		http.get({ host: address, port: 8000, path, agent }, (response) => {
			const sum = crypto.createHash('sha256');
			response.on('data', (data) => sum.update(data));
			response.on('end', () =>
				resolve(`${response.statusCode} ${sum.digest('hex')}`));
		}).on('error', reject);
	});
}

// Sends, ends its own side, and counts what comes back.
function echo(bytes) {
	return new Promise((resolve, reject) => {
		let got = 0;
		const socket = net.connect(8002, address, () => socket.end(Buffer.alloc(bytes)));
		socket.on('data', (data) => { got += data.length; });
		socket.on('end', () => resolve(got));
		socket.on('error', reject);
	});
}

function closed(socket) {
	return new Promise((resolve) => {
		socket.on('error', (error) => console.log(error.code));
		socket.on('close', resolve);
	});
}

async function ask() {
	const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
	for (const path of ['/empty', '/one', '/middle', '/big', '/not-there'])
		console.log(await get(path, agent));
	agent.destroy();
	const many = Array.from({ length: 20 }, (_, n) => n);
	console.log(new Set(await Promise.all(many.map(() => get('/middle')))).size);
	console.log(await Promise.all(many.map((n) => echo(100000 + n))));
	await closed(net.connect(9, address));
	const silent = net.connect(8000, address, () => {
		console.log(silent.remoteAddress, silent.remotePort, silent.localAddress);
		silent.setNoDelay(true).setKeepAlive(true, 1000).setTimeout(200, () => {
			console.log('nothing came');
			silent.destroy();
		});
	});
	await closed(silent);
}

if (what === 'serve')
	serve();
else
	ask();
