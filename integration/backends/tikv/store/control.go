package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/pingcap/tidb/pkg/util/codec"
)

// control is the API that tests steer the cluster with: JSON over HTTP, keys in hexadecimal digits.
type control struct {
	regions *topology
	faults  *faultList
	stores  *listeners
}

type storeView struct {
	ID      uint64 `json:"id"`
	Address string `json:"address"`
}

type peerView struct {
	ID    uint64 `json:"id"`
	Store uint64 `json:"store"`
}

type regionView struct {
	ID      uint64     `json:"id"`
	Start   hexBytes   `json:"start"` // as PD has it
	End     hexBytes   `json:"end"`
	Version uint64     `json:"version"`
	ConfVer uint64     `json:"confVer"`
	Term    uint64     `json:"term"`
	Leader  peerView   `json:"leader"`
	Peers   []peerView `json:"peers"`
}

func view(r *region) regionView {
	v := regionView{
		ID: r.meta.Id, Start: r.meta.StartKey, End: r.meta.EndKey,
		Version: r.meta.RegionEpoch.Version, ConfVer: r.meta.RegionEpoch.ConfVer,
		Term: r.term, Leader: peerView{r.leader.Id, r.leader.StoreId},
	}
	for _, peer := range r.meta.Peers {
		v.Peers = append(v.Peers, peerView{peer.Id, peer.StoreId})
	}
	return v
}

func views(regions []*region) []regionView {
	all := make([]regionView, len(regions))
	for i, r := range regions {
		all[i] = view(r)
	}
	return all
}

func (c control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stores", func(w http.ResponseWriter, _ *http.Request) {
		var all []storeView
		for _, store := range c.regions.stores {
			all = append(all, storeView{store.Id, store.Address})
		}
		reply(w, all, nil)
	})
	mux.HandleFunc("GET /regions", func(w http.ResponseWriter, _ *http.Request) { reply(w, views(c.regions.list()), nil) })
	mux.HandleFunc("POST /split", handle(func(ask struct {
		Key hexBytes `json:"key"`
		Raw bool     `json:"raw"`
	}) (any, error) {
		if len(ask.Key) == 0 {
			return nil, errors.New("key is missing: give it in hexadecimal digits")
		}
		bound := []byte(ask.Key)
		if !ask.Raw {
			bound = codec.EncodeBytes(nil, ask.Key)
		}
		pieces, err := c.regions.split(bound)
		return views(pieces), err
	}))
	mux.HandleFunc("POST /merge", handle(func(ask struct {
		Region uint64 `json:"region"`
	}) (any, error) {
		merged, err := c.regions.merge(ask.Region)
		if err != nil {
			return nil, err
		}
		return view(merged), nil
	}))
	mux.HandleFunc("POST /transfer", handle(func(ask struct {
		Region uint64 `json:"region"`
		Store  uint64 `json:"store"`
	}) (any, error) {
		moved, err := c.regions.transfer(ask.Region, ask.Store)
		if err != nil {
			return nil, err
		}
		return view(moved), nil
	}))
	mux.HandleFunc("POST /down", handle(func(ask struct {
		Store uint64 `json:"store"`
	}) (any, error) {
		return struct{}{}, c.stores.down(ask.Store)
	}))
	mux.HandleFunc("POST /up", handle(func(ask struct {
		Store uint64 `json:"store"`
	}) (any, error) {
		return struct{}{}, c.stores.up(ask.Store)
	}))
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.faults.all(), nil) })
	mux.HandleFunc("POST /faults", handle(func(ask fault) (any, error) {
		if err := c.faults.add(&ask); err != nil {
			return nil, err
		}
		return map[string]uint64{"id": ask.ID}, nil
	}))
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		c.faults.clear()
		reply(w, struct{}{}, nil)
	})
	return mux
}

func handle[Ask any](do func(Ask) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var ask Ask
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&ask); err != nil {
			reply(w, nil, err)
			return
		}
		answer, err := do(ask)
		reply(w, answer, err)
	}
}

func reply(w http.ResponseWriter, answer any, failure error) {
	w.Header().Set("Content-Type", "application/json")
	if failure != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]string{"error": failure.Error()}
	}
	// A client that went away cannot be told.
	_ = json.NewEncoder(w).Encode(answer)
}
