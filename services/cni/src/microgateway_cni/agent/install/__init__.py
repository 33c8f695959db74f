"""Installer: what the node needs so that its container runtime calls the plugin, kept in place.

conflist    a network configuration's bytes with our entry in or out of it; pure
atomic      files that are whole or not there
executable  the plugin in the CNI bin directory, a file or a folder behind a link
inotify     waits until something in a directory changes
installer   all of it on one node: ensure, restore
"""
