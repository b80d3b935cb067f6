package watch

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Records are kept for accounts that come later, some in each sealed row, with the tags of the live
// generation alone, keyed. A base is closed, so that its tags never match later.
//
// kept: BE64 era ‖ BE64 batch ‖ BE32 first record -> version ‖ sealed (linkage.Record.Shelve)*

// keptRecords is how many records a row has at most: a sign-up with a signal opens the whole row, and
// each row is 61 bytes more.
const keptRecords = 64

// shelf finds kept records by keyed tag. It is an index in memory, some 50 bytes a record, over
// rows of the store, and stands at a place of the feed as a cursor does.
type shelf struct {
	agreement *linkage.Agreement
	era       uint64
	keeper    *linkage.Keeper

	mu        sync.RWMutex
	at        position
	next      []byte              // the key after the last row that was read
	rows      []position          // of the rows
	tags      map[[16]byte]uint64 // where the first record under the tag is: row ‖ 16 bits of record
	revised   map[[16]byte]later  // the last word under tags that there were, by alias and tag
	retracted map[[16]byte]uint64 // sequences, by alias
	adds      int64               // records, and
	retracts  int64
	inRow     uint64 // records of the last row that were read
}

func newShelf(a *linkage.Agreement, era uint64, k *linkage.Keeper) *shelf {
	return &shelf{agreement: a, era: era, keeper: k, next: be64(era), tags: map[[16]byte]uint64{}, revised: map[[16]byte]later{}, retracted: map[[16]byte]uint64{}}
}

const shelfSlice = 64 // rows read at once

// refresh reads what was kept since, up to where the cursor stands.
func (s *shelf) refresh(ctx context.Context, store abuse.Store) error {
	for {
		s.mu.RLock()
		next, was := s.next, s.at
		s.mu.RUnlock()
		var rows []abuse.Row
		var c cursor
		err := store.View(ctx, func(r abuse.Reader) (err error) {
			rows = nil
			if c, _, err = cursorOf(r, s.era); err != nil || c.at == was {
				return err
			}
			rows, err = r.Scan(abuse.Kept, next, after(be64(s.era)), shelfSlice)
			return err
		})
		if err != nil {
			return err
		}
		s.mu.Lock()
		for _, row := range rows {
			if err == nil && slices.Compare(row.Key, s.next) >= 0 { // else another has read it meanwhile
				err = s.add(row)
			}
		}
		done := len(rows) < shelfSlice
		if done && err == nil && s.at.before(c.at) {
			s.at = c.at
		}
		s.mu.Unlock()
		if done || err != nil {
			return err
		}
	}
}

// take takes in rows that were just committed, if it stands where the cursor stood before; else
// it says no, and refresh will find them.
func (s *shelf) take(before, at position, rows []keptRow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at != before {
		return false
	}
	for _, row := range rows {
		if slices.Compare(row.key, s.next) < 0 {
			continue
		}
		s.begin(row.key)
		for n, r := range row.records {
			s.index(r, func(identifier int) [16]byte { return row.tag(n, identifier) })
		}
	}
	s.at = at
	return true
}

// later is a record under a tag that another had before. If it is of another signal nobody asks for it.
type later struct{ where, sequence uint64 }

// under joins alias and tag. Who chose the alias does not know the tag as it is keyed here, so that two
// pairs are one only by chance.
func under(alias, tag [16]byte) (key [16]byte) {
	subtle.XORBytes(key[:], alias[:], tag[:])
	return key
}

// totals are how many records of a feed add a signal, padding included, and how many take one back, up
// to a place.
type totals struct {
	adds, retracts int64
	at             position
}

// totals gives those of what is on the shelf. Not to be called within an Update: who asks the shelf reads
// the store meanwhile, and that one may have no connection left but the Update's.
func (s *shelf) totals() totals {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return totals{s.adds, s.retracts, s.at}
}

// begin begins the next row.
func (s *shelf) begin(key []byte) {
	s.rows = append(s.rows, position{binary.BigEndian.Uint64(key[8:]), binary.BigEndian.Uint32(key[16:])})
	s.next = append(slices.Clone(key), 0)
	s.inRow = 0
}

// index takes in the next record of the row, with its keyed tags of the live generation.
func (s *shelf) index(r linkage.Record, tag func(identifier int) [16]byte) {
	switch r.Operation() {
	case linkage.Add:
		s.adds++
	case linkage.Retract:
		s.retracts++
		s.retracted[r.Alias()] = max(s.retracted[r.Alias()], r.Sequence())
	}
	where := uint64(len(s.rows)-1)<<16 | s.inRow
	for identifier := range r.Identifiers() {
		t := tag(identifier)
		// Nearly all are new, and looking first would make that two accesses to a large map.
		known := len(s.tags)
		if s.tags[t] += where; len(s.tags) > known {
			continue
		}
		s.tags[t] -= where // it was there: what it has stays
		key := under(r.Alias(), t)
		if l := (later{where, r.Sequence()}); l.sequence > s.revised[key].sequence {
			s.revised[key] = l
		}
	}
	s.inRow++
}

func (s *shelf) add(row abuse.Row) error {
	if len(row.Key) != keptKeySize {
		return damaged("kept")
	}
	var records []linkage.Record
	if err := s.each(row.Key, row.Value, func(r linkage.Record) bool {
		records = append(records, r)
		return true
	}); err != nil {
		return err
	}
	s.begin(row.Key)
	for _, r := range records {
		s.index(r, func(identifier int) [16]byte { return r.Tag(identifier, 0) }) // keyed when it was kept
	}
	return nil
}

// each gives the records of a row, in order, until f says that it has what it wants.
func (s *shelf) each(key, value []byte, f func(linkage.Record) bool) error {
	switch {
	case len(value) < 1:
		return damaged("kept")
	case value[0] > rowVersion:
		return errNewer
	case value[0] != rowVersion:
		return damaged("kept")
	}
	plain, err := s.keeper.OpenBytes(nil, value[1:], key)
	if err != nil {
		return damaged("kept")
	}
	for len(plain) > 0 {
		var r linkage.Record
		if r, plain, err = linkage.ParseShelved(s.agreement, plain); err != nil {
			return damaged("kept")
		}
		if !f(r) {
			break
		}
	}
	return nil
}

// keptRow is a row of records that are being kept.
type keptRow struct {
	key, value []byte
	records    []linkage.Record
	tag        func(n, identifier int) [16]byte // keyed, of the nth of them
}

// shelve makes the rows of records from a place of a batch on.
func shelve(k *linkage.Keeper, era uint64, at position, records []linkage.Record) (rows []keptRow) {
	var plain []byte
	for some := range slices.Chunk(records, keptRecords) {
		plain = plain[:0]
		for _, r := range some {
			plain = r.Shelve(plain, k)
		}
		key := keptKey(era, at)
		rows = append(rows, keptRow{key, k.SealBytes([]byte{rowVersion}, plain, key), some, nil})
		at.record += uint32(len(some))
	}
	return rows
}

// found is a kept record about an identifier.
type found struct {
	word
	nth uint32
}

// find gives the records about an identifier that are not retracted, of each tag the last word of the
// signal that had it first, and the number under which the next one on it will come. at is the place
// for which that is true.
func (s *shelf) find(ctx context.Context, store abuse.Store, kept linkage.Kept, most int64) (all []found, next uint32, at position, unreadable int, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for ; int64(next) < most; next++ {
		k := s.keeper.Nth(kept, int(next))
		where, ok := s.tags[k.Tag]
		if !ok {
			break
		}
		record, identifier, err := s.pick(ctx, store, where, k.Tag)
		if err != nil {
			return nil, 0, position{}, 0, err
		}
		words := []aboutOne{{record, identifier}}
		if l := s.revised[under(record.Alias(), k.Tag)]; l.sequence > record.Sequence() {
			if record, identifier, err = s.pick(ctx, store, l.where, k.Tag); err != nil {
				return nil, 0, position{}, 0, err
			}
			words = []aboutOne{{record, identifier}, words[0]}
		}
		for _, said := range words {
			if sequence, ok := s.retracted[said.Alias()]; ok && sequence >= said.Sequence() {
				break
			}
			o, err := s.keeper.Open(k, int(next), said.identifier, 0, said.Record)
			if err == nil {
				all = append(all, found{word{o.Signal, said.Sequence(), o.Label, name{s.era, s.keeper.Tag(said.Alias())}}, next})
				break
			}
			unreadable++ // what was said before stands
		}
	}
	return all, next, s.at, unreadable, nil
}

// aboutOne is a record, and which of its identifiers it is about.
type aboutOne struct {
	linkage.Record
	identifier int
}

// pick gives a record, and which of its identifiers has the tag.
func (s *shelf) pick(ctx context.Context, store abuse.Store, where uint64, tag [16]byte) (r linkage.Record, identifier int, err error) {
	key, n := keptKey(s.era, s.rows[where>>16]), where&0xffff
	var value []byte
	if err := store.View(ctx, func(r abuse.Reader) (err error) {
		value, err = get(r, abuse.Kept, key)
		return err
	}); err != nil {
		return r, -1, err
	}
	if value == nil {
		return r, -1, errCursor // the era has been dropped
	}
	identifier = -1
	err = s.each(key, value, func(one linkage.Record) bool {
		if n > 0 {
			n--
			return true
		}
		r = one
		for i := range r.Identifiers() {
			if r.Tag(i, 0) == tag {
				identifier = i
			}
		}
		return false
	})
	if err == nil && identifier < 0 {
		err = damaged("kept")
	}
	return r, identifier, err
}
