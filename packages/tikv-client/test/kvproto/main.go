// Prints what kvproto says about the messages, enums and services that the client uses, as JSON.
// Usage: go run . FILE..., with names of proto files such as kvrpcpb.proto.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/golang/protobuf/proto"
	_ "github.com/pingcap/kvproto/pkg/keyspacepb"
	_ "github.com/pingcap/kvproto/pkg/tikvpb"
	descriptor "google.golang.org/protobuf/types/descriptorpb"
)

type facts struct {
	// By message, then by field: number, label and type.
	Messages map[string]map[string]string `json:"messages"`
	// By enum, then by value.
	Enums map[string]map[string]int32 `json:"enums"`
	// By path of a method: what it takes and gives.
	Methods map[string]string `json:"methods"`
}

func main() {
	found := facts{map[string]map[string]string{}, map[string]map[string]int32{}, map[string]string{}}
	for _, name := range os.Args[1:] {
		if err := found.add(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (found facts) add(name string) error {
	packed := proto.FileDescriptor(name)
	if packed == nil {
		return fmt.Errorf("kvproto has no %s", name)
	}
	unpacking, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(unpacking)
	if err != nil {
		return err
	}
	var file descriptor.FileDescriptorProto
	if err := proto.Unmarshal(raw, &file); err != nil {
		return err
	}
	found.declarations(file.GetPackage(), file.MessageType, file.EnumType)
	for _, service := range file.Service {
		for _, method := range service.Method {
			path := file.GetPackage() + "." + service.GetName() + "/" + method.GetName()
			found.Methods[path] = fmt.Sprintf("%s%s -> %s%s",
				stream(method.GetClientStreaming()), plain(method.GetInputType()),
				stream(method.GetServerStreaming()), plain(method.GetOutputType()))
		}
	}
	return nil
}

func (found facts) declarations(scope string, messages []*descriptor.DescriptorProto, enums []*descriptor.EnumDescriptorProto) {
	for _, enum := range enums {
		values := map[string]int32{}
		for _, value := range enum.Value {
			values[value.GetName()] = value.GetNumber()
		}
		found.Enums[scope+"."+enum.GetName()] = values
	}
	for _, message := range messages {
		name := scope + "." + message.GetName()
		fields := map[string]string{}
		for _, field := range message.Field {
			fields[field.GetName()] = describe(field)
		}
		found.Messages[name] = fields
		found.declarations(name, message.NestedType, message.EnumType)
	}
}

func describe(field *descriptor.FieldDescriptorProto) string {
	kind := strings.ToLower(strings.TrimPrefix(field.GetType().String(), "TYPE_"))
	if field.GetTypeName() != "" {
		kind = plain(field.GetTypeName())
	}
	repeated := ""
	if field.GetLabel() == descriptor.FieldDescriptorProto_LABEL_REPEATED {
		repeated = "repeated "
	}
	return fmt.Sprintf("%d %s%s", field.GetNumber(), repeated, kind)
}

func stream(is bool) string {
	if is {
		return "stream "
	}
	return ""
}

func plain(name string) string { return strings.TrimPrefix(name, ".") }
