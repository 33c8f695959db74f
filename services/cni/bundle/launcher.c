/* The bundle's executable: starts the plugin with the loader and the C library that the bundle brings, so that
 * it runs on nodes with an older C library than the one it was built on, or with another one.
 *
 *   microgateway-cni   this program, static
 *   plugin             the plugin proper
 *   _internal/         its libraries, their loader, and in tools/ nft, nsenter, unshare
 *
 * Where the plugin cannot be started at all, the runtime gets an error object, code 999 (CNI spec 1.1.0,
 * section 5: 100 and above are the plugin's own).
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = NULL;
    if (length > 0) {
        self[length] = '\0';
        slash = strrchr(self, '/');
    }
    if (slash != NULL) {
        char loader[PATH_MAX + 32], libraries[PATH_MAX + 32], plugin[PATH_MAX + 32];
        *slash = '\0';
        snprintf(loader, sizeof loader, "%s/_internal/loader", self);
        snprintf(libraries, sizeof libraries, "%s/_internal", self);
        snprintf(plugin, sizeof plugin, "%s/plugin", self);
        execl(loader, loader, "--library-path", libraries, plugin, (char *)NULL);
    }
    puts("{\"cniVersion\": \"1.0.0\", \"code\": 999, \"msg\": \"the plugin's bundle is incomplete\"}");
    return 1;
}
