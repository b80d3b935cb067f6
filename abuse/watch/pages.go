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

// addToList puts an item on a list, in the place of those that begin with the same prefix: prefix
// is the first part of the item, which names what it is about.
func addToList(w abuse.Writer, t abuse.Table, key, item []byte, prefix int) error {
	first, err := get(w, t, pageKey(key, 0))
	if err != nil {
		return err
	}
	pages, items := uint32(1), [][]byte(nil)
	if first != nil {
		if pages, items, err = parsePage(first); err != nil {
			return err
		}
	}
	page, room := uint32(0), items
	for n := uint32(0); n < pages; n++ {
		if n > 0 {
			v, err := get(w, t, pageKey(key, n))
			if err != nil {
				return err
			}
			if _, items, err = parsePage(v); err != nil {
				return err
			}
		}
		for i, it := range items {
			if len(it) >= prefix && bytes.Equal(it[:prefix], item[:prefix]) {
				items[i] = item
				return w.Put(t, pageKey(key, n), formPage(pagesIn(n, pages), items))
			}
		}
		if n == 0 || len(room) >= pageItems {
			page, room = n, items
		}
	}
	if len(room) >= pageItems {
		page, room = pages, nil
		pages++
		if err := repage(w, t, key, first, pages); err != nil {
			return err
		}
	}
	return w.Put(t, pageKey(key, page), formPage(pagesIn(page, pages), append(room, item)))
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

func repage(w abuse.Writer, t abuse.Table, key, first []byte, pages uint32) error {
	_, items, err := parsePage(first)
	if err != nil {
		return err
	}
	return w.Put(t, pageKey(key, 0), formPage(pages, items))
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
