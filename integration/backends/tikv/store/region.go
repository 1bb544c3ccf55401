package main

import (
	"bytes"
	"slices"
	"sync"

	"github.com/pingcap/kvproto/pkg/metapb"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/tikv"
	"github.com/pingcap/tidb/pkg/util/codec"
)

// region is one version of a region: it never changes, a split or a merge makes new ones.
type region struct {
	meta   *metapb.Region
	leader *metapb.Peer
	term   uint64
	diff   int64
	locks  *latches
}

var _ tikv.RegionCtx = (*region)(nil)

func (r *region) Meta() *metapb.Region           { return r.meta }
func (r *region) Diff() *int64                   { return &r.diff }
func (r *region) RawStart() []byte               { return decoded(r.meta.StartKey) }
func (r *region) AcquireLatches(hashes []uint64) { r.locks.acquire(hashes) }
func (r *region) ReleaseLatches(hashes []uint64) { r.locks.release(hashes) }

// RawEnd ends before the engine's own records, which begin with 0xFF.
func (r *region) RawEnd() []byte {
	if len(r.meta.EndKey) == 0 {
		return tikv.InternalKeyPrefix
	}
	return decoded(r.meta.EndKey)
}

func (r *region) holds(bound []byte) bool {
	return bytes.Compare(bound, r.meta.StartKey) >= 0 && (len(r.meta.EndKey) == 0 || bytes.Compare(bound, r.meta.EndKey) < 0)
}

func (r *region) peerAt(store uint64) *metapb.Peer {
	for _, peer := range r.meta.Peers {
		if peer.StoreId == store {
			return peer
		}
	}
	return nil
}

// decoded gives the key that a bound stands for. Bounds of raw keys under API V1 are keys already: no transaction
// meets them, because a cluster below API V2 holds either raw keys or transactions, here as in TiKV.
func decoded(bound []byte) []byte {
	if _, key, err := codec.DecodeBytes(bound, nil); err == nil {
		return key
	}
	return bound
}

// latches serialize the writers of a key. They are shared by all regions, so that a split between two writers does
// not part them.
type latches struct{ stripes [1024]sync.Mutex }

func (l *latches) of(hashes []uint64) []uint64 {
	stripes := make([]uint64, len(hashes))
	for i, hash := range hashes {
		stripes[i] = hash % uint64(len(l.stripes))
	}
	slices.Sort(stripes)
	return slices.Compact(stripes)
}

func (l *latches) acquire(hashes []uint64) {
	for _, stripe := range l.of(hashes) {
		l.stripes[stripe].Lock()
	}
}

func (l *latches) release(hashes []uint64) {
	for _, stripe := range l.of(hashes) {
		l.stripes[stripe].Unlock()
	}
}
