package vole

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// chunkLength is the vector of a chunk of 2^20 identifiers, if there is but one.
const chunkLength = 1305696

// BenchmarkSession is both parties on one core, base OTs and all, in memory used before.
func BenchmarkSession(b *testing.B) {
	for _, n := range []int{1, 88032, 354944, chunkLength} {
		p := newParams(b, n)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var theirs, ours Space
			for b.Loop() {
				r, s := pairOf(p, 1, 1)
				r.Space, s.Space = &theirs, &ours
				complete(b, r, s)
			}
			fromReceiver, fromSender := p.Sent()
			b.ReportMetric(float64(fromReceiver), "receiver-B")
			b.ReportMetric(float64(fromSender), "sender-B")
		})
	}
}

// BenchmarkStep is each step of each party, in their order.
func BenchmarkStep(b *testing.B) {
	p := newParams(b, chunkLength)
	var theirs, ours Space
	c := make([]gf128.Element, p.length)
	for i, name := range []string{
		"receiver/point", "sender/choices", "receiver/extend", "sender/trees",
		"receiver/puncture", "sender/answer and code", "receiver/check and code",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				r, s := pairOf(p, 1, 1)
				r.Space, s.Space = &theirs, &ours
				messages := until(b, r, s, i)
				party, last := stepper{receiver: r}, []byte(nil)
				if i > 0 {
					last = messages[i-1]
				}
				if i%2 == 1 {
					party = stepper{sender: s}
				}
				b.StartTimer()
				_, _, err := party.step(last)
				require.NoError(b, err)
				switch i {
				case 5:
					s.Ahead()
				case 6:
					r.Finish(c)
				}
			}
		})
	}
}

// BenchmarkPart is the parts of the long steps.
func BenchmarkPart(b *testing.B) {
	p := newParams(b, chunkLength)
	v := make([]gf128.Element, p.noise())
	for i := range v {
		v[i].Lo = uint64(i) * 0x9e3779b97f4a7c15
	}
	c := newCode([32]byte{1}, p.noise()-p.inner)
	s := newSession(p, [32]byte{1})
	for name, run := range map[string]groupsFunc{"portable": groupsPortable, "best": accumulateGroups} {
		b.Run("accumulate once/"+name, func(b *testing.B) {
			for b.Loop() {
				accumulate(v[p.inner:], c.words(0, 0), run)
			}
		})
	}
	for name, gather := range map[string]func(y, x []gf128.Element, bits []byte){"portable": gatherPortable, "best": gather} {
		b.Run("expand/"+name, func(b *testing.B) {
			for b.Loop() {
				for part := range weight {
					start, size := c.part(part)
					w := c.words(rounds+part, 0)
					for y := v[:p.inner]; len(y) > 0; {
						n := min(len(y), wordsAtOnce)
						gather(y[:n], v[p.inner+start:][:size], w.take(n))
						y = y[n:]
					}
				}
			}
		})
	}
	b.Run("evaluate", func(b *testing.B) {
		for b.Loop() {
			p.evaluate(v, gf128.Element{Lo: 3, Hi: 5})
		}
	})
	b.Run("grow", func(b *testing.B) {
		message := make([]byte, 0, p.treeSize())
		scratch := make([]gf128.Element, p.width(p.depth-1))
		rows := make([]gf128.Element, p.depth)
		for b.Loop() {
			for j := range p.trees {
				s.growTree(message, v[j*p.leaves:][:p.leaves], scratch, j, v[j], v[j], v[j], rows)
			}
		}
	})
}
