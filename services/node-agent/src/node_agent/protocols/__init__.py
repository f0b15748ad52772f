"""What is spoken over a socket: connections, strict HTTP/1.1, and what a certificate says of itself. Judges nothing."""
