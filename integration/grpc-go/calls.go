package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	directoryv1 "orbit.test/grpc-go/gen/orbit/directory/v1"
)

func stringRef(kind, key string) *directoryv1.AddressableReference {
	return &directoryv1.AddressableReference{
		Type: kind,
		Key:  &directoryv1.AddressableKey{Kind: &directoryv1.AddressableKey_StringKey{StringKey: key}},
	}
}

// mixedRefs makes references with keys of all four kinds; "none" names one addressable alone, so there is one of it.
func mixedRefs(kind string, count int) []*directoryv1.AddressableReference {
	refs := make([]*directoryv1.AddressableReference, count)
	for at := range refs {
		key := &directoryv1.AddressableKey{}
		switch {
		case at == 0:
			key.Kind = &directoryv1.AddressableKey_NoKey{NoKey: &directoryv1.NoKey{}}
		case at%3 == 0:
			key.Kind = &directoryv1.AddressableKey_Int32Key{Int32Key: int32(at) - 500}
		case at%3 == 1:
			key.Kind = &directoryv1.AddressableKey_Int64Key{Int64Key: int64(at) - 1<<62}
		default:
			key.Kind = &directoryv1.AddressableKey_StringKey{StringKey: fmt.Sprintf("key/%d/ключ", at)}
		}
		refs[at] = &directoryv1.AddressableReference{Type: kind, Key: key}
	}
	return refs
}

// life is a node that this program plays: its key and when its last renewal was sent.
type life struct {
	key       *directoryv1.NodeKey
	ttl       time.Duration
	renewed   time.Time
	within    time.Duration
	namespace string
}

func (c *client) join(ctx context.Context, namespace, id string, ttl time.Duration) (*life, error) {
	sent := time.Now()
	answer, err := c.nodes.Join(ctx, &directoryv1.JoinRequest{
		Namespace:        namespace,
		Id:               id,
		Url:              "http://" + id + ".test:8080",
		AddressableTypes: []string{"Account"},
		Metadata:         map[string]string{"language": "go"},
		Ttl:              durationpb.New(ttl),
	})
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", id, err)
	}
	lease := answer.GetLease()
	return &life{
		key:       &directoryv1.NodeKey{Id: lease.GetId(), Epoch: lease.GetEpoch()},
		ttl:       lease.GetTtl().AsDuration(),
		within:    lease.GetRenewWithin().AsDuration(),
		renewed:   sent,
		namespace: namespace,
	}, nil
}

func (c *client) renew(ctx context.Context, node *life) error {
	sent := time.Now()
	_, err := c.nodes.RenewNode(ctx, &directoryv1.RenewNodeRequest{Namespace: node.namespace, Node: node.key})
	if err != nil {
		return fmt.Errorf("renew %s: %w", node.key.GetId(), err)
	}
	node.renewed = sent
	return nil
}

// heartbeat renews as the server asks until the context ends. A renewal that fails ends it too and is the outcome.
func (c *client) heartbeat(ctx context.Context, node *life) <-chan error {
	ended := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(node.within)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				ended <- nil
				return
			case <-ticker.C:
				if err := c.renew(ctx, node); err != nil && ctx.Err() == nil {
					ended <- err
					return
				}
			}
		}
	}()
	return ended
}

func (c *client) acquire(
	ctx context.Context, node *life, ref *directoryv1.AddressableReference,
) (granted, held *directoryv1.AddressableLease, err error) {
	answer, err := c.directory.Acquire(ctx, &directoryv1.AcquireRequest{
		Namespace: node.namespace, Node: node.key, Reference: ref,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("acquire %v: %w", ref, err)
	}
	return answer.GetGranted(), answer.GetHeld(), nil
}

func (c *client) acquireMany(
	ctx context.Context, node *life, refs []*directoryv1.AddressableReference,
) ([]*directoryv1.AcquireManyResponse_Result, error) {
	answer, err := c.directory.AcquireMany(ctx, &directoryv1.AcquireManyRequest{
		Namespace: node.namespace, Node: node.key, References: refs,
	})
	if err != nil {
		return nil, fmt.Errorf("acquire many: %w", err)
	}
	if len(answer.GetResults()) != len(refs) {
		return nil, fmt.Errorf("acquire many: %d answers to %d references", len(answer.GetResults()), len(refs))
	}
	return answer.GetResults(), nil
}

func grantOf(lease *directoryv1.AddressableLease) *directoryv1.LeaseGrant {
	return &directoryv1.LeaseGrant{Reference: lease.GetReference(), Grant: lease.GetGrant()}
}

// verdict tells how a call ended: its status and, where there is one, the detail that comes with it.
func verdict(err error) facts {
	told := status.Convert(err)
	seen := facts{"status": told.Code().String(), "message": told.Message()}
	for _, detail := range told.Details() {
		if found, ok := detail.(*directoryv1.ErrorDetail); ok {
			seen["code"] = found.GetCode()
			seen["retryable"] = found.GetRetryable()
			seen["outcome"] = found.GetOutcome().String()
		}
	}
	return seen
}
