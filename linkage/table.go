package linkage

import "math"

// most is the most things of one sort that a session can number: the accounts or
// signals, the identifiers, the further holdings of identifiers, the records. Numbers
// have 32 bits, and the one past the last must have some too; and they are used as int.
const most = math.MaxInt & (1<<32 - 2)

// table numbers different things in the order in which they come, 0, 1, 2 …, and
// gives the number of a thing that has come before. It holds no thing itself: who
// uses it keeps them by number, hashes them and compares them. The zero table is
// empty.
//
// It is a hash table with linear probing, of eight bytes a slot: half of the thing's
// hash, and its number plus one. Things themselves, which lie elsewhere in memory, are
// looked at where the halves agree, and hardly ever in vain.
//
// A large table is in no cache, and waiting for memory takes longer than all else. So
// things are numbered by the thousand: prepare asks for the memory of all, of which
// the processor fetches much at once. And slots are in the order of the hashes, so that
// a table that grows is read and written from one end to the other.
//
// Hashes must be made with a random seed: who could foresee them could choose things
// that all begin at one slot.
type table struct {
	slots   []uint64
	n       uint32
	touched uint64 // keeps the compiler from leaving out what is read for nothing
}

// prepare makes room for things with the given hashes, and has their slots near.
func (t *table) prepare(some []uint64) {
	for int(t.n)+len(some) > t.room() {
		t.grow()
	}
	for _, h := range some {
		t.touched += t.slots[t.start(h>>32)]
	}
}

// number gives the number of the thing with the hash, for which prepare has made room,
// and whether it is new. What same is asked about are numbers given before. There
// must be fewer than most of these.
func (t *table) number(hash uint64, same func(uint32) bool) (n uint32, isNew bool) {
	half := hash >> 32
	at := t.start(half)
	for ; t.slots[at] != 0; at = t.after(at) {
		if s := t.slots[at]; s>>32 == half && same(uint32(s)-1) {
			return uint32(s) - 1, false
		}
	}
	n = t.n
	t.n++
	t.slots[at] = half<<32 | uint64(t.n)
	return n, true
}

// start gives the slot at which the half of a hash begins: the higher the later.
func (t *table) start(half uint64) int { return int(half * uint64(len(t.slots)) >> 32) }

func (t *table) after(at int) int {
	if at++; at < len(t.slots) {
		return at
	}
	return 0
}

// From so many slots on memory counts more than time.
const spacious = 1 << 25

// room is how many things the table takes before it grows. At half full a thing is found in the
// first slot or the next, at three quarters it takes eight looks until one is new.
func (t *table) room() int {
	if len(t.slots) > spacious {
		return len(t.slots) / 4 * 3
	}
	return len(t.slots) / 2
}

func (t *table) grow() {
	old := t.slots
	size := len(old) * 4
	switch {
	case len(old) >= spacious:
		size = len(old) / 2 * 3
	case len(old) >= spacious/64:
		size = len(old) * 2
	}
	t.slots = make([]uint64, max(64, size))
	for _, s := range old {
		if s != 0 {
			at := t.start(s >> 32)
			for t.slots[at] != 0 {
				at = t.after(at)
			}
			t.slots[at] = s
		}
	}
}
