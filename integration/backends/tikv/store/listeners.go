package main

import (
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc"
)

// listeners open and close the stores to clients, each on its own.
type listeners struct {
	mu     sync.Mutex
	fronts map[uint64]*front
	open   map[uint64]*grpc.Server
	failed chan<- error
}

// up starts to serve a store at its address.
func (l *listeners) up(store uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	front, known := l.fronts[store]
	if !known {
		return fmt.Errorf("store %d does not exist", store)
	}
	if l.open[store] != nil {
		return fmt.Errorf("store %d is up", store)
	}
	address, err := front.regions.GetStoreAddrByStoreID(store)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := front.server()
	l.open[store] = server
	go func() {
		if err := server.Serve(listener); err != nil {
			l.failed <- err
		}
	}()
	return nil
}

// down breaks the connections of a store and refuses new ones. The regions that it led are led by the next store that
// is up, as after an election; with none left they stay.
func (l *listeners) down(store uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	server := l.open[store]
	if server == nil {
		return fmt.Errorf("store %d is not up", store)
	}
	delete(l.open, store)
	server.Stop()
	regions := l.fronts[store].regions
	for _, r := range regions.list() {
		if r.leader.StoreId != store {
			continue
		}
		for _, peer := range r.meta.Peers {
			if l.open[peer.StoreId] == nil {
				continue
			}
			if _, err := regions.transfer(r.meta.Id, peer.StoreId); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

func (l *listeners) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, server := range l.open {
		server.Stop()
	}
}
