package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	directoryv1 "orbit.test/grpc-go/gen/orbit/directory/v1"
)

const (
	askers       = 8
	restartSpace = "restart"
	restartTTL   = 60 * time.Second
)

// ledger is what the node of the storm knows when its server is gone, for whoever asks the restarted one.
type ledger struct {
	Id, Epoch string
	// Acknowledged holds what was granted, as protobuf JSON.
	Acknowledged []json.RawMessage
	// InDoubt holds the keys whose call was under way when the server went.
	InDoubt []string
}

// storm acquires addressables until the server goes away, then tells what it had been granted by then.
func storm(ctx context.Context, c *client) error {
	node, err := c.join(ctx, restartSpace, "survivor", restartTTL)
	if err != nil {
		return err
	}
	known := ledger{Id: node.key.GetId(), Epoch: node.key.GetEpoch()}
	var guard sync.Mutex
	var asking sync.WaitGroup
	failures := make(chan error, askers)
	for asker := range askers {
		asking.Go(func() {
			for at := 0; ; at++ {
				key := fmt.Sprintf("%d-%d", asker, at)
				request := &directoryv1.AcquireRequest{
					Namespace: restartSpace, Node: node.key, Reference: stringRef("Account", key),
				}
				// Leases of both kinds: those that live with their node and those with a time of their own.
				if at%2 == 1 {
					request.Ttl = durationpb.New(restartTTL)
				}
				answer, err := c.directory.Acquire(ctx, request)
				guard.Lock()
				if err != nil {
					known.InDoubt = append(known.InDoubt, key)
					guard.Unlock()
					failures <- err
					return
				}
				text, _ := protojson.Marshal(answer.GetGranted())
				known.Acknowledged = append(known.Acknowledged, text)
				count := len(known.Acknowledged)
				guard.Unlock()
				if count%100 == 0 {
					tell("granted", facts{"count": count})
				}
			}
		})
	}
	asking.Wait()
	close(failures)
	for err := range failures {
		// Gone, or gone in the middle of an answer.
		if code := status.Code(err); code != codes.Unavailable && code != codes.Unknown && code != codes.Canceled {
			return err
		}
	}
	tell("cut", facts{"ledger": known})
	return nil
}

// survivors asks a restarted server, as the node of the storm and as a rival, what it still knows.
func survivors(ctx context.Context, c *client) error {
	var known ledger
	if err := json.NewDecoder(os.Stdin).Decode(&known); err != nil {
		return err
	}
	node := &life{
		key: &directoryv1.NodeKey{Id: known.Id, Epoch: known.Epoch}, ttl: restartTTL, namespace: restartSpace,
	}
	leases := []*directoryv1.AddressableLease{}
	for _, text := range known.Acknowledged {
		lease := &directoryv1.AddressableLease{}
		if err := protojson.Unmarshal(text, lease); err != nil {
			return err
		}
		leases = append(leases, lease)
	}
	rival, err := c.join(ctx, restartSpace, "rival", restartTTL)
	if err != nil {
		return err
	}
	if err := c.stillHeld(ctx, rival, leases); err != nil {
		return err
	}
	if err := c.neverTwice(ctx, node, known.InDoubt); err != nil {
		return err
	}
	err = c.renew(ctx, node)
	tell("the node lives on", facts{"renewed": err == nil, "message": fmt.Sprint(err)})
	renewed, err := c.renewAll(ctx, node, leases)
	if err != nil {
		return err
	}
	tell("the leases live on", facts{"renewed": renewed})
	if _, err := c.nodes.LeaveNode(ctx, &directoryv1.LeaveNodeRequest{Namespace: restartSpace, Node: node.key}); err != nil {
		return err
	}
	results, err := c.acquireMany(ctx, rival, refsOf(leases))
	if err != nil {
		return err
	}
	higher := 0
	for at, result := range results {
		if result.GetGranted().GetFence() > leases[at].GetFence() {
			higher++
		}
	}
	tell("fences go on above", facts{"higher": higher})
	return nil
}

// stillHeld counts the leases that the server knows unchanged and refuses to a rival.
func (c *client) stillHeld(ctx context.Context, rival *life, leases []*directoryv1.AddressableLease) error {
	answer, err := c.directory.LookupMany(ctx, &directoryv1.LookupManyRequest{Namespace: restartSpace, References: refsOf(leases)})
	if err != nil {
		return err
	}
	results, err := c.acquireMany(ctx, rival, refsOf(leases))
	if err != nil {
		return err
	}
	known, refused, granted := 0, 0, 0
	for at, lease := range leases {
		if proto.Equal(answer.GetResults()[at].GetLease(), lease) {
			known++
		}
		if proto.Equal(results[at].GetHeld(), lease) {
			refused++
		}
		if results[at].GetGranted() != nil {
			granted++
		}
	}
	tell("still held", facts{"acknowledged": len(leases), "known": known, "refused": refused, "granted": granted})
	return nil
}

// neverTwice asks for the calls that were cut: each was granted to its node, to be found and superseded, or to nobody.
func (c *client) neverTwice(ctx context.Context, node *life, keys []string) error {
	landed, free, regranted := 0, 0, 0
	for _, key := range keys {
		ref := stringRef("Account", key)
		before, err := c.directory.Lookup(ctx, &directoryv1.LookupRequest{Namespace: restartSpace, Reference: ref})
		if err != nil {
			return err
		}
		if lease := before.GetLease(); lease == nil {
			free++
		} else if lease.GetNodeId() == node.key.GetId() {
			landed++
		} else {
			return errors.New("somebody else holds what only the node of the storm asked for")
		}
		granted, _, err := c.acquire(ctx, node, ref)
		if err != nil {
			return err
		}
		if granted.GetFence() > before.GetLease().GetFence() {
			regranted++
		}
	}
	tell("in doubt", facts{"asked": len(keys), "landed": landed, "free": free, "regranted": regranted})
	return nil
}
