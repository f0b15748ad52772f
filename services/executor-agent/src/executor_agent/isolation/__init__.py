"""What keeps a run of Ansible away from everything of this machine that it does not need: which files it may see, and
the wall (namespaces or Landlock) that the kernel keeps around it. Never decides what runs."""
