// Command store serves PingCAP's own TiKV store over gRPC, as several stores of one cluster, with faults on demand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pingcap/log"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/pd"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"
)

type options struct {
	pd      []string
	data    string
	listen  []string
	control string
}

func parseOptions() (options, error) {
	pds := flag.String("pd", "", "endpoints of PD, comma separated, such as 127.0.0.1:2379")
	data := flag.String("data", "", "directory of the data; one that is empty starts a new cluster")
	listen := flag.String("listen", "", "addresses to serve, one a store, comma separated; PD tells them to clients")
	control := flag.String("control", "", "address of the control API, at 127.0.0.1 only")
	flag.Parse()
	for name, value := range map[string]string{"pd": *pds, "data": *data, "listen": *listen, "control": *control} {
		if value == "" {
			return options{}, fmt.Errorf("-%s is missing; see -help", name)
		}
	}
	host, _, err := net.SplitHostPort(*control)
	if err != nil {
		return options{}, fmt.Errorf("-control: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return options{}, fmt.Errorf("-control must be a loopback address, got %q: whoever reaches it can lose data", host)
	}
	return options{strings.Split(*pds, ","), *data, strings.Split(*listen, ","), *control}, nil
}

func run() error {
	opts, err := parseOptions()
	if err != nil {
		return err
	}
	conf, props, err := log.InitLoggerWithWriteSyncer(&log.Config{Level: "warn"}, zapcore.AddSync(os.Stderr), zapcore.AddSync(os.Stderr))
	if err != nil {
		return err
	}
	log.ReplaceGlobals(conf, props)

	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	client, err := pd.NewClient(opts.pd, "store")
	if err != nil {
		return fmt.Errorf("PD at %s does not answer: %w", strings.Join(opts.pd, ","), err)
	}
	defer client.Close()

	if err := os.MkdirAll(opts.data, 0o755); err != nil {
		return err
	}
	raw, err := openRaw(filepath.Join(opts.data, "raw.db"))
	if err != nil {
		return err
	}
	defer raw.close()
	regions, err := openTopology(stopped, raw.db, client, opts.listen)
	if err != nil {
		return err
	}
	engine, err := openEngine(opts.data, regions, client)
	if err != nil {
		return err
	}
	defer engine.Stop()

	faults := &faultList{}
	failed := make(chan error, len(opts.listen)+1)
	stores := &listeners{fronts: map[uint64]*front{}, open: map[uint64]*grpc.Server{}, failed: failed}
	defer stores.close()
	for _, store := range regions.stores {
		stores.fronts[store.Id] = &front{Server: engine, store: store.Id, regions: regions, raw: raw, faults: faults}
		if err := stores.up(store.Id); err != nil {
			return err
		}
	}
	go regions.heartbeats(stopped, time.Second)

	listener, err := net.Listen("tcp", opts.control)
	if err != nil {
		return err
	}
	api := &http.Server{Handler: control{regions, faults, stores}.handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { failed <- api.Serve(listener) }()
	defer api.Close()
	fmt.Printf("ready: stores %s, control http://%s\n", strings.Join(opts.listen, ","), opts.control)

	select {
	case <-stopped.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func main() {
	if err := run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "store:", err)
		os.Exit(1)
	}
}
