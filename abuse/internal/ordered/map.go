// Package ordered has the ordered map that the memory store is made of, and in which the
// other stores keep what a transaction has written: a B+ tree whose states can be held on to.
package ordered

import (
	"bytes"
	"iter"
	"slices"
)

// degree is how many entries a node has at most. Small ones make copies cheap.
const degree = 32

// Map goes from keys to values, in the order in which bytes compare. The zero Map is empty.
// It neither copies nor changes what it is given. One goroutine may change a Map; what
// Snapshot gave is read by any number of others meanwhile.
type Map struct {
	root  *node
	owner *owner
	n     int
}

// owner stands for the right to change a node in place: a node with another owner is copied.
// It has a byte so that two of them have two addresses.
type owner struct{ _ byte }

// node is a leaf, with values, or has children: then keys[i] is not above what child i holds.
// The first child also takes all that is lower, so that keys[0] may be anything.
type node struct {
	owner    *owner
	keys     [][]byte
	values   [][]byte
	children []*node
}

// Len gives the number of entries.
func (m *Map) Len() int { return m.n }

// Snapshot gives the state as it is, at no cost; both Maps may go on from there.
func (m *Map) Snapshot() Map {
	m.owner = nil // whoever changes a node from now on copies it
	return Map{root: m.root, n: m.n}
}

// Get gives the value of a key.
func (m *Map) Get(key []byte) ([]byte, bool) {
	for n := m.root; n != nil; {
		if n.children != nil {
			n = n.children[n.child(key)]
			continue
		}
		if i, found := n.find(key); found {
			return n.values[i], true
		}
		return nil, false
	}
	return nil, false
}

// Put sets the value of a key.
func (m *Map) Put(key, value []byte) {
	if m.owner == nil {
		m.owner = new(owner)
	}
	if m.root == nil {
		m.root = &node{owner: m.owner}
	}
	left, right := m.put(m.root, key, value)
	m.root = left
	if right != nil {
		m.root = &node{owner: m.owner, keys: [][]byte{left.keys[0], right.keys[0]}, children: []*node{left, right}}
	}
}

// Delete takes a key out.
func (m *Map) Delete(key []byte) {
	if _, found := m.Get(key); !found {
		return
	}
	if m.owner == nil {
		m.owner = new(owner)
	}
	m.n--
	m.root = m.remove(m.root, key)
	for m.root != nil && len(m.root.children) == 1 {
		m.root = m.root.children[0]
	}
}

// Range gives the entries with from <= key < to in ascending order. A to of nil is the end.
func (m *Map) Range(from, to []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		if m.root != nil {
			m.root.walk(from, to, yield)
		}
	}
}

func (n *node) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(n.keys, key, bytes.Compare)
}

// child says which child holds the key, if any does. The key of the first child is not asked.
func (n *node) child(key []byte) int {
	i, found := slices.BinarySearchFunc(n.keys[1:], key, bytes.Compare)
	if found {
		i++
	}
	return i
}

// own gives a node that may be changed in place.
func (m *Map) own(n *node) *node {
	if n.owner == m.owner {
		return n
	}
	c := &node{owner: m.owner, keys: slices.Grow(slices.Clone(n.keys), 1)}
	if n.children != nil {
		c.children = slices.Grow(slices.Clone(n.children), 1)
	} else {
		c.values = slices.Grow(slices.Clone(n.values), 1)
	}
	return c
}

func (m *Map) put(n *node, key, value []byte) (left, right *node) {
	n = m.own(n)
	if n.children == nil {
		i, found := n.find(key)
		if found {
			n.keys[i], n.values[i] = key, value // the old key may share memory with the old value
			return n, nil
		}
		m.n++
		n.keys, n.values = slices.Insert(n.keys, i, key), slices.Insert(n.values, i, value)
		return n, m.split(n, i)
	}
	i := n.child(key)
	l, r := m.put(n.children[i], key, value)
	n.children[i] = l
	if r == nil {
		return n, nil
	}
	n.keys, n.children = slices.Insert(n.keys, i+1, r.keys[0]), slices.Insert(n.children, i+1, r)
	return n, m.split(n, i+1)
}

// split cuts a node that has become too large, and gives the upper part. What came last in
// order begins a new node: keys that come in order leave full nodes behind.
func (m *Map) split(n *node, added int) *node {
	if len(n.keys) <= degree {
		return nil
	}
	at := len(n.keys) / 2
	if added == len(n.keys)-1 {
		at = added
	}
	r := &node{owner: m.owner, keys: slices.Clone(n.keys[at:])}
	clear(n.keys[at:])
	n.keys = n.keys[:at]
	if n.children != nil {
		r.children = slices.Clone(n.children[at:])
		clear(n.children[at:])
		n.children = n.children[:at]
	} else {
		r.values = slices.Clone(n.values[at:])
		clear(n.values[at:])
		n.values = n.values[:at]
	}
	return r
}

// remove takes out a key that is there; an empty node is gone, a small one stays small.
func (m *Map) remove(n *node, key []byte) *node {
	n = m.own(n)
	if n.children == nil {
		i, _ := n.find(key)
		n.keys, n.values = slices.Delete(n.keys, i, i+1), slices.Delete(n.values, i, i+1)
	} else {
		i := n.child(key)
		if c := m.remove(n.children[i], key); c != nil {
			n.children[i] = c
		} else {
			n.keys, n.children = slices.Delete(n.keys, i, i+1), slices.Delete(n.children, i, i+1)
		}
	}
	if len(n.keys) == 0 {
		return nil
	}
	return n
}

// walk says whether to go on.
func (n *node) walk(from, to []byte, yield func([]byte, []byte) bool) bool {
	if n.children == nil {
		i, _ := n.find(from)
		for ; i < len(n.keys); i++ {
			if to != nil && bytes.Compare(n.keys[i], to) >= 0 || !yield(n.keys[i], n.values[i]) {
				return false
			}
		}
		return true
	}
	for i := n.child(from); i < len(n.children); i++ {
		if !n.children[i].walk(from, to, yield) {
			return false
		}
	}
	return true
}
