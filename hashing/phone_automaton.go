package hashing

import (
	"encoding/binary"
	"iter"
	"regexp/syntax"
	"slices"
)

// An automaton recognises strings of ASCII digits by a regular expression, as a
// table: one look-up a digit, where package regexp takes most of a microsecond.
// The patterns are those of libphonenumber and our own, never somebody's input.
//
// A nil automaton matches nothing.
type automaton struct {
	next   [][10]int16 // state and digit to state; state 0 is the dead end
	accept []bool
}

// newAutomaton builds the table by the subset construction. An empty pattern
// gives nil. Only $ is known of the zero-width assertions, and it is passed over:
// no pattern goes on behind it.
func newAutomaton(pattern string) *automaton {
	if pattern == "" {
		return nil
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic("hashing: pattern of a numbering plan: " + err.Error())
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		panic("hashing: pattern of a numbering plan: " + err.Error())
	}
	a := &automaton{next: make([][10]int16, 1), accept: make([]bool, 1)}
	seen := map[string]int16{}
	var sets [][]uint32 // the places in prog that a state stands for
	state := func(set []uint32) int16 {
		if len(set) == 0 {
			return 0
		}
		slices.Sort(set)
		var key []byte
		for _, pc := range set {
			key = binary.BigEndian.AppendUint32(key, pc)
		}
		if s, ok := seen[string(key)]; ok {
			return s
		}
		s := int16(len(a.next))
		seen[string(key)] = s
		a.next = append(a.next, [10]int16{})
		a.accept = append(a.accept, slices.ContainsFunc(set, func(pc uint32) bool {
			return prog.Inst[pc].Op == syntax.InstMatch
		}))
		sets = append(sets, set)
		return s
	}
	state(reach(prog, nil, uint32(prog.Start)))
	for done := 0; done < len(sets); done++ {
		for digit := range 10 {
			var set []uint32
			for _, pc := range sets[done] {
				if prog.Inst[pc].MatchRune(rune('0' + digit)) {
					set = reach(prog, set, prog.Inst[pc].Out)
				}
			}
			a.next[done+1][digit] = state(set)
		}
	}
	return a
}

// reach adds to set the places at which prog reads a digit or is done, as far as
// they can be reached from pc without reading.
func reach(prog *syntax.Prog, set []uint32, pc uint32) []uint32 {
	visited := make([]bool, len(prog.Inst))
	var walk func(uint32)
	walk = func(pc uint32) {
		if visited[pc] {
			return
		}
		visited[pc] = true
		switch inst := prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			walk(inst.Out)
			walk(inst.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			walk(inst.Out)
		case syntax.InstFail:
		default:
			if !slices.Contains(set, pc) {
				set = append(set, pc)
			}
		}
	}
	walk(pc)
	return set
}

// matches reports whether the whole of digits is matched.
func (a *automaton) matches(digits string) bool {
	if a == nil {
		return false
	}
	s := int16(1)
	for i := 0; i < len(digits); i++ {
		if s = a.next[s][digits[i]-'0']; s == 0 {
			return false
		}
	}
	return a.accept[s]
}

// prefixes gives the lengths, from one on, of the beginnings of digits that are
// matched.
func (a *automaton) prefixes(digits string) iter.Seq[int] {
	return func(yield func(int) bool) {
		if a == nil {
			return
		}
		s := int16(1)
		for i := 0; i < len(digits); i++ {
			if s = a.next[s][digits[i]-'0']; s == 0 || a.accept[s] && !yield(i+1) {
				return
			}
		}
	}
}
