package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pingcap/kvproto/pkg/errorpb"
	"github.com/pingcap/kvproto/pkg/kvrpcpb"
	"github.com/pingcap/kvproto/pkg/tikvpb"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/tikv"
	"github.com/pingcap/tidb/pkg/util/codec"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// storeVersion is the release that the stores claim to be, to PD and to clients.
const storeVersion = "8.1.0"

// front is one store as clients see it: it checks routing, injects faults, and hands the rest to the shared engine.
type front struct {
	*tikv.Server
	store   uint64
	regions *topology
	raw     *rawStore
	faults  *faultList
}

var _ tikvpb.TikvServer = (*front)(nil)

func (f *front) server() *grpc.Server {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(256<<20), grpc.MaxSendMsgSize(256<<20),
		grpc.InitialWindowSize(2<<20), grpc.InitialConnWindowSize(8<<20),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(f.unary),
	)
	tikvpb.RegisterTikvServer(server, f)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	return server
}

func (f *front) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	method := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
	command, known := commands[method]
	if !known {
		return handler(ctx, request)
	}
	return f.answer(ctx, command, request, func() (any, error) { return handler(ctx, request) })
}

// answer is the one way that every command takes, unary or batched.
func (f *front) answer(ctx context.Context, command *command, request any, apply func() (any, error)) (any, error) {
	about := command.about(request)
	var misrouted *errorpb.Error
	if command.routed {
		misrouted = f.regions.check(f.store, about)
	}
	fault := f.faults.take(command.name, f.store, about, misrouted != nil)
	if fault != nil && fault.answersAtOnce() {
		return fault.answer(ctx, command)
	}
	var response any
	var err error
	if misrouted != nil {
		response = command.regionError(misrouted)
	} else {
		response, err = safely(command, apply)
	}
	if err != nil || fault == nil {
		return response, err
	}
	return fault.after(ctx, command, response)
}

// safely makes one failed call of a panic: the engine panics where it was made to stop a mock.
func safely(command *command, apply func() (any, error)) (response any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = status.Errorf(codes.Internal, "%s: %v", command.name, cause)
		}
	}()
	return apply()
}

// SplitRegion splits as a TiKV asked by a client does, and answers once PD knows.
func (f *front) SplitRegion(_ context.Context, request *kvrpcpb.SplitRegionRequest) (*kvrpcpb.SplitRegionResponse, error) {
	keys := request.SplitKeys
	if len(keys) == 0 {
		keys = [][]byte{request.SplitKey}
	}
	bounds := make([][]byte, len(keys))
	for i, key := range keys {
		bounds[i] = key
		if !request.IsRawKv {
			bounds[i] = codec.EncodeBytes(nil, key)
		}
	}
	pieces, err := f.regions.split(bounds...)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	response := &kvrpcpb.SplitRegionResponse{Regions: metas(pieces)}
	if len(pieces) == 2 {
		response.Left, response.Right = pieces[0].meta, pieces[1].meta
	}
	return response, nil
}

// GetHealthFeedback reports a store that is not slow.
func (f *front) GetHealthFeedback(context.Context, *kvrpcpb.GetHealthFeedbackRequest) (*kvrpcpb.GetHealthFeedbackResponse, error) {
	return &kvrpcpb.GetHealthFeedbackResponse{HealthFeedback: f.health()}, nil
}

func (f *front) health() *kvrpcpb.HealthFeedback {
	return &kvrpcpb.HealthFeedback{StoreId: f.store, FeedbackSeqNo: uint64(time.Now().UnixMilli()), SlowScore: 1}
}

// BroadcastTxnStatus takes what a client tells to spare others a look-up; the engine keeps no such cache.
func (f *front) BroadcastTxnStatus(context.Context, *kvrpcpb.BroadcastTxnStatusRequest) (*kvrpcpb.BroadcastTxnStatusResponse, error) {
	return &kvrpcpb.BroadcastTxnStatusResponse{}, nil
}

// KvFlush and KvBufferBatchGet belong to pipelined transactions, which are left out.
func (f *front) KvFlush(context.Context, *kvrpcpb.FlushRequest) (*kvrpcpb.FlushResponse, error) {
	return nil, unsupported("KvFlush")
}

func (f *front) KvBufferBatchGet(context.Context, *kvrpcpb.BufferBatchGetRequest) (*kvrpcpb.BufferBatchGetResponse, error) {
	return nil, unsupported("KvBufferBatchGet")
}

func (f *front) RawCoprocessor(context.Context, *kvrpcpb.RawCoprocessorRequest) (*kvrpcpb.RawCoprocessorResponse, error) {
	return nil, unsupported("RawCoprocessor")
}

func unsupported(command string) error {
	return status.Error(codes.Unimplemented, fmt.Sprintf("this store has no %s", command))
}
