# SPDX-License-Identifier: BSD-2-Clause
# ask.rb - Asks web.py, by sockets of Ruby: ask.rb ADDRESS
require "digest"
require "net/http"
require "socket"
require "timeout"

host = ARGV[0]
Net::HTTP.start(host, 8000) do |http|
  %w[empty one middle big].each { |f| puts Digest::SHA256.hexdigest(http.get("/#{f}").body) }
end
threads = Array.new(10) { Thread.new { Net::HTTP.get(URI("http://#{host}:8000/middle")).size } }
puts threads.map(&:value).inspect

begin
  TCPSocket.new(host, 9)
rescue SystemCallError => e
  puts e.class, e.message
end

s = Socket.tcp(host, 8000, connect_timeout: 2)
puts s.remote_address.inspect_sockaddr, s.getsockopt(:SOCKET, :TYPE).int
begin
  s.read_nonblock(10)
rescue IO::WaitReadable => e
  puts e.class
end
begin
  Timeout.timeout(0.2) { s.read(1) }
rescue Timeout::Error
  puts "nothing came"
end
s.write("GET /one HTTP/1.0\r\n\r\n")
s.close_write
puts s.read.lines.first
