package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/pingcap/kvproto/pkg/metapb"
)

// split cuts regions at bounds, in PD's form, and gives the regions that the cuts touched. The rightmost piece keeps
// the id and every piece takes the version that its cuts add up to, as TiKV does.
func (t *topology) split(bounds ...[]byte) ([]*region, error) {
	t.changes.Lock()
	defer t.changes.Unlock()
	next := t.copy()
	touched := map[uint64]*region{}
	for _, bound := range bounds {
		if len(bound) == 0 {
			return nil, fmt.Errorf("a region cannot be split at the empty key")
		}
		right, err := holding(next, bound)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(right.meta.StartKey, bound) {
			touched[right.meta.Id] = right
			continue
		}
		left := right.with()
		if left.meta.Id, err = t.pd.AllocID(t.ctx); err != nil {
			return nil, err
		}
		for i, peer := range left.meta.Peers {
			copied := *peer
			if copied.Id, err = t.pd.AllocID(t.ctx); err != nil {
				return nil, err
			}
			left.meta.Peers[i] = &copied
		}
		left.leader = left.peerAt(right.leader.StoreId)
		left.meta.EndKey = bound
		left.meta.RegionEpoch.Version++
		shrunk := right.with()
		shrunk.meta.StartKey = bound
		shrunk.meta.RegionEpoch.Version++
		next[left.meta.Id], next[shrunk.meta.Id] = left, shrunk
		touched[left.meta.Id], touched[shrunk.meta.Id] = left, shrunk
	}
	pieces := slices.SortedFunc(maps.Values(touched), func(a, b *region) int { return bytes.Compare(a.meta.StartKey, b.meta.StartKey) })
	return pieces, t.apply(next, pieces...)
}

// merge lets a region take the one on its right, whose id is gone. The data need not move, since all stores share it.
func (t *topology) merge(id uint64) (*region, error) {
	t.changes.Lock()
	defer t.changes.Unlock()
	next := t.copy()
	left, ok := next[id]
	if !ok {
		return nil, fmt.Errorf("region %d does not exist", id)
	}
	if len(left.meta.EndKey) == 0 {
		return nil, fmt.Errorf("region %d is the last: it has no neighbour on its right", id)
	}
	right, err := holding(next, left.meta.EndKey)
	if err != nil {
		return nil, err
	}
	merged := left.with()
	merged.meta.EndKey = right.meta.EndKey
	merged.meta.RegionEpoch.Version = max(left.meta.RegionEpoch.Version, right.meta.RegionEpoch.Version) + 1
	delete(next, right.meta.Id)
	next[id] = merged
	return merged, t.apply(next, merged)
}

// transfer makes the peer at a store the leader of a region, in a new term.
func (t *topology) transfer(id, store uint64) (*region, error) {
	t.changes.Lock()
	defer t.changes.Unlock()
	next := t.copy()
	found, ok := next[id]
	if !ok {
		return nil, fmt.Errorf("region %d does not exist", id)
	}
	moved := found.with()
	if moved.leader = moved.peerAt(store); moved.leader == nil {
		return nil, fmt.Errorf("region %d has no peer at store %d", id, store)
	}
	moved.term++
	next[id] = moved
	return moved, t.apply(next, moved)
}

func (t *topology) apply(next map[uint64]*region, changed ...*region) error {
	if err := t.save(next); err != nil {
		return err
	}
	return t.learned(changed...)
}

func (t *topology) copy() map[uint64]*region {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.regions)
}

// with copies a region, epoch and peers apart.
func (r *region) with() *region {
	meta, epoch := *r.meta, *r.meta.RegionEpoch
	meta.RegionEpoch, meta.Peers = &epoch, slices.Clone(r.meta.Peers)
	return &region{meta: &meta, leader: r.leader, term: r.term, locks: r.locks}
}

func holding(regions map[uint64]*region, bound []byte) (*region, error) {
	for _, r := range regions {
		if r.holds(bound) {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no region holds %x", bound)
}

func metas(regions []*region) []*metapb.Region {
	all := make([]*metapb.Region, len(regions))
	for i, r := range regions {
		all[i] = r.meta
	}
	return all
}
