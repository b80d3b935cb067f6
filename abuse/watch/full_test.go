package watch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// enrolMany enrols accounts with one number each, in runs.
func (w *town) enrolMany(name string, from, to int) {
	w.t.Helper()
	var all []linkage.Account
	for n := from; n < to; n++ {
		a := fmt.Sprint(name, n)
		w.people.put(a, phoneOf(w.t, n))
		all = append(all, linkage.Account{Ref: a, Identifiers: w.people.all[a]})
	}
	require.NoError(w.t, w.rec.Enrol(w.t.Context(), all))
}

// Rows of kept records that are full are found in to their last record, by the process that has written
// them and by the next, which reads them; and so many sign-ups that they are swept are found by what
// comes then, and by the next process as well.
func TestFullRowsAndSweep(t *testing.T) {
	const kept, swept, about = 2 * keptRecords, sweepFrom + 20, 20
	require.Equal(t, kept, linkage.PaddedCount(kept), "or the last record of a row may be padding")
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		w := newTown(t, protocol)
		require.NoError(t, w.base(0))
		w.settle()
		for n := range kept {
			w.report(n, 1, phoneOf(t, n))
		}
		w.settle()
		w.enrolMany("first-", 0, kept)
		w.startReceiver()
		w.enrolMany("next-", 0, kept)
		w.settle() // two, so that these are out of the way
		w.settle()
		w.check()
		require.Len(t, w.known(), 2*kept)

		was := w.cursor().mark
		w.enrolMany("swept-", 1000, 1000+swept)
		w.settle()
		require.Greater(t, w.cursor().mark, was)
		for round := range 2 {
			for n := range about {
				w.report(1000+2*n+round, 1, phoneOf(t, 1000+(2*n+round)*(swept/about/2)))
			}
			w.settle()
			w.check()
			require.Len(t, w.known(), 2*kept+(1+round)*about)
			w.startReceiver()
		}
	}
}
