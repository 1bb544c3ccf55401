package main

import (
	"fmt"

	"github.com/pingcap/kvproto/pkg/errorpb"
	"github.com/pingcap/kvproto/pkg/metapb"
	"github.com/pingcap/tidb/pkg/util/codec"
)

// check answers as a TiKV store does to a request that was sent to the wrong place, in its order: store, region,
// peer, leader, epoch, keys.
func (t *topology) check(store uint64, about about) *errorpb.Error {
	ctx := about.context
	if asked := ctx.GetPeer().GetStoreId(); asked != store {
		return &errorpb.Error{
			Message:       fmt.Sprintf("request to store %d reached store %d", asked, store),
			StoreNotMatch: &errorpb.StoreNotMatch{RequestStoreId: asked, ActualStoreId: store},
		}
	}
	found := t.byID(ctx.GetRegionId())
	if found == nil {
		return regionNotFound(ctx.GetRegionId())
	}
	peer := found.peerAt(store)
	if peer == nil {
		return regionNotFound(ctx.GetRegionId())
	}
	if asked := ctx.GetPeer().GetId(); asked != peer.Id {
		return &errorpb.Error{
			Message:        fmt.Sprintf("request to peer %d reached peer %d", asked, peer.Id),
			MismatchPeerId: &errorpb.MismatchPeerId{RequestPeerId: asked, StorePeerId: peer.Id},
		}
	}
	if peer.Id != found.leader.Id && !ctx.GetReplicaRead() && !ctx.GetStaleRead() {
		return &errorpb.Error{
			Message:   fmt.Sprintf("peer %d is not the leader of region %d", peer.Id, found.meta.Id),
			NotLeader: &errorpb.NotLeader{RegionId: found.meta.Id, Leader: found.leader},
		}
	}
	if term := ctx.GetTerm(); term != 0 && term+1 < found.term {
		return &errorpb.Error{Message: "stale command", StaleCommand: &errorpb.StaleCommand{}}
	}
	if failure := t.epochError(found, ctx.GetRegionEpoch()); failure != nil {
		return failure
	}
	for _, key := range about.keys {
		if !found.holds(about.bound(key)) {
			return &errorpb.Error{
				Message: fmt.Sprintf("key %x is not in region %d", key, found.meta.Id),
				KeyNotInRegion: &errorpb.KeyNotInRegion{
					Key: key, RegionId: found.meta.Id, StartKey: found.meta.StartKey, EndKey: found.meta.EndKey,
				},
			}
		}
	}
	return nil
}

// epochError lists, beside the region, those that now hold the rest of what it was split into or merged from: here
// the neighbour on each side, as TiKV does after a split.
func (t *topology) epochError(found *region, asked *metapb.RegionEpoch) *errorpb.Error {
	now := found.meta.RegionEpoch
	if asked.GetVersion() == now.Version && asked.GetConfVer() == now.ConfVer {
		return nil
	}
	current := []*metapb.Region{found.meta}
	if asked.GetVersion() < now.Version {
		all := t.list()
		for i, r := range all {
			if r.meta.Id == found.meta.Id && i > 0 {
				current = append(current, all[i-1].meta)
			}
		}
	}
	return &errorpb.Error{
		Message:       fmt.Sprintf("region %d is at version %d, conf version %d", found.meta.Id, now.Version, now.ConfVer),
		EpochNotMatch: &errorpb.EpochNotMatch{CurrentRegions: current},
	}
}

func regionNotFound(id uint64) *errorpb.Error {
	return &errorpb.Error{
		Message:        fmt.Sprintf("region %d not found", id),
		RegionNotFound: &errorpb.RegionNotFound{RegionId: id},
	}
}

// bound is a key in the form that PD and the regions have it: memcomparable, but for raw keys under API V1.
func (a about) bound(key []byte) []byte {
	if a.plain {
		return key
	}
	return codec.EncodeBytes(nil, key)
}
