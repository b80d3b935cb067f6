package vole

import "github.com/hueandcry/hueandcry/linkage/internal/gf128"

// Space is memory that one session after another uses for its vectors, so that the
// system need not find and clear new pages for each; at a million places that is a
// fifth of a session. It belongs to one party, and to one session at a time. The zero
// value is ready and empty; it grows to the greatest session, some 32 bytes a place,
// and for a receiver with several workers 48. It holds secrets as long as it lives.
type Space struct{ vectors [2][]gf128.Element }

// vector gives n places of any content; a nil Space gives new ones.
func (s *Space) vector(i, n int) []gf128.Element {
	if s == nil {
		return make([]gf128.Element, n)
	}
	if cap(s.vectors[i]) < n {
		s.vectors[i] = make([]gf128.Element, n)
	}
	return s.vectors[i][:n]
}

// Clear overwrites what the space holds.
func (s *Space) Clear() {
	for _, v := range s.vectors {
		clear(v[:cap(v)])
	}
}
