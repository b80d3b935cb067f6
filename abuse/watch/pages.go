package watch

import (
	"bytes"
	"encoding/binary"
	"slices"

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

// addition is an item for a list. Its first prefix bytes name what it is about: it takes the place
// of the item on the list that begins with the same.
type addition struct {
	key, item []byte
	prefix    int
}

func (a *addition) same(item []byte) bool { return bytes.HasPrefix(item, a.item[:a.prefix]) }

// addAll puts items on lists, with one Get for all that lists have of one page, and gives the
// indices of those that were not there before.
func addAll(w abuse.Writer, t abuse.Table, all []addition) (added []int, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	keys := make([][]byte, len(all))
	for i := range all {
		keys[i] = pageKey(all[i].key, 0)
	}
	firsts, err := w.Get(t, keys...)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(all))
	for i, a := range all {
		first := firsts[i]
		if seen[string(a.key)] {
			if first, err = get(w, t, keys[i]); err != nil {
				return nil, err
			}
		}
		seen[string(a.key)] = true
		was, err := addToList(w, t, a, first)
		if err != nil {
			return nil, err
		}
		if !was {
			added = append(added, i)
		}
	}
	return added, nil
}

// addToList puts an item on a list with that first page, and says whether one like it was there.
func addToList(w abuse.Writer, t abuse.Table, a addition, first []byte) (was bool, err error) {
	pages, items, err := parsePage(first)
	if err != nil {
		return false, err
	}
	pages = max(pages, 1)
	page, room := uint32(0), items // to which it goes, if it is not there
	for n := uint32(0); n < pages; n++ {
		if n > 0 {
			v, err := get(w, t, pageKey(a.key, n))
			if err != nil {
				return false, err
			}
			if _, items, err = parsePage(v); err != nil {
				return false, err
			}
			page, room = n, items
		}
		if i := slices.IndexFunc(items, a.same); i >= 0 {
			if bytes.Equal(items[i], a.item) {
				return true, nil
			}
			items[i] = a.item
			return true, w.Put(t, pageKey(a.key, n), formPage(pagesIn(n, pages), items))
		}
	}
	if len(room) < pageItems {
		return false, w.Put(t, pageKey(a.key, page), formPage(pagesIn(page, pages), append(room, a.item)))
	}
	_, items, err = parsePage(first)
	if err == nil {
		err = w.Put(t, pageKey(a.key, 0), formPage(pages+1, items))
	}
	if err != nil {
		return false, err
	}
	return false, w.Put(t, pageKey(a.key, pages), formPage(0, [][]byte{a.item}))
}

// dropFromList takes the items that begin with the prefix off a list.
func dropFromList(w abuse.Writer, t abuse.Table, key, prefix []byte) error {
	pages := uint32(1)
	left := 0
	for n := uint32(0); n < pages; n++ {
		v, err := get(w, t, pageKey(key, n))
		if err != nil {
			return err
		}
		if v == nil && n == 0 {
			return nil
		}
		in, items, err := parsePage(v)
		if err != nil {
			return err
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
			return err
		}
	}
	if left > 0 {
		return nil
	}
	for n := range pages {
		if err := w.Delete(t, pageKey(key, n)); err != nil {
			return err
		}
	}
	return nil
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
