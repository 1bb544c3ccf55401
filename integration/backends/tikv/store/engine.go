package main

import (
	"os"
	"path/filepath"

	"github.com/pingcap/badger"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/config"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/lockstore"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/pd"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/tikv"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/tikv/mvcc"
)

// openEngine opens PingCAP's store over our regions. Its own constructor is not used, because that brings a region
// manager of one store, one peer a region, and no leaders. Each write is synced before it is answered. Locks are in
// memory and written out by Stop: a kill -9 of this process loses them, so crashes are injected as faults instead.
func openEngine(data string, regions *topology, client pd.Client) (*tikv.Server, error) {
	physical, logical, err := client.GetTS(regions.ctx)
	if err != nil {
		return nil, err
	}
	conf := config.DefaultConf
	conf.Engine.DBPath = data
	conf.Engine.SyncWrite = true

	options := badger.DefaultOptions
	options.Dir = filepath.Join(data, "kv")
	options.ValueDir = options.Dir
	options.ManagedTxns = true
	options.SyncWrites = true
	options.NumCompactors = conf.Engine.NumCompactors
	options.ValueThreshold = conf.Engine.ValueThreshold
	options.ValueLogFileSize = conf.Engine.VlogFileSize
	options.ValueLogMaxNumFiles = 3
	options.MaxMemTableSize = conf.Engine.MaxMemTableSize
	options.TableBuilderOptions.MaxTableSize = conf.Engine.MaxTableSize
	options.LevelOneSize = conf.Engine.L1Size
	options.CompactL0WhenClose = conf.Engine.CompactL0WhenClose
	safePoint := &tikv.SafePoint{}
	options.CompactionFilterFactory = safePoint.CreateCompactionFilter
	if err := os.MkdirAll(options.Dir, 0o755); err != nil {
		return nil, err
	}
	db, err := badger.Open(options)
	if err != nil {
		return nil, err
	}
	bundle := &mvcc.DBBundle{
		DB:        db,
		LockStore: lockstore.NewMemStore(8 << 20),
		StateTS:   uint64(physical)<<18 + uint64(logical),
	}
	store := tikv.NewMVCCStore(&conf, bundle, data, safePoint, tikv.NewDBWriter(bundle), client)
	store.DeadlockDetectSvr.ChangeRole(tikv.Leader)
	store.StartDeadlockDetection(false)
	return tikv.NewServer(regions, store, tikv.NewStandAlongInnerServer(bundle)), nil
}
