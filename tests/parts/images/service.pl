# A small web service that can be made sick, for containers and units in tests. Needs nothing but Debian's perl-base.
#
# GET /       200 "well", or 500 while the file /tmp/sick is there      GET /crash   ends the process with exit code 3
# A start removes /tmp/sick (a restart helps), unless STAY_SICK is set. START_SECONDS delays the first answer.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{TERM} = sub { print "stopping\n"; exit 0 };
$SIG{PIPE} = 'IGNORE';

unlink '/tmp/sick' unless $ENV{STAY_SICK};
my $delay = $ENV{START_SECONDS} || 0;
print "warming up for $delay s\n" if $delay;
select undef, undef, undef, $delay;

my $port = $ENV{PORT} || 8080;
my $door = IO::Socket::INET->new(LocalPort => $port, Listen => 16, ReuseAddr => 1) or die "cannot listen on $port: $!\n";
print "listening on $port\n";
while (1) {
    my $client = $door->accept or next;
    my $request = <$client> // '';
    while (my $line = <$client>) { last if $line =~ /^\r?\n$/ }
    if ($request =~ m{^GET /crash}) {
        print STDERR "crashing because somebody asked for it\n";
        exit 3;
    }
    my $sick = -e '/tmp/sick';
    print STDERR "refusing: the worker pool is stuck (simulated)\n" if $sick;
    my ($status, $body) = $sick ? ('500 Internal Server Error', "sick\n") : ('200 OK', "well\n");
    print $client "HTTP/1.0 $status\r\nContent-Type: text/plain\r\nContent-Length: ", length $body, "\r\n\r\n$body";
    close $client;
}
