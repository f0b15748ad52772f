"""What really touches a host, and only after a claim: stages through Ansible, looks at the target, previews."""
