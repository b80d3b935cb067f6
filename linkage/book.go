package linkage

import (
	"errors"
	"hash/maphash"
	"io"
	"math/rand/v2"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/bulk"
)

// item is an identifier as the protocols have it: its digest under the agreement's
// digest. It is not private: whoever holds it can try all phone numbers. It is never
// printed, sent or kept beyond a session or publication.
type item = bulk.Item

// book is who holds what: the different items, numbered in the order in which they
// came, and for each its holdings. It has no pointers but those of its chunks: at
// 10^8 items of one holding each it takes 45 bytes an item, and 11 to 16 more while
// it is written.
type book struct {
	items  list[item]
	kinds  list[hashing.Kind]
	first  list[holding] // of each item
	more   list[holding] // of all items
	counts [1 << 8]int   // different items of each kind

	// ordinals says that a holding's place is how many holdings the item had before
	// it, and not the place that it was given with.
	ordinals bool

	most  int // holdings beyond the first, and items; less than the constant in tests
	found table
	seed  maphash.Seed
}

// holding says that an account, or a signal, holds an item. They are chained: the
// first of an item, the newest, and so on back to the second.
type holding struct {
	owner uint32 // which account or signal
	place uint32 // at which place among its identifiers, or see book.ordinals
	next  uint32 // which of book.more comes next, counted from 1; 0 if none does
}

func newBook(ordinals bool) *book {
	return &book{ordinals: ordinals, most: most, seed: maphash.MakeSeed()}
}

// len gives the number of different items.
func (b *book) len() int { return b.items.len() }

// hash gives the hash of an item for add.
func (b *book) hash(it *item) uint64 { return maphash.Bytes(b.seed, it[:]) }

// errBookFull says that numbers of 32 bits do not reach.
var errBookFull = errors.New("more than 2^32 holdings of identifiers that are held more than once")

// prepare gets ready for items with the given hashes, to be added next.
func (b *book) prepare(hashes []uint64) { b.found.prepare(hashes) }

// add notes that an owner holds an item and gives the holding. added is false if it
// was noted already; the holdings of one owner must come without another's between
// them.
func (b *book) add(it *item, hash uint64, kind hashing.Kind, owner, place uint32) (h holding, added bool, err error) {
	i, isNew := b.found.number(hash, func(i uint32) bool { return *b.items.at(i) == *it })
	h = holding{owner: owner, place: place}
	if isNew {
		if err := limit("Identifiers", int64(b.len())+1, int64(b.most)); err != nil {
			return holding{}, false, err
		}
		if b.ordinals {
			h.place = 0
		}
		b.items.push(*it)
		b.kinds.push(kind)
		b.first.push(h)
		b.counts[kind]++
		return h, true, nil
	}
	first := b.first.at(i)
	newest := first
	if first.next != 0 {
		newest = b.more.at(first.next - 1)
	}
	if newest.owner == owner {
		return *newest, false, nil
	}
	if b.more.len() >= b.most {
		return holding{}, false, &Error{Code: ErrInput, cause: errBookFull}
	}
	if b.ordinals {
		h.place = newest.place + 1
	}
	h.next = first.next
	b.more.push(h)
	first.next = uint32(b.more.len())
	return h, true, nil
}

// close gives back what was needed to write the book only.
func (b *book) close() { b.found = table{} }

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

// erase overwrites all items, or their values.
func (b *book) erase() {
	for _, some := range b.items.chunks {
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
