// A client of the Orbit server in another language. It runs one scenario and tells what it saw, one JSON object a line;
// ../grpc-go.test.ts starts the server, chooses the scenario and judges.
//
//	grpc-go SCENARIO ADDRESS
//	grpc-go certificates FOLDER
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	directoryv1 "orbit.test/grpc-go/gen/orbit/directory/v1"
)

var scenarios = map[string]func(context.Context, *client) error{
	"health":    health,
	"hello":     hello,
	"lifecycle": lifecycle,
	"faults":    faults,
	"storm":     storm,
	"survivors": survivors,
}

type client struct {
	conn      *grpc.ClientConn
	nodes     directoryv1.MembershipServiceClient
	directory directoryv1.DirectoryServiceClient
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "certificates" {
		return writeCertificates(args[1])
	}
	if len(args) != 2 || scenarios[args[0]] == nil {
		return fmt.Errorf("expected a scenario and an address, found %q", args)
	}
	secured, err := transport()
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(args[1], grpc.WithTransportCredentials(secured))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return scenarios[args[0]](ctx, &client{
		conn:      conn,
		nodes:     directoryv1.NewMembershipServiceClient(conn),
		directory: directoryv1.NewDirectoryServiceClient(conn),
	})
}

// health waits until the server answers and tells its state.
func health(ctx context.Context, c *client) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(c.conn).
		Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	tell("health", facts{"status": answer.GetStatus().String()})
	return nil
}

// hello calls once and tells how that ends; unlike health it does not wait for a server.
func hello(ctx context.Context, c *client) error {
	_, err := c.nodes.ListNodes(ctx, &directoryv1.ListNodesRequest{})
	tell("hello", verdict(err))
	return nil
}

type facts map[string]any

var telling sync.Mutex

// tell prints one line. It is on its way before the call returns: whoever reads may kill the server upon it.
func tell(step string, seen facts) {
	line := facts{"step": step}
	for name, value := range seen {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	telling.Lock()
	defer telling.Unlock()
	fmt.Println(string(text))
}
