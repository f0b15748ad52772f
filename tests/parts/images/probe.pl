# The health check of service.pl: exit 0 when it answers 200, 1 otherwise, with the answer as the check's output.
use strict;
use warnings;
use IO::Socket::INET;

my $port = $ENV{PORT} || 8080;
my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 30) or do { print "no answer: $!\n"; exit 1 };
print $server "GET / HTTP/1.0\r\n\r\n";
my $status = <$server> // "no status line\n";
print $status;
exit($status =~ m{^HTTP/1\.\d 200 } ? 0 : 1);
