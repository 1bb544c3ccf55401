package main

import (
	"bytes"
	"context"
	"hash/crc64"

	"github.com/pingcap/kvproto/pkg/kvrpcpb"
	"google.golang.org/protobuf/encoding/protowire"
)

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (f *front) RawGet(_ context.Context, ask *kvrpcpb.RawGetRequest) (*kvrpcpb.RawGetResponse, error) {
	answer := &kvrpcpb.RawGetResponse{}
	answer.Error = errorText(f.raw.view(ask.Cf, func(tx rawTx) error {
		value, _, found := tx.get(ask.Key)
		answer.Value, answer.NotFound = value, !found
		return nil
	}))
	return answer, nil
}

func (f *front) RawGetKeyTTL(_ context.Context, ask *kvrpcpb.RawGetKeyTTLRequest) (*kvrpcpb.RawGetKeyTTLResponse, error) {
	answer := &kvrpcpb.RawGetKeyTTLResponse{}
	answer.Error = errorText(f.raw.view(ask.Cf, func(tx rawTx) error {
		_, ttl, found := tx.get(ask.Key)
		answer.Ttl, answer.NotFound = ttl, !found
		return nil
	}))
	return answer, nil
}

func (f *front) RawBatchGet(_ context.Context, ask *kvrpcpb.RawBatchGetRequest) (*kvrpcpb.RawBatchGetResponse, error) {
	answer := &kvrpcpb.RawBatchGetResponse{}
	err := f.raw.view(ask.Cf, func(tx rawTx) error {
		for _, key := range ask.Keys {
			if value, _, found := tx.get(key); found {
				answer.Pairs = append(answer.Pairs, &kvrpcpb.KvPair{Key: key, Value: value})
			}
		}
		return nil
	})
	if err != nil {
		answer.Pairs = []*kvrpcpb.KvPair{{Error: &kvrpcpb.KeyError{Abort: err.Error()}}}
	}
	return answer, nil
}

func (f *front) RawPut(_ context.Context, ask *kvrpcpb.RawPutRequest) (*kvrpcpb.RawPutResponse, error) {
	err := f.raw.update(ask.Cf, func(tx rawTx) error { return tx.put(ask.Key, ask.Value, ask.Ttl) })
	return &kvrpcpb.RawPutResponse{Error: errorText(err)}, nil
}

func (f *front) RawBatchPut(_ context.Context, ask *kvrpcpb.RawBatchPutRequest) (*kvrpcpb.RawBatchPutResponse, error) {
	ttls := ask.Ttls
	if len(ttls) == 0 {
		ttls = []uint64{ask.Ttl}
	}
	if len(ttls) != 1 && len(ttls) != len(ask.Pairs) {
		return &kvrpcpb.RawBatchPutResponse{Error: "ttls must be one or as many as pairs"}, nil
	}
	err := f.raw.update(ask.Cf, func(tx rawTx) error {
		for i, pair := range ask.Pairs {
			if err := tx.put(pair.Key, pair.Value, ttls[min(i, len(ttls)-1)]); err != nil {
				return err
			}
		}
		return nil
	})
	return &kvrpcpb.RawBatchPutResponse{Error: errorText(err)}, nil
}

func (f *front) RawDelete(_ context.Context, ask *kvrpcpb.RawDeleteRequest) (*kvrpcpb.RawDeleteResponse, error) {
	err := f.raw.update(ask.Cf, func(tx rawTx) error { return tx.delete(ask.Key) })
	return &kvrpcpb.RawDeleteResponse{Error: errorText(err)}, nil
}

func (f *front) RawBatchDelete(_ context.Context, ask *kvrpcpb.RawBatchDeleteRequest) (*kvrpcpb.RawBatchDeleteResponse, error) {
	err := f.raw.update(ask.Cf, func(tx rawTx) error {
		for _, key := range ask.Keys {
			if err := tx.delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	return &kvrpcpb.RawBatchDeleteResponse{Error: errorText(err)}, nil
}

func (f *front) RawDeleteRange(_ context.Context, ask *kvrpcpb.RawDeleteRangeRequest) (*kvrpcpb.RawDeleteRangeResponse, error) {
	start, end := f.clamp(ask.Context, ask.StartKey, ask.EndKey)
	err := f.raw.update(ask.Cf, func(tx rawTx) error {
		var keys [][]byte
		tx.scan(start, end, false, func(key, _ []byte) bool {
			keys = append(keys, key)
			return true
		})
		for _, key := range keys {
			if err := tx.delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	return &kvrpcpb.RawDeleteRangeResponse{Error: errorText(err)}, nil
}

func (f *front) RawScan(_ context.Context, ask *kvrpcpb.RawScanRequest) (*kvrpcpb.RawScanResponse, error) {
	pairs, err := f.rawScan(ask.Context, ask.Cf, ask.StartKey, ask.EndKey, ask.Limit, ask.KeyOnly, ask.Reverse)
	if err != nil {
		pairs = []*kvrpcpb.KvPair{{Error: &kvrpcpb.KeyError{Abort: err.Error()}}}
	}
	return &kvrpcpb.RawScanResponse{Kvs: pairs}, nil
}

func (f *front) RawBatchScan(_ context.Context, ask *kvrpcpb.RawBatchScanRequest) (*kvrpcpb.RawBatchScanResponse, error) {
	answer := &kvrpcpb.RawBatchScanResponse{}
	for _, part := range ask.Ranges {
		pairs, err := f.rawScan(ask.Context, ask.Cf, part.StartKey, part.EndKey, ask.EachLimit, ask.KeyOnly, ask.Reverse)
		if err != nil {
			return &kvrpcpb.RawBatchScanResponse{Kvs: []*kvrpcpb.KvPair{{Error: &kvrpcpb.KeyError{Abort: err.Error()}}}}, nil
		}
		answer.Kvs = append(answer.Kvs, pairs...)
	}
	return answer, nil
}

// rawScan reads [start, end), or [end, start) downwards in reverse, as far as the region goes.
func (f *front) rawScan(ctx *kvrpcpb.Context, family string, start, end []byte, limit uint32, keyOnly, reverse bool) (pairs []*kvrpcpb.KvPair, err error) {
	if reverse {
		start, end = end, start
	}
	start, end = f.clamp(ctx, start, end)
	if limit == 0 {
		return nil, nil
	}
	err = f.raw.view(family, func(tx rawTx) error {
		tx.scan(start, end, reverse, func(key, value []byte) bool {
			if keyOnly {
				value = nil
			}
			pairs = append(pairs, &kvrpcpb.KvPair{Key: key, Value: value})
			return len(pairs) < int(limit)
		})
		return nil
	})
	return pairs, err
}

// clamp keeps a range inside the region of the request, which was checked before.
func (f *front) clamp(ctx *kvrpcpb.Context, start, end []byte) ([]byte, []byte) {
	found := f.regions.byID(ctx.GetRegionId())
	if found == nil {
		return start, start // merged away since: nothing is left of it
	}
	from, to := found.meta.StartKey, found.meta.EndKey
	if ctx.GetApiVersion() == kvrpcpb.APIVersion_V2 {
		from, to = decoded(from), decoded(to)
	}
	if bytes.Compare(from, start) > 0 {
		start = from
	}
	if len(end) == 0 || len(to) > 0 && bytes.Compare(to, end) < 0 {
		end = to
	}
	return start, end
}

// RawCompareAndSwap also deletes where the request's field 8 says so, which this kvproto does not know yet.
func (f *front) RawCompareAndSwap(_ context.Context, ask *kvrpcpb.RawCASRequest) (*kvrpcpb.RawCASResponse, error) {
	answer := &kvrpcpb.RawCASResponse{}
	answer.Error = errorText(f.raw.update(ask.Cf, func(tx rawTx) error {
		value, _, found := tx.get(ask.Key)
		answer.PreviousNotExist, answer.PreviousValue = !found, value
		if found == ask.PreviousNotExist || found && !bytes.Equal(value, ask.PreviousValue) {
			answer.Succeed = false
			return nil
		}
		answer.Succeed = true
		if boolField(ask.XXX_unrecognized, 8) {
			return tx.delete(ask.Key)
		}
		return tx.put(ask.Key, ask.Value, ask.Ttl)
	}))
	return answer, nil
}

func (f *front) RawChecksum(_ context.Context, ask *kvrpcpb.RawChecksumRequest) (*kvrpcpb.RawChecksumResponse, error) {
	answer := &kvrpcpb.RawChecksumResponse{}
	table := crc64.MakeTable(crc64.ECMA)
	answer.Error = errorText(f.raw.view("", func(tx rawTx) error {
		for _, part := range ask.Ranges {
			start, end := f.clamp(ask.Context, part.StartKey, part.EndKey)
			tx.scan(start, end, false, func(key, value []byte) bool {
				answer.Checksum ^= crc64.Update(crc64.Update(0, table, key), table, value)
				answer.TotalKvs++
				answer.TotalBytes += uint64(len(key) + len(value))
				return true
			})
		}
		return nil
	}))
	return answer, nil
}

func boolField(unknown []byte, number protowire.Number) bool {
	for len(unknown) > 0 {
		found, kind, size := protowire.ConsumeTag(unknown)
		if size < 0 {
			return false
		}
		unknown = unknown[size:]
		if found == number && kind == protowire.VarintType {
			value, _ := protowire.ConsumeVarint(unknown)
			return value != 0
		}
		if size = protowire.ConsumeFieldValue(found, kind, unknown); size < 0 {
			return false
		}
		unknown = unknown[size:]
	}
	return false
}
