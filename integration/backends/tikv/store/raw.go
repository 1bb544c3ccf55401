package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"go.etcd.io/bbolt"
)

// rawStore keeps raw keys on disk, a bucket a column family, each value behind the second it expires in (0: never).
// PingCAP's store answers raw commands with nothing, so they are served from here. A write is synced when it returns.
type rawStore struct {
	db  *bbolt.DB
	now func() time.Time
}

const expiryBytes = 8

// keyByte stands before each key, because the file format has no empty keys.
const keyByte = 'k'

var errColumnFamily = errors.New("the column family must be default, write or lock")

func openRaw(path string) (*rawStore, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, family := range []string{"default", "write", "lock"} {
			if _, err := tx.CreateBucketIfNotExists([]byte(family)); err != nil {
				return err
			}
		}
		return nil
	})
	return &rawStore{db, time.Now}, err
}

func (s *rawStore) close() error { return s.db.Close() }

// rawTx is one transaction on a column family.
type rawTx struct {
	bucket *bbolt.Bucket
	now    uint64
}

func (s *rawStore) in(tx *bbolt.Tx, family string) (rawTx, error) {
	switch family {
	case "":
		family = "default"
	case "default", "write", "lock":
	default:
		return rawTx{}, errColumnFamily
	}
	return rawTx{tx.Bucket([]byte(family)), uint64(s.now().Unix())}, nil
}

func (s *rawStore) view(family string, do func(rawTx) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		in, err := s.in(tx, family)
		if err != nil {
			return err
		}
		return do(in)
	})
}

// update is one transaction on its own; concurrent ones share a sync.
func (s *rawStore) update(family string, do func(rawTx) error) error {
	return s.db.Batch(func(tx *bbolt.Tx) error {
		in, err := s.in(tx, family)
		if err != nil {
			return err
		}
		return do(in)
	})
}

func fileKey(key []byte) []byte { return append([]byte{keyByte}, key...) }

// live gives the value and the seconds it has left (0: for ever), unless it is absent or expired.
func (t rawTx) live(stored []byte) (value []byte, ttl uint64, found bool) {
	if stored == nil {
		return nil, 0, false
	}
	expiry := binary.BigEndian.Uint64(stored)
	if expiry != 0 && expiry <= t.now {
		return nil, 0, false
	}
	if expiry != 0 {
		ttl = expiry - t.now
	}
	return bytes.Clone(stored[expiryBytes:]), ttl, true
}

func (t rawTx) get(key []byte) (value []byte, ttl uint64, found bool) {
	return t.live(t.bucket.Get(fileKey(key)))
}

func (t rawTx) put(key, value []byte, ttl uint64) error {
	stored := make([]byte, expiryBytes, expiryBytes+len(value))
	if ttl != 0 {
		binary.BigEndian.PutUint64(stored, t.now+ttl)
	}
	return t.bucket.Put(fileKey(key), append(stored, value...))
}

func (t rawTx) delete(key []byte) error { return t.bucket.Delete(fileKey(key)) }

// scan visits live keys of [start, end), an empty end meaning no end, until the visitor returns false.
func (t rawTx) scan(start, end []byte, reverse bool, visit func(key, value []byte) bool) {
	cursor := t.bucket.Cursor()
	first, last := fileKey(start), []byte{keyByte + 1}
	if len(end) > 0 {
		last = fileKey(end)
	}
	within := func(key []byte) bool {
		return key != nil && bytes.Compare(key, first) >= 0 && bytes.Compare(key, last) < 0
	}
	key, stored := cursor.Seek(first)
	step := cursor.Next
	if reverse {
		step = cursor.Prev
		if key, stored = cursor.Seek(last); key == nil {
			key, stored = cursor.Last()
		} else {
			key, stored = cursor.Prev()
		}
	}
	for ; within(key); key, stored = step() {
		if value, _, found := t.live(stored); found && !visit(bytes.Clone(key[1:]), value) {
			return
		}
	}
}
