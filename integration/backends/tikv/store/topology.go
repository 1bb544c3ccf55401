package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pingcap/kvproto/pkg/errorpb"
	"github.com/pingcap/kvproto/pkg/kvrpcpb"
	"github.com/pingcap/kvproto/pkg/metapb"
	"github.com/pingcap/kvproto/pkg/pdpb"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/pd"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/tikv"
	"go.etcd.io/bbolt"
)

// topology owns which store leads which region. It stands in for Raft: a change is decided here, written to disk,
// and told to PD by heartbeats, as a leader would.
type topology struct {
	ctx    context.Context
	db     *bbolt.DB
	pd     pd.Client
	stores []*metapb.Store

	changes sync.Mutex // one change at a time
	mu      sync.RWMutex
	regions map[uint64]*region
	locks   *latches
}

var _ tikv.RegionManager = (*topology)(nil)

var topologyBucket, topologyKey = []byte("topology"), []byte("current")

type savedRegion struct {
	Meta   *metapb.Region
	Leader *metapb.Peer
	Term   uint64
}

type saved struct {
	Cluster uint64
	Stores  []*metapb.Store
	Regions []savedRegion
}

// openTopology loads the cluster from disk, or bootstraps PD with one store per address and one region on all of them.
func openTopology(ctx context.Context, db *bbolt.DB, client pd.Client, addresses []string) (*topology, error) {
	t := &topology{ctx: ctx, db: db, pd: client, regions: map[uint64]*region{}, locks: &latches{}}
	var data []byte
	err := db.View(func(tx *bbolt.Tx) error {
		if bucket := tx.Bucket(topologyBucket); bucket != nil {
			data = bytes.Clone(bucket.Get(topologyKey))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if data == nil {
		return t, t.bootstrap(addresses)
	}
	var from saved
	if err := json.Unmarshal(data, &from); err != nil {
		return nil, err
	}
	if id := client.GetClusterID(ctx); id != from.Cluster {
		return nil, fmt.Errorf("the data belongs to cluster %d, PD is of cluster %d: start with an empty -data", from.Cluster, id)
	}
	if len(from.Stores) != len(addresses) {
		return nil, fmt.Errorf("the data is of %d stores, -listen names %d", len(from.Stores), len(addresses))
	}
	for i, store := range from.Stores {
		store.Address = addresses[i]
	}
	t.stores = from.Stores
	for _, r := range from.Regions {
		t.regions[r.Meta.Id] = &region{meta: r.Meta, leader: r.Leader, term: r.Term, locks: t.locks}
	}
	return t, t.announce()
}

func (t *topology) bootstrap(addresses []string) error {
	booted, err := t.pd.IsBootstrapped(t.ctx)
	if err != nil {
		return err
	}
	if booted {
		return errors.New("PD has a cluster already and -data is empty: start both from nothing")
	}
	root := &region{meta: &metapb.Region{RegionEpoch: &metapb.RegionEpoch{ConfVer: 1, Version: 1}}, term: 5, locks: t.locks}
	if root.meta.Id, err = t.pd.AllocID(t.ctx); err != nil {
		return err
	}
	for _, address := range addresses {
		store := &metapb.Store{Address: address, Version: storeVersion}
		peer := &metapb.Peer{}
		if store.Id, err = t.pd.AllocID(t.ctx); err != nil {
			return err
		}
		if peer.Id, err = t.pd.AllocID(t.ctx); err != nil {
			return err
		}
		peer.StoreId = store.Id
		t.stores = append(t.stores, store)
		root.meta.Peers = append(root.meta.Peers, peer)
	}
	root.leader = root.meta.Peers[0]
	// PD takes a first region of one peer only; the others are added as a leader would add them.
	first := &metapb.Region{Id: root.meta.Id, RegionEpoch: &metapb.RegionEpoch{ConfVer: 1, Version: 1}, Peers: root.meta.Peers[:1]}
	answer, err := t.pd.Bootstrap(t.ctx, t.stores[0], first)
	if err != nil {
		return err
	}
	if failure := answer.GetHeader().GetError(); failure != nil {
		return fmt.Errorf("PD refused to bootstrap: %s", failure.Message)
	}
	root.meta.RegionEpoch.ConfVer += uint64(len(addresses) - 1)
	if err := t.save(map[uint64]*region{root.meta.Id: root}); err != nil {
		return err
	}
	return t.announce()
}

func (t *topology) announce() error {
	for _, store := range t.stores {
		if err := t.pd.PutStore(t.ctx, store); err != nil {
			return err
		}
	}
	if err := t.storeHeartbeats(); err != nil {
		return err
	}
	return t.learned(t.list()...)
}

// save writes the regions to disk and only then shows them.
func (t *topology) save(regions map[uint64]*region) error {
	to := saved{Cluster: t.pd.GetClusterID(t.ctx), Stores: t.stores}
	for _, r := range regions {
		to.Regions = append(to.Regions, savedRegion{r.meta, r.leader, r.term})
	}
	data, err := json.Marshal(to)
	if err != nil {
		return err
	}
	err = t.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(topologyBucket)
		if err != nil {
			return err
		}
		return bucket.Put(topologyKey, data)
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.regions = regions
	t.mu.Unlock()
	return nil
}

func (t *topology) list() []*region {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]*region, 0, len(t.regions))
	for _, r := range t.regions {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *region) int { return bytes.Compare(a.meta.StartKey, b.meta.StartKey) })
	return all
}

func (t *topology) byID(id uint64) *region {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.regions[id]
}

// GetRegionFromCtx gives the engine the region of a request, which the front has checked; a change since then is seen.
func (t *topology) GetRegionFromCtx(ctx *kvrpcpb.Context) (tikv.RegionCtx, *errorpb.Error) {
	found := t.byID(ctx.GetRegionId())
	if found == nil {
		return nil, regionNotFound(ctx.GetRegionId())
	}
	if failure := t.epochError(found, ctx.GetRegionEpoch()); failure != nil {
		return nil, failure
	}
	return found, nil
}

func (t *topology) store(is func(*metapb.Store) bool) (*metapb.Store, error) {
	if at := slices.IndexFunc(t.stores, is); at >= 0 {
		return t.stores[at], nil
	}
	return nil, errors.New("no such store")
}

// GetStoreInfoFromCtx names the store of the peer that a request names, else the first.
func (t *topology) GetStoreInfoFromCtx(ctx *kvrpcpb.Context) (string, uint64, *errorpb.Error) {
	id := cmp.Or(ctx.GetPeer().GetStoreId(), t.stores[0].Id)
	store, err := t.store(func(s *metapb.Store) bool { return s.Id == id })
	if err != nil {
		return "", 0, &errorpb.Error{Message: err.Error(), StoreNotMatch: &errorpb.StoreNotMatch{RequestStoreId: id}}
	}
	return store.Address, store.Id, nil
}

func (t *topology) GetStoreIDByAddr(address string) (uint64, error) {
	store, err := t.store(func(s *metapb.Store) bool { return s.Address == address })
	return store.GetId(), err
}

func (t *topology) GetStoreAddrByStoreID(id uint64) (string, error) {
	store, err := t.store(func(s *metapb.Store) bool { return s.Id == id })
	return store.GetAddress(), err
}

// SplitRegion is never asked by the engine: the front answers the command.
func (t *topology) SplitRegion(*kvrpcpb.SplitRegionRequest) *kvrpcpb.SplitRegionResponse {
	panic("the front answers SplitRegion")
}

func (t *topology) Close() error { return nil }

// heartbeats tells PD about every store and region until the context ends, so that a PD that restarted learns them.
func (t *topology) heartbeats(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := t.storeHeartbeats(); err != nil {
			continue // PD is away; the next tick tells it again
		}
		for _, r := range t.list() {
			t.report(r)
		}
	}
}

func (t *topology) storeHeartbeats() error {
	regions := uint32(len(t.list()))
	for _, store := range t.stores {
		stats := &pdpb.StoreStats{StoreId: store.Id, RegionCount: regions, Capacity: 100 << 30, Available: 90 << 30}
		if err := t.pd.StoreHeartbeat(t.ctx, stats); err != nil {
			return err
		}
	}
	return nil
}

func (t *topology) report(r *region) {
	t.pd.ReportRegion(&pdpb.RegionHeartbeatRequest{Region: r.meta, Leader: r.leader, Term: r.term, ApproximateSize: 1, ApproximateKeys: 1})
}

// learned reports regions until PD answers with what they are now.
func (t *topology) learned(regions ...*region) error {
	ctx, cancel := context.WithTimeout(t.ctx, 10*time.Second)
	defer cancel()
	for _, r := range regions {
		for {
			t.report(r)
			known, err := t.pd.GetRegionByID(ctx, r.meta.Id)
			if err == nil && known.Meta.GetRegionEpoch().String() == r.meta.RegionEpoch.String() && known.Leader.GetId() == r.leader.Id {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("PD did not learn region %d within 10 s: %w", r.meta.Id, cmp.Or(err, ctx.Err()))
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	return nil
}
