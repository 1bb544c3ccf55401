package main

import (
	"context"
	"reflect"
	"time"

	"github.com/pingcap/kvproto/pkg/tikvpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type batched struct {
	id       uint64
	response *tikvpb.BatchCommandsResponse_Response
}

// BatchCommands runs every command of a batch on its own and sends the answers as they come, in batches of what is
// ready. A command that fails as a call ends the stream, as it does in TiKV; one whose answer is dropped is silent.
func (f *front) BatchCommands(stream tikvpb.Tikv_BatchCommandsServer) error {
	ctx, end := context.WithCancelCause(stream.Context())
	defer end(nil)
	answers := make(chan batched, 1024)
	go func() { end(sendAnswers(ctx, stream, answers, f)) }()
	go func() {
		for {
			batch, err := stream.Recv()
			if err != nil {
				end(err)
				return
			}
			for i, request := range batch.Requests {
				go f.batched(ctx, end, answers, batch.RequestIds[i], request)
			}
		}
	}()
	<-ctx.Done()
	return context.Cause(ctx)
}

func (f *front) batched(ctx context.Context, end context.CancelCauseFunc, answers chan<- batched, id uint64, request *tikvpb.BatchCommandsRequest_Request) {
	response, err := f.batchedAnswer(ctx, request)
	if err != nil {
		end(err)
		return
	}
	if response == nil {
		return
	}
	select {
	case answers <- batched{id, response}:
	case <-ctx.Done():
	}
}

func (f *front) batchedAnswer(ctx context.Context, request *tikvpb.BatchCommandsRequest_Request) (*tikvpb.BatchCommandsResponse_Response, error) {
	if empty := request.GetEmpty(); empty != nil {
		time.Sleep(time.Duration(empty.DelayTime) * time.Millisecond)
		answer := &tikvpb.BatchCommandsEmptyResponse{TestId: empty.TestId}
		return &tikvpb.BatchCommandsResponse_Response{Cmd: &tikvpb.BatchCommandsResponse_Response_Empty{Empty: answer}}, nil
	}
	if request.Cmd == nil {
		return nil, status.Error(codes.Unimplemented, "a batched command that this store does not know")
	}
	message := reflect.ValueOf(request.Cmd).Elem().Field(0).Interface()
	command, known := byRequest[reflect.TypeOf(message)]
	if !known || command.wrap == nil {
		return nil, status.Errorf(codes.Unimplemented, "this store has no batched %T", message)
	}
	response, err := f.answer(ctx, command, message, func() (any, error) { return command.call(ctx, f, message) })
	if err == errDropped {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	wrapped := reflect.New(command.wrap)
	wrapped.Elem().Field(0).Set(reflect.ValueOf(response))
	answer := &tikvpb.BatchCommandsResponse_Response{}
	reflect.ValueOf(answer).Elem().FieldByName("Cmd").Set(wrapped)
	return answer, nil
}

func sendAnswers(ctx context.Context, stream tikvpb.Tikv_BatchCommandsServer, answers <-chan batched, f *front) error {
	told := time.Time{}
	for {
		batch := &tikvpb.BatchCommandsResponse{}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case first := <-answers:
			batch.RequestIds, batch.Responses = append(batch.RequestIds, first.id), append(batch.Responses, first.response)
		}
		for more := true; more && len(batch.Responses) < 256; {
			select {
			case next := <-answers:
				batch.RequestIds, batch.Responses = append(batch.RequestIds, next.id), append(batch.Responses, next.response)
			default:
				more = false
			}
		}
		if time.Since(told) > time.Second {
			told, batch.HealthFeedback = time.Now(), f.health()
		}
		if err := stream.Send(batch); err != nil {
			return err
		}
	}
}
