// Command client-go performs operations of PingCAP's Go client: a line of JSON in, a line of JSON out.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pingcap/log"
	"github.com/tikv/client-go/v2/config"
	"github.com/tikv/client-go/v2/kv"
	"github.com/tikv/client-go/v2/rawkv"
	"github.com/tikv/client-go/v2/txnkv"
	"github.com/tikv/client-go/v2/txnkv/transaction"
	"go.uber.org/zap/zapcore"
)

type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type pair struct {
	Key   hexBytes `json:"key"`
	Value hexBytes `json:"value"` // empty: absent
}

// ask is one operation; which fields it takes is said beside its name in perform.
type ask struct {
	ID        uint64   `json:"id"`
	Op        string   `json:"op"`
	TimeoutMs int      `json:"timeoutMs"`
	Pairs     []pair   `json:"pairs"`
	Key       hexBytes `json:"key"`
	End       hexBytes `json:"end"`
	Value     hexBytes `json:"value"`
	Previous  hexBytes `json:"previous"`
	Limit     int      `json:"limit"`
	TTL       uint64   `json:"ttl"`  // seconds
	Mode      string   `json:"mode"` // 2pc, async, 1pc
	Lock      bool     `json:"lock"` // pessimistic
}

type answer struct {
	ID      uint64 `json:"id"`
	Error   string `json:"error,omitempty"`
	Pairs   []pair `json:"pairs,omitempty"`
	Swapped bool   `json:"swapped,omitempty"`
	TTL     uint64 `json:"ttl,omitempty"`
	// How the transaction was really committed: 2pc, async_commit or 1pc.
	Committed string `json:"committed,omitempty"`
}

type clients struct {
	txn *txnkv.Client
	raw *rawkv.Client
	cas *rawkv.Client
}

func open(endpoints []string) (clients, error) {
	txn, err := txnkv.NewClient(endpoints)
	if err != nil {
		return clients{}, err
	}
	raw, err := rawkv.NewClient(context.Background(), endpoints, config.DefaultConfig().Security)
	if err != nil {
		return clients{}, err
	}
	cas, err := rawkv.NewClient(context.Background(), endpoints, config.DefaultConfig().Security)
	if err != nil {
		return clients{}, err
	}
	return clients{txn, raw, cas.SetAtomicForCAS(true)}, nil
}

func (c clients) perform(ctx context.Context, ask ask) (answer, error) {
	switch ask.Op {
	case "commit": // pairs, mode, lock
		return c.commit(ctx, ask)
	case "get": // key
		ts, err := c.txn.GetTimestamp(ctx)
		if err != nil {
			return answer{}, err
		}
		found, err := c.txn.GetSnapshot(ts).BatchGet(ctx, [][]byte{ask.Key})
		if err != nil {
			return answer{}, err
		}
		return answer{Pairs: []pair{{ask.Key, found[string(ask.Key)]}}}, nil
	case "scan": // key, end, limit
		return c.scan(ctx, ask)
	case "rawPut": // key, value, ttl
		return answer{}, c.raw.PutWithTTL(ctx, ask.Key, ask.Value, ask.TTL)
	case "rawTtl": // key
		ttl, err := c.raw.GetKeyTTL(ctx, ask.Key)
		if err != nil || ttl == nil {
			return answer{}, err
		}
		return answer{TTL: *ttl}, nil
	case "rawGet": // key
		value, err := c.raw.Get(ctx, ask.Key)
		return answer{Pairs: []pair{{ask.Key, value}}}, err
	case "rawDelete": // key
		return answer{}, c.raw.Delete(ctx, ask.Key)
	case "rawScan": // key, end, limit
		keys, values, err := c.raw.Scan(ctx, ask.Key, ask.End, ask.Limit)
		var pairs []pair
		for i, key := range keys {
			pairs = append(pairs, pair{key, values[i]})
		}
		return answer{Pairs: pairs}, err
	case "rawSwap": // key, previous (empty: absent), value
		previous := []byte(ask.Previous)
		if len(previous) == 0 {
			previous = nil
		}
		was, swapped, err := c.cas.CompareAndSwap(ctx, ask.Key, previous, ask.Value)
		return answer{Pairs: []pair{{ask.Key, was}}, Swapped: swapped}, err
	}
	return answer{}, fmt.Errorf("no operation is called %q", ask.Op)
}

func (c clients) commit(ctx context.Context, ask ask) (answer, error) {
	txn, err := c.txn.Begin()
	if err != nil {
		return answer{}, err
	}
	txn.SetEnableAsyncCommit(ask.Mode == "async")
	txn.SetEnable1PC(ask.Mode == "1pc")
	txn.SetPessimistic(ask.Lock)
	for _, pair := range ask.Pairs {
		if ask.Lock {
			lock := kv.NewLockCtx(txn.StartTS(), kv.LockAlwaysWait, time.Now())
			if err := txn.LockKeys(ctx, lock, pair.Key); err != nil {
				return answer{}, err
			}
		}
		if len(pair.Value) == 0 {
			err = txn.Delete(pair.Key)
		} else {
			err = txn.Set(pair.Key, pair.Value)
		}
		if err != nil {
			return answer{}, err
		}
	}
	var info transaction.TxnInfo
	var unread error
	txn.SetCommitCallback(func(text string, _ error) { unread = json.Unmarshal([]byte(text), &info) })
	if err := txn.Commit(ctx); err != nil {
		return answer{}, err
	}
	return answer{Committed: info.TxnCommitMode}, unread
}

func (c clients) scan(ctx context.Context, ask ask) (answer, error) {
	ts, err := c.txn.GetTimestamp(ctx)
	if err != nil {
		return answer{}, err
	}
	found, err := c.txn.GetSnapshot(ts).Iter(ask.Key, ask.End)
	if err != nil {
		return answer{}, err
	}
	defer found.Close()
	var pairs []pair
	for ; found.Valid() && len(pairs) < ask.Limit; err = found.Next() {
		if err != nil {
			return answer{}, err
		}
		pairs = append(pairs, pair{found.Key(), found.Value()})
	}
	return answer{Pairs: pairs}, err
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: client-go PD[,PD] batched|unary")
	}
	if os.Args[2] == "unary" {
		config.UpdateGlobal(func(conf *config.Config) { conf.TiKVClient.MaxBatchSize = 0 })
	}
	logger, props, err := log.InitLoggerWithWriteSyncer(&log.Config{Level: "fatal"}, zapcore.AddSync(os.Stderr), zapcore.AddSync(os.Stderr))
	if err != nil {
		return err
	}
	log.ReplaceGlobals(logger, props)
	on, err := open(strings.Split(os.Args[1], ","))
	if err != nil {
		return err
	}
	var writes sync.Mutex
	out := json.NewEncoder(os.Stdout)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	var running sync.WaitGroup
	for in.Scan() {
		var ask ask
		if err := json.Unmarshal(in.Bytes(), &ask); err != nil {
			return err
		}
		running.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(ask.TimeoutMs)*time.Millisecond)
			defer cancel()
			answer, err := on.perform(ctx, ask)
			answer.ID = ask.ID
			if err != nil {
				answer.Error = err.Error()
			}
			writes.Lock()
			defer writes.Unlock()
			if err := out.Encode(answer); err != nil {
				fmt.Fprintln(os.Stderr, "client-go:", err)
			}
		})
	}
	running.Wait()
	return in.Err()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "client-go:", err)
		os.Exit(1)
	}
}
