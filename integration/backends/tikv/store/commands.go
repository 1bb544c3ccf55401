package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/pingcap/kvproto/pkg/errorpb"
	"github.com/pingcap/kvproto/pkg/kvrpcpb"
	"github.com/pingcap/kvproto/pkg/tikvpb"
)

// command is one unary method of the service, with what its messages have in common read by reflection, so that
// the unary and the batched way know all of them alike.
type command struct {
	name    string
	method  int // of tikvpb.TikvServer
	request reflect.Type
	answers reflect.Type
	wrap    reflect.Type // how a batched stream carries the answer, nil where it has no place for it
	routed  bool         // sent to a region, not to a store
}

// about is what a fault or a region can be matched with.
type about struct {
	context *kvrpcpb.Context
	keys    [][]byte
	first   []byte // where a scan begins; not checked, since a reverse one begins at an end
	plain   bool   // keys are compared to regions as they are
}

var (
	commands  = map[string]*command{}
	byRequest = map[reflect.Type]*command{}
	toStores  = map[string]bool{"UnsafeDestroyRange": true, "GetHealthFeedback": true, "BroadcastTxnStatus": true, "KvGC": true}
)

func init() {
	wrappers := map[reflect.Type]reflect.Type{}
	for _, wrapper := range (*tikvpb.BatchCommandsResponse_Response)(nil).XXX_OneofWrappers() {
		wrappers[reflect.TypeOf(wrapper).Elem().Field(0).Type] = reflect.TypeOf(wrapper).Elem()
	}
	service := reflect.TypeFor[tikvpb.TikvServer]()
	for i := range service.NumMethod() {
		method := service.Method(i).Type
		if method.NumIn() != 2 || method.NumOut() != 2 || method.In(0) != reflect.TypeFor[context.Context]() {
			continue
		}
		c := &command{name: service.Method(i).Name, method: i, request: method.In(1), answers: method.Out(0), wrap: wrappers[method.Out(0)]}
		if _, twice := byRequest[c.request]; twice {
			panic(fmt.Sprintf("two commands take %s", c.request))
		}
		_, hasError := c.answers.Elem().FieldByName("RegionError")
		_, hasContext := c.request.Elem().FieldByName("Context")
		c.routed = hasError && hasContext && !toStores[c.name]
		commands[c.name], byRequest[c.request] = c, c
	}
}

// call performs a command that came in a batch.
func (c *command) call(ctx context.Context, on tikvpb.TikvServer, request any) (any, error) {
	service := reflect.ValueOf(on).MethodByName(c.name)
	out := service.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(request)})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

func (c *command) about(request any) about {
	fields := reflect.ValueOf(request).Elem()
	a := about{context: get[*kvrpcpb.Context](fields, "Context")}
	a.plain = strings.HasPrefix(c.name, "Raw") && a.context.GetApiVersion() != kvrpcpb.APIVersion_V2
	a.first = get[[]byte](fields, "StartKey")
	a.keys = append(a.keys, get[[][]byte](fields, "Keys")...)
	if key := get[[]byte](fields, "Key"); key != nil {
		a.keys = append(a.keys, key)
	}
	if check, ok := request.(*kvrpcpb.CheckTxnStatusRequest); ok {
		a.keys = append(a.keys, check.PrimaryKey)
	}
	if heartbeat, ok := request.(*kvrpcpb.TxnHeartBeatRequest); ok {
		a.keys = append(a.keys, heartbeat.PrimaryLock)
	}
	for _, mutation := range get[[]*kvrpcpb.Mutation](fields, "Mutations") {
		a.keys = append(a.keys, mutation.Key)
	}
	for _, pair := range get[[]*kvrpcpb.KvPair](fields, "Pairs") {
		a.keys = append(a.keys, pair.Key)
	}
	return a
}

func (c *command) regionError(failure *errorpb.Error) any {
	response := reflect.New(c.answers.Elem())
	response.Elem().FieldByName("RegionError").Set(reflect.ValueOf(failure))
	return response.Interface()
}

// keyError answers with an error of the whole response, not of a pair, as TiKV does for locks in memory.
func (c *command) keyError(failure *kvrpcpb.KeyError) any {
	response := reflect.New(c.answers.Elem())
	if one := response.Elem().FieldByName("Error"); one.IsValid() {
		one.Set(reflect.ValueOf(failure))
	} else {
		response.Elem().FieldByName("Errors").Set(reflect.ValueOf([]*kvrpcpb.KeyError{failure}))
	}
	return response.Interface()
}

func (c *command) hasKeyError() bool {
	one, hasOne := c.answers.Elem().FieldByName("Error")
	many, hasMany := c.answers.Elem().FieldByName("Errors")
	return hasOne && one.Type == reflect.TypeFor[*kvrpcpb.KeyError]() || hasMany && many.Type == reflect.TypeFor[[]*kvrpcpb.KeyError]()
}

func get[T any](fields reflect.Value, name string) T {
	var none T
	field := fields.FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		return none
	}
	return field.Interface().(T)
}
