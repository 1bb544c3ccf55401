package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/pingcap/kvproto/pkg/errorpb"
	"github.com/pingcap/kvproto/pkg/kvrpcpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errDropped ends a call whose answer is never sent.
var errDropped = errors.New("the answer was dropped")

// hexBytes are bytes in JSON as hexadecimal digits.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// fault says which calls fail and how. What is left out of its scope matches everything. One that ends by its count
// meets only calls that came to the right place, so that a retry after a split is not counted twice; one that stays
// meets all.
type fault struct {
	ID uint64 `json:"id"`

	Command string   `json:"command,omitempty"` // the method, such as KvGet
	Store   uint64   `json:"store,omitempty"`
	Region  uint64   `json:"region,omitempty"`
	Start   hexBytes `json:"start,omitempty"` // any key of the call at or after it, as the client sends it
	End     hexBytes `json:"end,omitempty"`   // and before it
	Skip    int      `json:"skip,omitempty"`  // calls that pass first
	Count   int      `json:"count"`           // calls that fail; -1 until it is removed

	Kind        string          `json:"kind"` // regionError, keyError, status, drop, late
	RegionError json.RawMessage `json:"regionError,omitempty"`
	KeyError    json.RawMessage `json:"keyError,omitempty"`
	Code        string          `json:"code,omitempty"`    // of a status, such as Unavailable
	Applied     bool            `json:"applied,omitempty"` // a status or a drop comes after the work was done
	DelayMs     int             `json:"delayMs,omitempty"` // how late the answer is

	Hits int `json:"hits"`

	regionError *errorpb.Error
	keyError    *kvrpcpb.KeyError
	code        codes.Code
}

// check reads what the kind needs, and names what is wrong.
func (f *fault) check() error {
	if f.Command != "" && commands[f.Command] == nil {
		return fmt.Errorf("command %q is not a unary method of the service", f.Command)
	}
	if f.Count == 0 || f.Count < -1 || f.Skip < 0 {
		return fmt.Errorf("count must be positive, or -1, and skip not negative")
	}
	switch f.Kind {
	case "regionError":
		f.regionError = &errorpb.Error{}
		return read("regionError", f.RegionError, f.regionError)
	case "keyError":
		if f.Command == "" || !commands[f.Command].hasKeyError() {
			return fmt.Errorf("keyError needs a command whose answer can carry one, got %q", f.Command)
		}
		f.keyError = &kvrpcpb.KeyError{}
		return read("keyError", f.KeyError, f.keyError)
	case "status":
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			if code.String() == f.Code {
				f.code = code
				return nil
			}
		}
		return fmt.Errorf("code %q is not one of %s", f.Code, statusCodes())
	case "drop":
		return nil
	case "late":
		if f.DelayMs <= 0 {
			return fmt.Errorf("late needs a positive delayMs")
		}
		return nil
	}
	return fmt.Errorf("kind %q is not one of regionError, keyError, status, drop, late", f.Kind)
}

type message interface {
	Reset()
	String() string
	ProtoMessage()
}

func read(field string, from json.RawMessage, to message) error {
	if len(from) == 0 {
		return fmt.Errorf("%s is missing", field)
	}
	if err := jsonpb.Unmarshal(bytes.NewReader(from), to); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}

func (f *fault) matches(command string, store uint64, about about, misrouted bool) bool {
	if misrouted && f.Count != -1 {
		return false
	}
	if f.Command != "" && f.Command != command || f.Store != 0 && f.Store != store {
		return false
	}
	if f.Kind == "regionError" && !commands[command].routed {
		return false
	}
	if f.Region != 0 && f.Region != about.context.GetRegionId() {
		return false
	}
	if f.Start == nil && f.End == nil {
		return true
	}
	for _, key := range append(about.keys[:len(about.keys):len(about.keys)], about.first) {
		if key != nil && bytes.Compare(key, f.Start) >= 0 && (f.End == nil || bytes.Compare(key, f.End) < 0) {
			return true
		}
	}
	return false
}

// answersAtOnce tells that the work is not done.
func (f *fault) answersAtOnce() bool {
	return f.Kind == "regionError" || f.Kind == "keyError" || f.Kind != "late" && !f.Applied
}

func (f *fault) answer(ctx context.Context, command *command) (any, error) {
	switch f.Kind {
	case "regionError":
		return command.regionError(f.regionError), nil
	case "keyError":
		return command.keyError(f.keyError), nil
	case "status":
		return nil, status.Error(f.code, "injected")
	}
	<-ctx.Done()
	return nil, errDropped
}

// after takes the answer to work that was done.
func (f *fault) after(ctx context.Context, command *command, response any) (any, error) {
	if f.Kind != "late" {
		return f.answer(ctx, command)
	}
	select {
	case <-time.After(time.Duration(f.DelayMs) * time.Millisecond):
		return response, nil
	case <-ctx.Done():
		return nil, errDropped
	}
}

// faultList holds the faults in the order they were added; the first that matches a call is used.
type faultList struct {
	mu   sync.Mutex
	last uint64
	list []*fault
}

func (l *faultList) add(f *fault) error {
	if err := f.check(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	f.ID, f.Hits = l.last, 0
	l.list = append(l.list, f)
	return nil
}

// take counts a call against the first fault that matches it and is not used up.
func (l *faultList) take(command string, store uint64, about about, misrouted bool) *fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		if f.Count == 0 || !f.matches(command, store, about, misrouted) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Count > 0 {
			f.Count--
		}
		f.Hits++
		return f
	}
	return nil
}

func (l *faultList) all() []fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]fault, len(l.list))
	for i, f := range l.list {
		all[i] = *f
	}
	return all
}

// clear removes every fault. Calls that are held by one stay held.
func (l *faultList) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

func statusCodes() string {
	var names []string
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		names = append(names, code.String())
	}
	return strings.Join(names, ", ")
}
