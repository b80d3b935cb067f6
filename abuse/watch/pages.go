package watch

import (
	"bytes"
	"encoding/binary"

	"github.com/hueandcry/hueandcry/abuse"
)

// A list of items under one key is kept in pages: one Get of many keys finds what is on many lists,
// and a device that ten thousand accounts share is not written anew as a whole for the next.
//
// key ‖ BE32 page -> version ‖ BE32 pages in all (in page 0; else 0) ‖ BE32 length ‖ item, and so on.
const pageItems = 64

func pageKey(key []byte, page uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(key)+4), key...), page)
}

// lists gives the items of many lists, in the order of the keys.
func lists(r abuse.Reader, t abuse.Table, keys [][]byte) ([][][]byte, error) {
	out := make([][][]byte, len(keys))
	asked := make([][]byte, len(keys))
	for i, k := range keys {
		asked[i] = pageKey(k, 0)
	}
	values, err := r.Get(t, asked...)
	if err != nil {
		return nil, err
	}
	var further [][]byte
	var whose []int
	for i, v := range values {
		if v == nil {
			continue
		}
		pages, items, err := parsePage(v)
		if err != nil {
			return nil, err
		}
		out[i] = items
		for page := uint32(1); page < pages; page++ {
			further, whose = append(further, pageKey(keys[i], page)), append(whose, i)
		}
	}
	if len(further) == 0 {
		return out, nil
	}
	if values, err = r.Get(t, further...); err != nil {
		return nil, err
	}
	for n, v := range values {
		if v == nil {
			continue // it has become empty
		}
		_, items, err := parsePage(v)
		if err != nil {
			return nil, err
		}
		out[whose[n]] = append(out[whose[n]], items...)
	}
	return out, nil
}

// addition is an item for a list. Its first prefix bytes name the account that it is about: it takes
// the place of the item on the list that begins with the same.
type addition struct {
	key, item []byte
	prefix    int
}

// list is one list while items are put on it: each page is read once, and written once if it changed.
type list struct {
	key   []byte
	pages []page
	where map[string]place // by what an item is about
	room  int              // pages below this one are full
}

type page struct {
	items   [][]byte
	changed bool
}

type place struct{ page, item int }

// addAll puts items on lists, and gives the indices of those that were not there before. All pages
// of all lists are read by two Gets: ten thousand accounts that share a device cost what ten thousand
// with a device each do.
func addAll(w abuse.Writer, t abuse.Table, all []addition) (added []int, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	keys := make([][]byte, len(all))
	for i := range all {
		keys[i] = all[i].key
	}
	known, order, err := openLists(w, t, keys)
	if err != nil {
		return nil, err
	}
	for i, a := range all {
		if known[string(a.key)].put(string(a.item[:a.prefix]), a.item) {
			added = append(added, i)
		}
	}
	return added, writeLists(w, t, order)
}

// openLists reads lists, each once, and gives them by key and in the order of the keys.
func openLists(r abuse.Reader, t abuse.Table, keys [][]byte) (known map[string]*list, order []*list, err error) {
	if len(keys) == 0 {
		return nil, nil, nil
	}
	known = make(map[string]*list, len(keys))
	for _, key := range keys {
		if known[string(key)] == nil {
			l := &list{key: key, where: map[string]place{}}
			known[string(key)] = l
			order = append(order, l)
		}
	}
	return known, order, readLists(r, t, order)
}

func writeLists(w abuse.Writer, t abuse.Table, all []*list) error {
	for _, l := range all {
		if err := l.write(w, t); err != nil {
			return err
		}
	}
	return nil
}

// readLists reads all pages.
func readLists(r abuse.Reader, t abuse.Table, all []*list) error {
	type wanted struct {
		*list
		page int
	}
	var next []wanted
	for _, l := range all {
		l.pages = make([]page, 1)
		next = append(next, wanted{l, 0})
	}
	for len(next) > 0 {
		asked := next
		keys := make([][]byte, len(asked))
		for i, a := range asked {
			keys[i] = pageKey(a.key, uint32(a.page))
		}
		values, err := r.Get(t, keys...)
		if err != nil {
			return err
		}
		next = nil
		for i, v := range values {
			l, n := asked[i].list, asked[i].page
			pages, items, err := parsePage(v)
			if err != nil {
				return err
			}
			for n == 0 && len(l.pages) < int(pages) {
				next = append(next, wanted{l, len(l.pages)})
				l.pages = append(l.pages, page{})
			}
			l.pages[n].items = items
			for at, item := range items {
				account, _, ok := splitAccount(item)
				if !ok {
					return damaged("list")
				}
				l.where[string(item[:2+len(account)])] = place{n, at}
			}
		}
	}
	return nil
}

// get gives the item about something, nil if there is none.
func (l *list) get(about string) []byte {
	at, ok := l.where[about]
	if !ok {
		return nil
	}
	return l.pages[at.page].items[at.item]
}

// first gives an item that is on the list, nil if it is empty.
func (l *list) first() []byte {
	for _, p := range l.pages {
		if len(p.items) > 0 {
			return p.items[0]
		}
	}
	return nil
}

// put puts an item on the list, and says whether nothing about the same was there.
func (l *list) put(about string, item []byte) (added bool) {
	if at, ok := l.where[about]; ok {
		p := &l.pages[at.page]
		if !bytes.Equal(p.items[at.item], item) {
			p.items[at.item], p.changed = item, true
		}
		return false
	}
	for l.room < len(l.pages) && len(l.pages[l.room].items) >= pageItems {
		l.room++
	}
	if l.room == len(l.pages) {
		l.pages = append(l.pages, page{})
		l.pages[0].changed = true // it has the number of pages
	}
	p := &l.pages[l.room]
	l.where[about] = place{l.room, len(p.items)}
	p.items, p.changed = append(p.items, item), true
	return true
}

func (l *list) write(w abuse.Writer, t abuse.Table) error {
	for n, p := range l.pages {
		if !p.changed {
			continue
		}
		if err := w.Put(t, pageKey(l.key, uint32(n)), formPage(pagesIn(uint32(n), uint32(len(l.pages))), p.items)); err != nil {
			return err
		}
	}
	return nil
}

// dropFromList takes the items that begin with the prefix off a list, and gives how many are left.
func dropFromList(w abuse.Writer, t abuse.Table, key, prefix []byte) (left int, err error) {
	pages := uint32(1)
	for n := uint32(0); n < pages; n++ {
		v, err := get(w, t, pageKey(key, n))
		if err != nil {
			return 0, err
		}
		if v == nil && n == 0 {
			return 0, nil
		}
		in, items, err := parsePage(v)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			pages = in
		}
		kept := items[:0]
		for _, it := range items {
			if !bytes.HasPrefix(it, prefix) {
				kept = append(kept, it)
			}
		}
		left += len(kept)
		if len(kept) == len(items) {
			continue
		}
		if err := w.Put(t, pageKey(key, n), formPage(pagesIn(n, pages), kept)); err != nil {
			return 0, err
		}
	}
	if left > 0 {
		return left, nil
	}
	for n := range pages {
		if err := w.Delete(t, pageKey(key, n)); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func pagesIn(page, pages uint32) uint32 {
	if page == 0 {
		return pages
	}
	return 0
}

func formPage(pages uint32, items [][]byte) []byte {
	size := 5
	for _, it := range items {
		size += 4 + len(it)
	}
	f := newFields(size)
	f.uint32(pages)
	for _, it := range items {
		f.bytes(it)
	}
	return f
}

func parsePage(v []byte) (pages uint32, items [][]byte, err error) {
	if v == nil {
		return 0, nil, nil
	}
	p := newRow(v)
	pages = p.u32()
	for len(p.b) > 0 && !p.bad {
		items = append(items, p.bytes())
	}
	return pages, items, p.end()
}
