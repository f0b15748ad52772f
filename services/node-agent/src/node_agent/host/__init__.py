"""What the kernel, systemd and supervisord tell of this host. Reads only; a look that may hang hangs nobody."""
