package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/durationpb"

	directoryv1 "orbit.test/grpc-go/gen/orbit/directory/v1"
)

// faults calls wrongly in every way and tells how each call ends.
func faults(ctx context.Context, c *client) error {
	const namespace = "faults"
	node, err := c.join(ctx, namespace, "node", longTTL)
	if err != nil {
		return err
	}
	other := strings.Repeat("0", 32)
	for _, wrong := range []struct {
		name string
		call func(context.Context) error
	}{
		{"another epoch", func(ctx context.Context) error {
			return c.renewAs(ctx, namespace, &directoryv1.NodeKey{Id: "node", Epoch: other})
		}},
		{"a malformed epoch", func(ctx context.Context) error {
			return c.renewAs(ctx, namespace, &directoryv1.NodeKey{Id: "node", Epoch: "not an epoch"})
		}},
		{"an unknown node", func(ctx context.Context) error {
			return c.renewAs(ctx, namespace, &directoryv1.NodeKey{Id: "nobody", Epoch: other})
		}},
		{"no node", func(ctx context.Context) error { return c.renewAs(ctx, namespace, nil) }},
		{"an acquire under another epoch", func(ctx context.Context) error {
			return c.acquireAs(ctx, namespace, &directoryv1.NodeKey{Id: "node", Epoch: other}, stringRef("Account", "a"))
		}},
		{"no reference", func(ctx context.Context) error { return c.acquireAs(ctx, namespace, node.key, nil) }},
		{"a reference without key", func(ctx context.Context) error {
			return c.acquireAs(ctx, namespace, node.key, &directoryv1.AddressableReference{Type: "Account"})
		}},
		{"a grant that was never given", func(ctx context.Context) error {
			_, err := c.directory.RenewLease(ctx, &directoryv1.RenewLeaseRequest{
				Namespace: namespace, Grant: &directoryv1.LeaseGrant{Reference: stringRef("Account", "a"), Grant: other},
			})
			return err
		}},
		{"a malformed grant", func(ctx context.Context) error {
			_, err := c.directory.RenewLease(ctx, &directoryv1.RenewLeaseRequest{
				Namespace: namespace, Grant: &directoryv1.LeaseGrant{Reference: stringRef("Account", "a"), Grant: "x"},
			})
			return err
		}},
		{"a node without id", func(ctx context.Context) error {
			_, err := c.nodes.Join(ctx, &directoryv1.JoinRequest{Namespace: namespace})
			return err
		}},
		{"a ttl of nothing", func(ctx context.Context) error {
			_, err := c.nodes.Join(ctx, &directoryv1.JoinRequest{Namespace: namespace, Id: "n", Ttl: durationpb.New(0)})
			return err
		}},
		{"a node that stops itself by an update", func(ctx context.Context) error {
			_, err := c.nodes.UpdateNode(ctx, &directoryv1.UpdateNodeRequest{
				Namespace: namespace, Node: node.key, Status: directoryv1.NodeStatus_NODE_STATUS_STOPPED,
			})
			return err
		}},
		{"the servers' own namespace", func(ctx context.Context) error {
			_, err := c.nodes.Join(ctx, &directoryv1.JoinRequest{Namespace: "management", Id: "intruder"})
			return err
		}},
		{"too many references", func(ctx context.Context) error {
			_, err := c.directory.LookupMany(ctx, &directoryv1.LookupManyRequest{
				Namespace: namespace, References: mixedRefs("Account", 10_001),
			})
			return err
		}},
		{"a message over the limit", func(ctx context.Context) error {
			return c.acquireAs(ctx, namespace, node.key, stringRef("Account", strings.Repeat("x", 5<<20)))
		}},
		{"a key over the limit", func(ctx context.Context) error {
			return c.acquireAs(ctx, namespace, node.key, stringRef("Account", strings.Repeat("x", 1<<20)))
		}},
		{"text that is not UTF-8", func(ctx context.Context) error {
			// Field 2 of JoinRequest, the id: two bytes that no text contains.
			return c.raw(ctx, directoryv1.MembershipService_Join_FullMethodName, []byte{0x12, 0x02, 0xff, 0xfe})
		}},
		{"bytes that are no message", func(ctx context.Context) error {
			return c.raw(ctx, directoryv1.MembershipService_Join_FullMethodName, []byte{0xff, 0xff, 0xff})
		}},
		{"an unknown method", func(ctx context.Context) error {
			return c.raw(ctx, "/orbit.directory.v1.DirectoryService/Destroy", nil)
		}},
		{"joining over a live node until the deadline", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 400*time.Millisecond)
			defer cancel()
			_, err := c.nodes.Join(ctx, &directoryv1.JoinRequest{Namespace: namespace, Id: "node"})
			return err
		}},
		{"a call given up", func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, cancel)
			_, err := c.nodes.Join(ctx, &directoryv1.JoinRequest{Namespace: namespace, Id: "node"})
			return err
		}},
	} {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := wrong.call(limited)
		cancel()
		if err == nil {
			return fmt.Errorf("%s was accepted", wrong.name)
		}
		seen := verdict(err)
		tell(wrong.name, seen)
	}
	if err := c.oneBadAmongGood(ctx, node); err != nil {
		return err
	}
	// None of it has changed anything.
	nodes, err := c.nodes.ListNodes(ctx, &directoryv1.ListNodesRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	held, err := c.list(ctx, node)
	if err != nil {
		return err
	}
	tell("afterwards", facts{"nodes": len(nodes.GetNodes()), "epochKept": nodes.GetNodes()[0].GetEpoch() == node.key.GetEpoch(), "held": held})
	return nil
}

// oneBadAmongGood shows that a bulk call answers each reference on its own.
func (c *client) oneBadAmongGood(ctx context.Context, node *life) error {
	results, err := c.acquireMany(ctx, node, []*directoryv1.AddressableReference{
		stringRef("Account", "good"), stringRef("Account", strings.Repeat("x", 100_000)), stringRef("Account", "good too"),
	})
	if err != nil {
		tell("one bad among good", verdict(err))
		return nil
	}
	seen := []string{}
	for _, result := range results {
		switch {
		case result.GetGranted() != nil:
			seen = append(seen, "granted")
		case result.GetError() != nil:
			seen = append(seen, result.GetError().GetCode())
		default:
			seen = append(seen, "neither")
		}
	}
	tell("one bad among good", facts{"results": seen})
	return nil
}

func (c *client) renewAs(ctx context.Context, namespace string, node *directoryv1.NodeKey) error {
	_, err := c.nodes.RenewNode(ctx, &directoryv1.RenewNodeRequest{Namespace: namespace, Node: node})
	return err
}

func (c *client) acquireAs(
	ctx context.Context, namespace string, node *directoryv1.NodeKey, ref *directoryv1.AddressableReference,
) error {
	_, err := c.directory.Acquire(ctx, &directoryv1.AcquireRequest{Namespace: namespace, Node: node, Reference: ref})
	return err
}

// raw sends bytes as they are, which no generated client would.
func (c *client) raw(ctx context.Context, method string, request []byte) error {
	var answer []byte
	return c.conn.Invoke(ctx, method, request, &answer, grpc.ForceCodecV2(bytesCodec{}))
}

type bytesCodec struct{}

var _ encoding.CodecV2 = bytesCodec{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(value any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(value.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, value any) error {
	*value.(*[]byte) = data.Materialize()
	return nil
}
