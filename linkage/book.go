package linkage

import (
	"encoding/binary"
	"io"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/bulk"
)

// item is an identifier as the protocols have it: its digest under the agreement's
// digest. It is not private: whoever holds it can try all phone numbers. It is never
// printed, sent or kept beyond a session or publication.
type item = bulk.Item

// book is who holds what: the different items, numbered in the order in which they
// came, and for each its holdings. It has no pointers but those of its chunks: at
// 10^8 items of one holding each it takes 45 bytes an item, and 16 more while it is
// written.
//
// What is put into it is only noted at first. Which items are the same is found for very
// many at a time, by settle: that takes a quarter of the time of looking each up in a
// table, which would lie in no cache.
type book struct {
	items list[item]
	kinds list[hashing.Kind]
	first list[holding] // of each item

	// original is a copy of the items, if keepItems was called: where they were there will be
	// values, see value.
	original list[item]

	more   list[holding] // of all items
	counts [1 << 8]int   // items of each kind
	held   int           // holdings of the settled items

	// ordinals says that a holding's place is how many holdings the item had before
	// it, and not the place that it was given with.
	ordinals bool

	caps    caps
	settled int // so many items are different from each other, and have their holdings
	hashes  list[uint64]
	keys    [2]uint64 // of the hashes
}

// holding says that an account, or a signal, holds an item. They are chained: the
// first of an item, the newest, and so on back to the second.
type holding struct {
	owner uint32 // which account or signal
	place uint32 // at which place among its identifiers, or see book.ordinals
	next  uint32 // which of book.more comes next, counted from 1; 0 if none does
}

// caps are what a book may have at most: each the name of a limit, and how many.
type caps struct{ items, holdings, each named }

type named struct {
	name string
	most int64
}

// noCaps are those of the numbers that there are.
func noCaps() caps {
	return caps{named{"Identifiers", most}, named{"Identifiers, as often as they are held,", most}, named{"SignalsPerIdentifier", most}}
}

func (n named) check(asked int) error { return limit(n.name, int64(asked), n.most) }

func newBook(ordinals bool) *book {
	return &book{ordinals: ordinals, caps: noCaps(), keys: [2]uint64{rand.Uint64(), rand.Uint64()}}
}

// len gives the number of items: of different ones, if the book is settled.
func (b *book) len() int { return b.items.len() }

// hash gives what items are told apart by at first. They are digests, and so as good as
// random already. The keys are for whoever can choose identifiers, and would like to choose
// many that fall together.
func (b *book) hash(it *item) uint64 {
	high, low := bits.Mul64(binary.LittleEndian.Uint64(it[:])^b.keys[0], binary.LittleEndian.Uint64(it[8:])^b.keys[1])
	return high ^ low
}

// put notes that owners hold items, with these hashes. An owner's must come without
// another's between them. The holdings are overwritten.
func (b *book) put(items []item, hashes []uint64, kinds []hashing.Kind, holdings []holding) {
	if b.ordinals {
		for i := range holdings {
			holdings[i].place = 0
		}
	}
	b.items.pushAll(items)
	b.hashes.pushAll(hashes)
	b.kinds.pushAll(kinds)
	b.first.pushAll(holdings)
	for _, k := range kinds {
		b.counts[k]++
	}
}

// firstLook is at how many things they are looked at for the first time; then whenever there
// are eight times as many, lest a source that goes round in circles be read for ever.
const firstLook = 1 << 16

// look is at how many items the book is to be settled: when there would be too many if they
// are all different, and seldom enough that it costs little in all.
func (b *book) look() int {
	n := b.settled
	over := int(min(b.caps.items.most, b.caps.holdings.most, most-intakeRun))
	return min(max(firstLook, 8*min(n, most/8)), max(over+1, n+n/4+firstLook), most-intakeRun)
}

// settle finds the items that are there already, and takes them out: their holdings are
// chained to the first. An owner that holds an item twice is noted once. If there is too much
// of something it says with whose holding that began; the book is of no use then.
func (b *book) settle() (owner uint32, err error) {
	all := b.items.len()
	var again []uint64 // which are there already, above 32 bits, and where
	repeats(&b.hashes, all, func(same []uint32) {
		for x, i := range same {
			for _, j := range same[:x] {
				if *b.items.at(i) == *b.items.at(j) {
					again = append(again, uint64(i)<<32|uint64(j))
					break
				}
			}
		}
	})
	slices.Sort(again)
	from, to := b.settled, b.settled
	for k := 0; ; k++ {
		end := all
		if k < len(again) {
			end = int(again[k] >> 32)
		}
		if at, err := b.room(to, end-from); err != nil {
			return b.first.at(uint32(from + at)).owner, err
		}
		to = b.move(to, from, end)
		if k == len(again) {
			break
		}
		// Before the one that it repeats stood others that have been taken out.
		i, j := uint32(end), uint32(again[k])
		before, _ := slices.BinarySearch(again[:k], uint64(j)<<32)
		h := *b.first.at(i)
		b.counts[*b.kinds.at(i)]--
		if err := b.hold(j-uint32(before), h); err != nil {
			return h.owner, err
		}
		from = end + 1
	}
	b.items.cut(to)
	b.kinds.cut(to)
	b.first.cut(to)
	b.hashes.cut(to)
	b.settled = to
	return 0, nil
}

// room says whether n new items have room behind so many, and if not which of them has
// none, and why.
func (b *book) room(before, n int) (at int, err error) {
	for _, c := range []struct {
		named
		have int
	}{{b.caps.items, before}, {b.caps.holdings, b.held}} {
		if fit := max(0, int(min(c.most, most))-c.have); fit < n {
			n, at, err = fit, fit, c.check(c.have+fit+1)
		}
	}
	return at, err
}

// move brings new items to where they stay.
func (b *book) move(to, from, end int) int {
	b.held += end - from
	if to == from {
		return end
	}
	for ; from < end; from, to = from+1, to+1 {
		i, j := uint32(to), uint32(from)
		*b.items.at(i), *b.hashes.at(i) = *b.items.at(j), *b.hashes.at(j)
		*b.kinds.at(i), *b.first.at(i) = *b.kinds.at(j), *b.first.at(j)
	}
	return to
}

// hold chains one more holding to an item.
func (b *book) hold(i uint32, h holding) error {
	first := b.first.at(i)
	newest := first
	if first.next != 0 {
		newest = b.more.at(first.next - 1)
	}
	if newest.owner == h.owner {
		return nil
	}
	if b.ordinals {
		h.place = newest.place + 1
		if err := b.caps.each.check(int(h.place) + 1); err != nil {
			return err
		}
	}
	b.held++
	if err := b.caps.holdings.check(b.held); err != nil {
		return err
	}
	h.next = first.next
	b.more.push(h)
	first.next = uint32(b.more.len())
	return nil
}

// close gives back what was needed to write the book only.
func (b *book) close() { b.hashes = list[uint64]{} }

// holding gives a holding of an item: the first at 0, and then those at the next of
// the last until that is 0.
func (b *book) holding(i, at uint32) *holding {
	if at == 0 {
		return b.first.at(i)
	}
	return b.more.at(at - 1)
}

// value gives the place of the function's value for an item: that of the item itself,
// which nothing needs any more when its value is known.
func (b *book) value(i uint32) *prf { return (*prf)(b.items.at(i)) }

// keepItems copies the items of a settled book, which has no further ones then.
func (b *book) keepItems() {
	for _, some := range b.items.chunks {
		b.original.pushAll(some)
	}
}

// erase overwrites all items and their values.
func (b *book) erase() {
	for _, some := range slices.Concat(b.items.chunks, b.original.chunks) {
		clear(some)
	}
}

// order gives the numbers of all items, kind by kind in the order given, which must
// be all kinds of the book. Within a kind they are shuffled: neither the order in which
// a service keeps its accounts is to be seen in it, nor anything of an item.
func (b *book) order(kinds []hashing.Kind, random io.Reader) ([]uint32, error) {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, &Error{Code: ErrInternal, cause: err}
	}
	var next [1 << 8]int
	at := 0
	for _, k := range kinds {
		next[k] = at
		at += b.counts[k]
	}
	out := make([]uint32, b.len())
	for i := range uint32(b.len()) {
		k := *b.kinds.at(i)
		out[next[k]] = i
		next[k]++
	}
	r := rand.New(rand.NewChaCha8(seed))
	for _, k := range kinds {
		part := out[next[k]-b.counts[k] : next[k]]
		r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return out, nil
}
