#!/usr/bin/env bash
# Makes the image of every pod's sandbox, local/pause:1: one static program that waits and reaps.
#
#   scripts/cluster/pause-image.sh FILE.tar
set -euo pipefail
out=$(realpath -m "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >pause.c <<'C'
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
static void reap(int number) { (void)number; while (waitpid(-1, 0, WNOHANG) > 0) ; }
int main(void) {
    struct sigaction reaping = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
    signal(SIGINT, end);
    signal(SIGTERM, end);
    sigaction(SIGCHLD, &reaping, 0);
    for (;;) pause();
}
C
mkdir root
gcc -static -Os -s -o root/pause pause.c
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --directory root --create --file layer.tar pause
id=$(sha256sum <layer.tar | cut -d' ' -f1)
cat >config.json <<J
{"architecture": "$(dpkg --print-architecture)", "os": "linux", "created": "1970-01-01T00:00:00Z",
 "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$id"]}, "history": [{"created": "1970-01-01T00:00:00Z"}]}
J
echo '[{"Config": "config.json", "RepoTags": ["local/pause:1"], "Layers": ["layer.tar"]}]' >manifest.json
tar --create --file "$out" manifest.json config.json layer.tar
