package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	directoryv1 "orbit.test/grpc-go/gen/orbit/directory/v1"
)

const (
	holdings = 1000
	bulk     = 900
	shortTTL = 1500 * time.Millisecond
	longTTL  = 10 * time.Second
)

// lifecycle plays two nodes: the first holds addressables, stops renewing and loses them to the second.
func lifecycle(ctx context.Context, c *client) error {
	const namespace = "lifecycle"
	views, err := c.watch(ctx, namespace)
	if err != nil {
		return err
	}
	tell("watch before", facts{"nodes": <-views})
	first, err := c.join(ctx, namespace, "first", shortTTL)
	if err != nil {
		return err
	}
	beating, stop := context.WithCancel(ctx)
	defer stop()
	firstBeats := c.heartbeat(beating, first)
	tell("joined", facts{
		"epoch": first.key.GetEpoch(), "ttlMs": first.ttl.Milliseconds(), "renewWithinMs": first.within.Milliseconds(),
	})
	tell("watch joined", facts{"nodes": <-views})

	second, err := c.join(ctx, namespace, "second", longTTL)
	if err != nil {
		return err
	}
	secondBeats := c.heartbeat(ctx, second)
	tell("watch both", facts{"nodes": <-views})

	leases, err := c.hold(ctx, first)
	if err != nil {
		return err
	}
	// Lives on over several of its ttls, since it renews.
	time.Sleep(2 * first.ttl)
	if err := c.refused(ctx, second, leases); err != nil {
		return err
	}
	stop()
	if err := errors.Join(<-firstBeats, c.renew(ctx, first)); err != nil {
		return err
	}
	if err := c.takeOver(ctx, first, second, leases); err != nil {
		return err
	}
	tell("watch lost", facts{"nodes": <-views})
	if err := c.tooLate(ctx, first, second, leases[0]); err != nil {
		return err
	}
	select {
	case err := <-secondBeats:
		return fmt.Errorf("the second node's heartbeat ended: %w", err)
	default:
		return nil
	}
}

// watch sends the ids of the live nodes, now and whenever they change.
func (c *client) watch(ctx context.Context, namespace string) (<-chan []string, error) {
	stream, err := c.nodes.WatchNodes(ctx, &directoryv1.WatchNodesRequest{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	views := make(chan []string)
	go func() {
		defer close(views)
		for {
			view, err := stream.Recv()
			if err != nil {
				return
			}
			ids := []string{}
			for _, node := range view.GetNodes() {
				ids = append(ids, node.GetId())
			}
			views <- ids
		}
	}()
	return views, nil
}

// hold acquires most in bulk and the rest one by one, then asks in every way who holds them.
func (c *client) hold(ctx context.Context, node *life) ([]*directoryv1.AddressableLease, error) {
	refs := mixedRefs("Account", holdings)
	results, err := c.acquireMany(ctx, node, refs[:bulk])
	if err != nil {
		return nil, err
	}
	leases := []*directoryv1.AddressableLease{}
	for _, result := range results {
		leases = append(leases, result.GetGranted())
	}
	for _, ref := range refs[bulk:] {
		granted, held, err := c.acquire(ctx, node, ref)
		if err != nil || held != nil {
			return nil, fmt.Errorf("a free addressable was refused (%v): %w", held, err)
		}
		leases = append(leases, granted)
	}
	grants, inOrder := map[string]bool{}, 0
	for at, lease := range leases {
		grants[lease.GetGrant()] = true
		if proto.Equal(lease.GetReference(), refs[at]) && lease.GetFence() > 0 && lease.GetNodeId() == node.key.GetId() {
			inOrder++
		}
	}
	known, err := c.directory.LookupMany(ctx, &directoryv1.LookupManyRequest{Namespace: node.namespace, References: refs})
	if err != nil {
		return nil, err
	}
	lookedUp := 0
	for at, result := range known.GetResults() {
		if proto.Equal(result.GetLease(), leases[at]) {
			lookedUp++
		}
	}
	listed, err := c.list(ctx, node)
	if err != nil {
		return nil, err
	}
	renewed, err := c.renewAll(ctx, node, leases)
	if err != nil {
		return nil, err
	}
	tell("held", facts{
		"inOrder": inOrder, "distinctGrants": len(grants), "lookedUp": lookedUp, "listed": listed, "renewed": renewed,
	})
	return leases, nil
}

func (c *client) list(ctx context.Context, node *life) (int, error) {
	stream, err := c.directory.ListLeases(ctx, &directoryv1.ListLeasesRequest{
		Namespace: node.namespace, NodeId: node.key.GetId(),
	})
	if err != nil {
		return 0, err
	}
	for count := 0; ; {
		page, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return 0, err
		}
		count += len(page.GetLeases())
	}
}

// renewAll tells how many grants the server confirms as they were.
func (c *client) renewAll(ctx context.Context, node *life, leases []*directoryv1.AddressableLease) (int, error) {
	grants := []*directoryv1.LeaseGrant{}
	for _, lease := range leases {
		grants = append(grants, grantOf(lease))
	}
	answer, err := c.directory.RenewLeases(ctx, &directoryv1.RenewLeasesRequest{Namespace: node.namespace, Grants: grants})
	if err != nil {
		return 0, err
	}
	confirmed := 0
	for at, result := range answer.GetResults() {
		if proto.Equal(result.GetLease(), leases[at]) {
			confirmed++
		}
	}
	return confirmed, nil
}

// refused asks for what another node holds; each refusal must name the holder and its fence.
func (c *client) refused(ctx context.Context, node *life, leases []*directoryv1.AddressableLease) error {
	_, held, err := c.acquire(ctx, node, leases[0].GetReference())
	if err != nil {
		return err
	}
	results, err := c.acquireMany(ctx, node, refsOf(leases))
	if err != nil {
		return err
	}
	asHeld := 0
	for at, result := range results {
		if proto.Equal(result.GetHeld(), leases[at]) {
			asHeld++
		}
	}
	tell("refused", facts{
		"holder": held.GetNodeId(), "sameFence": held.GetFence() == leases[0].GetFence(), "asHeld": asHeld,
	})
	return nil
}

// takeOver asks for one addressable until it is granted, then for all.
func (c *client) takeOver(ctx context.Context, first, second *life, leases []*directoryv1.AddressableLease) error {
	refusals := 0
	for {
		granted, held, err := c.acquire(ctx, second, leases[0].GetReference())
		if err != nil {
			return err
		}
		if granted != nil {
			tell("taken over", facts{
				"refusals": refusals, "afterMs": time.Since(first.renewed).Milliseconds(), "ttlMs": first.ttl.Milliseconds(),
				"holder": granted.GetNodeId(), "fence": granted.GetFence(), "oldFence": leases[0].GetFence(),
			})
			break
		}
		if held.GetNodeId() != first.key.GetId() {
			return fmt.Errorf("refused for %s, which is not the holder", held.GetNodeId())
		}
		refusals++
		time.Sleep(20 * time.Millisecond)
	}
	results, err := c.acquireMany(ctx, second, refsOf(leases))
	if err != nil {
		return err
	}
	higher := 0
	for at, result := range results {
		if granted := result.GetGranted(); granted.GetNodeId() == "second" && granted.GetFence() > leases[at].GetFence() {
			higher++
		}
	}
	tell("taken over all", facts{"higher": higher})
	return nil
}

// tooLate shows that whoever lost a lease can't do anything with it.
func (c *client) tooLate(ctx context.Context, first, second *life, lost *directoryv1.AddressableLease) error {
	_, err := c.directory.RenewLease(ctx, &directoryv1.RenewLeaseRequest{Namespace: first.namespace, Grant: grantOf(lost)})
	tell("late renewal of the lease", verdict(err))
	_, err = c.nodes.RenewNode(ctx, &directoryv1.RenewNodeRequest{Namespace: first.namespace, Node: first.key})
	tell("late renewal of the node", verdict(err))
	_, _, err = c.acquire(ctx, first, lost.GetReference())
	tell("late acquire", verdict(errors.Unwrap(err)))
	released, err := c.directory.ReleaseLease(ctx, &directoryv1.ReleaseLeaseRequest{Namespace: first.namespace, Grant: grantOf(lost)})
	if err != nil {
		return err
	}
	now, err := c.directory.Lookup(ctx, &directoryv1.LookupRequest{Namespace: first.namespace, Reference: lost.GetReference()})
	if err != nil {
		return err
	}
	tell("late release", facts{"released": released.GetReleased(), "holder": now.GetLease().GetNodeId()})
	left, err := c.nodes.LeaveNode(ctx, &directoryv1.LeaveNodeRequest{Namespace: first.namespace, Node: first.key})
	tell("late leave", facts{"left": left.GetLeft(), "failed": err != nil})
	return nil
}

func refsOf(leases []*directoryv1.AddressableLease) []*directoryv1.AddressableReference {
	refs := []*directoryv1.AddressableReference{}
	for _, lease := range leases {
		refs = append(refs, lease.GetReference())
	}
	return refs
}
