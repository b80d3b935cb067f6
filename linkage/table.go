package linkage

import "math/bits"

// most is the most things of one sort that a session can number: the accounts or
// signals, the identifiers, the further holdings of identifiers, the records. Numbers
// have 32 bits, and the one past the last must have some too.
const most = 1<<32 - 2

// table numbers different things in the order in which they come, 0, 1, 2 …, and
// gives the number of a thing that has come before. It holds no thing itself: who
// uses it keeps them by number, hashes them and compares them. The zero table is
// empty.
//
// It is a hash table with linear probing, of five bytes a slot. What is looked
// through are the marks, eight bits of the hash each: the things themselves, which
// lie elsewhere in memory, are looked at where eight bits agree and hardly ever in
// vain.
//
// Hashes are of 64 bits and must be made with a random seed: who could foresee them
// could choose things that all begin at one slot.
type table struct {
	marks   []uint8 // zero where free
	numbers []uint32
	n       uint32
}

// number gives the number of the thing with the hash h, and whether it is new. What
// same and hash are asked about are numbers given before. There must be fewer than
// most of these.
func (t *table) number(h uint64, same func(uint32) bool, hash func(uint32) uint64) (n uint32, isNew bool) {
	if int(t.n) >= len(t.marks)/4*3 {
		t.grow(hash)
	}
	mark := markOf(h)
	at := t.start(h)
	for ; t.marks[at] != 0; at = t.after(at) {
		if t.marks[at] == mark && same(t.numbers[at]) {
			return t.numbers[at], false
		}
	}
	n = t.n
	t.marks[at], t.numbers[at] = mark, n
	t.n++
	return n, true
}

// markOf takes the lowest bits, where start takes the highest.
func markOf(h uint64) uint8 { return uint8(h) | 0x80 }

func (t *table) start(h uint64) int {
	at, _ := bits.Mul64(h, uint64(len(t.marks)))
	return int(at)
}

func (t *table) after(at int) int {
	if at++; at < len(t.marks) {
		return at
	}
	return 0
}

// grow makes the table anew from the hashes of what it has numbered. The old one is
// let go of first, so that there are never two.
func (t *table) grow(hash func(uint32) uint64) {
	size := max(16, 2*len(t.marks))
	t.marks, t.numbers = nil, nil
	t.marks, t.numbers = make([]uint8, size), make([]uint32, size)
	for n := range t.n {
		h := hash(n)
		at := t.start(h)
		for t.marks[at] != 0 {
			at = t.after(at)
		}
		t.marks[at], t.numbers[at] = markOf(h), n
	}
}
