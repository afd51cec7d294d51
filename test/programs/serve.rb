# SPDX-License-Identifier: BSD-2-Clause
# serve.rb - Files by WEBrick: serve.rb ADDRESS PORT FOLDER
require "webrick"

server = WEBrick::HTTPServer.new(BindAddress: ARGV[0], Port: ARGV[1], DocumentRoot: ARGV[2],
				 AccessLog: [], Logger: WEBrick::Log.new(File::NULL))
trap("TERM") { server.shutdown }
server.start
