package strength

import (
	"maps"
	"math"
	"slices"
)

// shared fits Typical and Stray of a field to what EM has found of the pairs.
//
// A right agreement on what n accounts hold has p(n) as the part of right ones; a wrong one is
// p(n)*(n-1+Stray), but for a factor that makes the sum 1. Of one kind alone nothing is known of
// which are right but the kind itself, and so Stray stays as it is.
func (e *em) shared(s *state, f *Field) {
	if f.Typical == 0 {
		return
	}
	right, wrong := map[int]float64{}, map[int]float64{}
	for j := range e.cells { // in the order of cells, so that sums are the same each time
		for n, pairs := range e.cells[j].shared[f.Kind] {
			right[n] += pairs * s.right[j]
			wrong[n] += pairs * (1 - s.right[j])
		}
	}
	accounts, known := e.pseudo*f.Typical, e.pseudo
	counts := slices.Sorted(maps.Keys(right))
	for _, n := range counts {
		accounts += float64(n) * right[n]
		known += right[n]
	}
	base := f.Stray
	f.Typical = min(max(accounts/known, 1), MaxTypical)
	if e.kinds() < 2 || len(counts) < 2 {
		return
	}
	// The logarithm of the likelihood of wrong ones, and of what Base says: that Stray is Base's
	// within a factor of ten, at one standard deviation for four imagined pairs.
	likelihood := func(stray float64) float64 {
		all, sum := 0.0, 0.0
		l := -.5 * e.pseudo / 4 * math.Pow(math.Log10(stray/base), 2)
		for _, n := range counts {
			w := float64(n) - 1 + stray
			sum += right[n] * w
			l += wrong[n] * math.Log(w)
			all += wrong[n]
		}
		return l - all*math.Log(sum)
	}
	best := likelihood(base)
	for step := range 181 { // twenty a decade
		stray := math.Pow(10, -6+float64(step)/20)
		if l := likelihood(stray); l > best {
			best, f.Stray = l, stray
		}
	}
	f.Stray = min(max(f.Stray, MinStray), MaxStray)
}
