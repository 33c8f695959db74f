// Runs a CNI configuration list as container runtimes do, by the library that they use.
//
//	libcni add|check|del|validate FILE NETNS CONTAINER KEY=VALUE...
//
// CNI_PATH has the plugins' directories, CNI_CACHE the results between operations. KEY=VALUE are CNI_ARGS.
// `add` prints the result. A failure is told on stderr, with exit code 1.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/cni/libcni"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(command, file, netns, container string, pairs []string) error {
	list, err := libcni.ConfListFromFile(file)
	if err != nil {
		return err
	}
	cni := libcni.NewCNIConfigWithCacheDir(strings.Split(os.Getenv("CNI_PATH"), ":"), os.Getenv("CNI_CACHE"), nil)
	runtime := &libcni.RuntimeConf{ContainerID: container, NetNS: netns, IfName: "eth0"}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		runtime.Args = append(runtime.Args, [2]string{key, value})
	}
	ctx := context.Background()
	switch command {
	case "add":
		result, err := cni.AddNetworkList(ctx, list, runtime)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(result)
	case "check":
		return cni.CheckNetworkList(ctx, list, runtime)
	case "del":
		return cni.DelNetworkList(ctx, list, runtime)
	case "validate":
		_, err := cni.ValidateNetworkList(ctx, list)
		return err
	default:
		return fmt.Errorf("expected add, check, del or validate, got %q", command)
	}
}
